"""A plain U-Net for segmentation: twice convolution, batch norm and ReLU at each level, transposed convolutions on the way up.

After Ronneberger et al. 2015 as usually written for PyTorch: padded convolutions, batch norm, in-place ReLU.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from app.architectures.batch import held_indices
from app.architectures.image_classifier import RGB, Activation, ImageClassifier, MaxPool, Sequential, refuse_checkpointing
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.convolutions import BatchNorm, Conv2d, TransposedConv2d
from app.tape.modules import Module
from app.tape.operators import Window
from app.tape.tensor import Tape, Tensor
from app.workloads.fields import invalid_field


@dataclass(frozen=True, slots=True, kw_only=True)
class UNetSpec:
    """Channels at the first level, doubled at each of `depth` levels below it."""

    base_channels: int = 64
    depth: int = 4
    classes: int = 2
    in_channels: int = RGB


def double_convolution(inputs: int, outputs: int) -> Sequential:
    """Twice 3x3 convolution, batch norm, ReLU."""
    layers: list[Module] = []
    for width in (inputs, outputs):
        layers += [Conv2d(width, outputs, 3, Window.centred(3), bias=False), BatchNorm(outputs), Activation()]
    return Sequential(*layers)


class UNet(ImageClassifier):
    """Images to a class score for every pixel, [batch, classes, height, width]."""

    family: ClassVar[str] = "convolutional"
    default_image = (512, 512)

    def __init__(self, spec: UNetSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.channels, self.depth = spec.in_channels, spec.depth
        widths = [spec.base_channels * 2**level for level in range(spec.depth + 1)]
        steps = list(pairwise(widths))
        self.inc = double_convolution(spec.in_channels, widths[0])
        self.down = [Sequential(MaxPool(2, 2), double_convolution(upper, lower)) for upper, lower in steps]
        self.up = [TransposedConv2d(lower, upper, 2, Window(stride=2)) for upper, lower in reversed(steps)]
        self.dec = [double_convolution(2 * upper, upper) for upper, _ in reversed(steps)]
        self.out = Conv2d(widths[0], spec.classes, 1)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores of every pixel."""
        features = [self.inc(x)]
        for down in self.down:
            features.append(down(features[-1]))
        x = features.pop()
        for up, decode in zip(self.up, self.dec, strict=True):
            x = decode(op.concatenate([features.pop(), up(x)], axis=1))
        return self.out(x)

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean cross-entropy over all pixels. Raises InvalidInput where the image cannot be halved often enough."""
        images = self.images(tape, inputs)
        labels = held_indices(tape, inputs.batch, *images.shape[2:])
        return op.cross_entropy(self.logits(images), labels)

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of images, whose sides must be multiples of 2^depth."""
        height, width = inputs.image or self.default_image
        if height % 2**self.depth or width % 2**self.depth:
            raise invalid_field("image_size", f"both sides must be multiples of {2**self.depth} for a U-Net of depth {self.depth}")
        return super().images(tape, inputs)
