"""ConvNeXt and ConvNeXt V2: depthwise convolutions and feed-forward layers, with transformers' norms.

Written as timm 1.0.31 computes them (timm/models/convnext.py, timm/layers/grn.py), and transformers 5.23 (modeling_convnext.py,
modeling_convnextv2.py). After the stem all maps lie with channels last, so that norms and linear layers read them as they are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.image_classifier import RGB, ImageClassifier, Sequential, channels_first, channels_last
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tensor

Step = Callable[[Tensor], Tensor]

EXPANSION = 4
PATCH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvNextSpec:
    """Blocks and channels of the stages. `convolutional`: feed-forward layers as 1x1 convolutions; `response_norm`: version 2; `factors`:
    a learned factor for each channel, which version 2 has not; `inlined`: the feed-forward steps stand in the block itself, as transformers
    writes them, so that the normed map is let go after the first; no `classes`: the pooled maps.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    convolutional: bool = False
    response_norm: bool = False
    factors: bool = True
    inlined: bool = False
    activation: str = "gelu"
    patch: int = PATCH
    image: int = 224
    classes: int = 1000
    channels: int = RGB


class LayerNorm2d(Module):
    """Layer norm over the channels of [batch, channels, height, width]."""

    def __init__(self, size: int) -> None:
        self.norm = LayerNorm(size)

    def __call__(self, x: Tensor) -> Tensor:
        x = channels_last(x)
        x = op.layer_norm(x, self.norm.weight, self.norm.bias)
        return channels_first(x)


class ResponseNorm(Module):
    """Global response norm: every channel weighed by its norm over the map, relative to the mean of all channels."""

    def __init__(self, size: int, *, channel_axis: int) -> None:
        self.weight, self.bias, self.channel_axis = Parameter(size), Parameter(size), channel_axis

    def __call__(self, x: Tensor) -> Tensor:
        return op.global_response_norm(x, self.weight, self.bias, channel_axis=self.channel_axis)


class FeedForward(Module):
    """Two projections of the channels with GELU between them."""

    def __init__(self, width: int, spec: ConvNextSpec) -> None:
        inner, self.activation = EXPANSION * width, spec.activation
        self.fc1: Module = Conv2d(width, inner, 1) if spec.convolutional else Linear(width, inner)
        self.grn = ResponseNorm(inner, channel_axis=1 if spec.convolutional else -1) if spec.response_norm else None
        self.fc2: Module = Conv2d(inner, width, 1) if spec.convolutional else Linear(inner, width)

    def steps(self) -> Iterator[Step]:
        """What is done one after the other."""
        yield self.fc1  # type: ignore[misc]
        yield lambda x: activate(x, self.activation)
        if self.grn is not None:
            yield self.grn
        yield self.fc2  # type: ignore[misc]

    def __call__(self, x: Tensor) -> Tensor:
        for step in self.steps():
            x = step(x)
        return x


class Block(Module):
    """A depthwise 7x7 convolution, norm and feed-forward layers, scaled and added to the input."""

    def __init__(self, width: int, spec: ConvNextSpec) -> None:
        self.convolutional, self.inlined = spec.convolutional, spec.inlined
        self.conv_dw = Conv2d(width, width, 7, Window.centred(7), groups=width)
        self.norm: Module = LayerNorm2d(width) if spec.convolutional else LayerNorm(width)
        self.mlp = FeedForward(width, spec)
        self.gamma = Parameter(width) if spec.factors and not spec.response_norm else None

    def __call__(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.conv_dw(x)
        x = x if self.convolutional else channels_last(x)
        x = self.norm(x)  # type: ignore[operator]
        for step in self.mlp.steps() if self.inlined else (self.mlp,):
            x = step(x)
        x = x if self.convolutional else op.rearranged(x, *shortcut.shape)
        if self.gamma is not None:
            x = op.multiply(x, self.gamma.view(1, -1, 1, 1))
        return op.add(x, shortcut)


class Stage(Module):
    """A norm and a halving convolution but in the first stage, then blocks."""

    def __init__(self, inputs: int, width: int, depth: int, spec: ConvNextSpec) -> None:
        halving = Conv2d(inputs, width, 2, Window(stride=2))
        self.downsample = Sequential(LayerNorm2d(inputs), halving) if inputs != width else None
        self.blocks = Blocks([None] * depth, lambda _: Block(width, spec))

    def __call__(self, x: Tensor, *, checkpointed: bool) -> Tensor:
        x = self.downsample(x) if self.downsample is not None else x
        return self.blocks(x, checkpointed=checkpointed)


class Stages(Module):
    """The stages."""

    def __init__(self, spec: ConvNextSpec) -> None:
        inputs = (spec.widths[0], *spec.widths[:-1])
        self.stages = [Stage(*sizes, spec) for sizes in zip(inputs, spec.widths, spec.depths, strict=True)]

    def __call__(self, x: Tensor, *, checkpointed: bool) -> Tensor:
        for stage in self.stages:
            x = stage(x, checkpointed=checkpointed)
        return x


class Head(Module):
    """Global average pooling, norm, one linear layer."""

    def __init__(self, width: int, classes: int) -> None:
        self.norm, self.fc = LayerNorm2d(width), Linear(width, classes) if classes else None

    def __call__(self, x: Tensor) -> Tensor:
        x = op.global_average_pool(x, keep_lengths=True)
        x = self.norm(x).flatten(1)
        return x if self.fc is None else self.fc(x)


class ConvNext(ImageClassifier):
    """Patches, stages of blocks, and the head."""

    family: ClassVar[str] = "convolutional"
    smallest: ClassVar[int] = 32

    def __init__(self, spec: ConvNextSpec, options: Options) -> None:
        self.options, self.channels, self.default_image = options, spec.channels, (spec.image, spec.image)
        first = spec.widths[0]
        self.stem = Sequential(Conv2d(spec.channels, first, spec.patch, Window(stride=spec.patch)), LayerNorm2d(first))
        self.stages = Stages(spec)
        self.head = Head(spec.widths[-1], spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.stem(x)
        x = self.stages(x, checkpointed=self.options.checkpointed)
        return self.head(x)


_SHALLOW, _DEEP = (3, 3, 9, 3), (3, 3, 27, 3)
_SIZES: Mapping[str, ConvNextSpec] = {
    "atto": ConvNextSpec(depths=(2, 2, 6, 2), widths=(40, 80, 160, 320), convolutional=True),
    "femto": ConvNextSpec(depths=(2, 2, 6, 2), widths=(48, 96, 192, 384), convolutional=True),
    "pico": ConvNextSpec(depths=(2, 2, 6, 2), widths=(64, 128, 256, 512), convolutional=True),
    "nano": ConvNextSpec(depths=(2, 2, 8, 2), widths=(80, 160, 320, 640), convolutional=True),
    "tiny": ConvNextSpec(depths=_SHALLOW, widths=(96, 192, 384, 768)),
    "small": ConvNextSpec(depths=_DEEP, widths=(96, 192, 384, 768)),
    "base": ConvNextSpec(depths=_DEEP, widths=(128, 256, 512, 1024)),
    "large": ConvNextSpec(depths=_DEEP, widths=(192, 384, 768, 1536)),
    "xlarge": ConvNextSpec(depths=_DEEP, widths=(256, 512, 1024, 2048)),
    "xxlarge": ConvNextSpec(depths=(3, 4, 30, 3), widths=(384, 768, 1536, 3072), image=256),
    "huge": ConvNextSpec(depths=_DEEP, widths=(352, 704, 1408, 2816), image=384),
}
_FIRST = ("atto", "femto", "pico", "nano", "tiny", "small", "base", "large", "xlarge", "xxlarge")
_SECOND = ("atto", "femto", "pico", "nano", "tiny", "small", "base", "large", "huge")

SPECS = {
    **{f"convnext_{size}": _SIZES[size] for size in _FIRST},
    **{f"convnextv2_{size}": replace(_SIZES[size], response_norm=True) for size in _SECOND},
}
