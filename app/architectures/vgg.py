"""VGG, with and without batch norm.

Written as timm 1.0.31 computes it (timm/models/vgg.py): the first two dense layers are convolutions.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.image_classifier import RGB, Activation, ImageClassifier, MaxPool, Sequential, refuse_checkpointing
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.convolutions import BatchNorm, Conv2d
from app.tape.modules import Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tensor

WIDTHS = (64, 128, 256, 512, 512)
HEAD_WIDTH, HEAD_KERNEL = 4096, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class VggSpec:
    """Convolutions of each of the five stages, and whether batch norm follows each."""

    depths: tuple[int, int, int, int, int]
    norm: bool = False
    classes: int = 1000
    channels: int = RGB


class PreLogits(Module):
    """The dense layers before the classifier, as a 7x7 and a 1x1 convolution; smaller maps are averaged up to 7x7."""

    def __init__(self) -> None:
        self.fc1 = Conv2d(WIDTHS[-1], HEAD_WIDTH, HEAD_KERNEL)
        self.fc2 = Conv2d(HEAD_WIDTH, HEAD_WIDTH, 1)

    def __call__(self, x: Tensor) -> Tensor:
        if min(x.shape[2:]) < HEAD_KERNEL:
            x = op.adaptive_average_pool(x, tuple(max(HEAD_KERNEL, length) for length in x.shape[2:]))
        x = self.fc1(x)
        x = op.relu_(x)
        x = self.fc2(x)
        return op.relu_(x)


class Classifier(Module):
    """Global average pooling and a linear layer."""

    def __init__(self, inputs: int, classes: int) -> None:
        self.fc = Linear(inputs, classes)

    def __call__(self, x: Tensor) -> Tensor:
        x = op.global_average_pool(x)
        return self.fc(x)


class Vgg(ImageClassifier):
    """Five stages of 3x3 convolutions, each ended by max pooling, then three dense layers."""

    family: ClassVar[str] = "convolutional"
    smallest: ClassVar[int] = 32

    def __init__(self, spec: VggSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.channels = spec.channels
        self.features = Sequential(*_features(spec))
        self.pre_logits = PreLogits()
        self.head = Classifier(HEAD_WIDTH, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.features(x)
        x = self.pre_logits(x)
        return self.head(x)


def _features(spec: VggSpec) -> list[Module]:
    layers: list[Module] = []
    inputs = spec.channels
    for width, depth in zip(WIDTHS, spec.depths, strict=True):
        for _ in range(depth):
            layers += [Conv2d(inputs, width, 3, Window.centred(3)), *([BatchNorm(width)] if spec.norm else []), Activation()]
            inputs = width
        layers.append(MaxPool(2, 2))
    return layers


_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
SPECS = {f"vgg{layers}{suffix}": VggSpec(depths=depths, norm=bool(suffix)) for layers, depths in _DEPTHS.items() for suffix in ("", "_bn")}
