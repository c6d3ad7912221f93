"""MLP-Mixer: feed-forward layers across patches, then across channels.

Written as timm 1.0.31 computes it (timm/models/mlp_mixer.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.image_classifier import RGB, ImageClassifier
from app.architectures.network import Inputs, Options, block_kinds
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tape, Tensor
from app.workloads.fields import invalid_field


@dataclass(frozen=True, slots=True, kw_only=True)
class MixerSpec:
    """Channels, blocks and patch size. Half the channels are the inner width across patches, four times as many across channels."""

    hidden: int
    layers: int
    patch: int
    image: int = 224
    classes: int = 1000
    channels: int = RGB


class FeedForward(Module):
    """Two projections with GELU between them."""

    def __init__(self, width: int, inner: int) -> None:
        self.fc1, self.fc2 = Linear(width, inner), Linear(inner, width)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        x = op.activation(x, "gelu")
        return self.fc2(x)


class Block(Module):
    """Mixing of patches, then of channels, each on the normed residual stream."""

    def __init__(self, spec: MixerSpec, patches: int) -> None:
        self.norm1, self.norm2 = LayerNorm(spec.hidden), LayerNorm(spec.hidden)
        self.mlp_tokens = FeedForward(patches, spec.hidden // 2)
        self.mlp_channels = FeedForward(spec.hidden, 4 * spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        x = op.add(x, self._mix_patches(self.norm1(x)))
        return op.add(x, self.mlp_channels(self.norm2(x)))

    def _mix_patches(self, x: Tensor) -> Tensor:
        """The patches become the last dimension, which costs a copy before the first product."""
        mixed = self.mlp_tokens(op.copied(x.transpose(1, 2)))
        return op.rearranged(mixed, *x.shape)


class Mixer(ImageClassifier):
    """Patches, blocks, norm, the mean of all patches, one linear layer."""

    family: ClassVar[str] = "vision"

    def __init__(self, spec: MixerSpec, options: Options) -> None:
        self.spec, self.options, self.channels = spec, options, spec.channels
        self.default_image = (spec.image, spec.image)
        patches = (spec.image // spec.patch) ** 2
        self.stem = Conv2d(spec.channels, spec.hidden, spec.patch, Window(stride=spec.patch))
        self.blocks = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec, patches))
        self.norm, self.head = LayerNorm(spec.hidden), Linear(spec.hidden, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.stem(x)
        x = x.flatten(2).transpose(1, 2)
        x = self.blocks(x, checkpointed=self.options.checkpointed)
        x = self.norm(x)
        x = op.mean(x, x.shape[0], x.shape[2])
        return self.head(x)

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of images. Raises InvalidInput where their size is not the one that the patches were counted for."""
        if inputs.image and inputs.image != self.default_image:
            side = self.spec.image
            raise invalid_field(
                "image_size", f'this network is laid out for {side} x {side} pixels; give "options": {{"img_size": ...}} too'
            )
        return super().images(tape, inputs)


_SIZES = {"s": (512, 8), "b": (768, 12), "l": (1024, 24)}
SPECS = {
    f"mixer_{size}{patch}_224": MixerSpec(hidden=hidden, layers=layers, patch=patch)
    for size, (hidden, layers) in _SIZES.items()
    for patch in (32, 16)
}
