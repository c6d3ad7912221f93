"""Residual networks: ResNet, its deep-stem variants (c, d, s, t), wide ResNet, ResNeXt and SE-ResNet.

Written as timm 1.0.31 computes them (timm/models/resnet.py): in-place ReLU and residual sum, the shortcut after the main path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from app.architectures.image_classifier import RGB, ImageClassifier
from app.architectures.inverted_residual import SqueezeExcite, rounded_channels
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.convolutions import BatchNorm, Conv2d
from app.tape.modules import Blocks, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tensor

STAGE_WIDTHS = (64, 128, 256, 512)
STEM_WIDTH = 64
SQUEEZED = 16  # channels for each one inside squeeze-and-excitation


@dataclass(frozen=True, slots=True, kw_only=True)
class ResNetSpec:
    """Blocks of each stage and what distinguishes the variants. `stem` holds the widths of a deep stem's first two convolutions."""

    depths: tuple[int, int, int, int]
    bottleneck: bool = True
    groups: int = 1
    group_width: int = 64
    stem: tuple[int, int] | None = None
    stem_output: int = STEM_WIDTH
    pooled_shortcut: bool = False  # average pooling before the shortcut's convolution
    squeeze: bool = False  # squeeze-and-excitation at the end of each block's path
    classes: int = 1000
    channels: int = RGB
    image: int = 224

    @property
    def expansion(self) -> int:
        """Output channels of a block for each of its inner ones."""
        return 4 if self.bottleneck else 1


class ConvNorms(Module):
    """Convolutions without bias, each followed by batch norm; in-place ReLU between them."""

    def __init__(self, *convolutions: Conv2d) -> None:
        self.convolutions = convolutions
        self.norms = [BatchNorm(convolution.weight.shape[0]) for convolution in convolutions]

    def __call__(self, x: Tensor) -> Tensor:
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = op.relu_(x) if index else x
            x = convolution(x)
            x = norm(x)
        return x


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> Conv2d:
    return Conv2d(inputs, outputs, kernel, Window.centred(kernel, stride), groups=groups, bias=False)


class Shortcut(Module):
    """The shortcut of a block that changes the size: a 1x1 convolution, strided or after average pooling."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, pooled: bool) -> None:
        self.pooled = pooled and stride > 1
        self.project = ConvNorms(_conv(inputs, outputs, 1, stride=1 if pooled else stride))

    def __call__(self, x: Tensor) -> Tensor:
        x = op.average_pool(x, 2, 2, ceil=True) if self.pooled else x
        return self.project(x)


class Block(Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 in a bottleneck, added to the shortcut."""

    def __init__(self, spec: ResNetSpec, inputs: int, planes: int, stride: int) -> None:
        outputs = planes * spec.expansion
        if spec.bottleneck:
            width = planes * spec.group_width // 64 * spec.groups
            middle = _conv(width, width, 3, stride=stride, groups=spec.groups)
            self.path = ConvNorms(_conv(inputs, width, 1), middle, _conv(width, outputs, 1))
        else:
            self.path = ConvNorms(_conv(inputs, planes, 3, stride=stride), _conv(planes, outputs, 3))
        self.se = SqueezeExcite(outputs, rounded_channels(outputs / SQUEEZED, 0), "relu", "sigmoid") if spec.squeeze else None
        resized = stride > 1 or inputs != outputs
        self.downsample = Shortcut(inputs, outputs, stride, pooled=spec.pooled_shortcut) if resized else None

    def __call__(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.path(x)
        if self.se is not None:
            x = self.se(x)
        if self.downsample is not None:
            shortcut = self.downsample(shortcut)
        return op.relu_(op.add_(x, shortcut))


class Stem(Module):
    """The first convolution (7x7, or three 3x3), batch norm and ReLU at half the resolution."""

    def __init__(self, spec: ResNetSpec) -> None:
        if spec.stem is None:
            self.path = ConvNorms(_conv(spec.channels, spec.stem_output, 7, stride=2))
        else:
            first, second = spec.stem
            self.path = ConvNorms(_conv(spec.channels, first, 3, stride=2), _conv(first, second, 3), _conv(second, spec.stem_output, 3))

    def __call__(self, x: Tensor) -> Tensor:
        return op.relu_(self.path(x))


class ResNet(ImageClassifier):
    """Stem, four stages of residual blocks, global average pooling, one linear layer."""

    family: ClassVar[str] = "convolutional"

    def __init__(self, spec: ResNetSpec, options: Options) -> None:
        self.options, self.channels = options, spec.channels
        self.default_image = (spec.image, spec.image)
        self.conv1 = Stem(spec)
        inputs = spec.stem_output
        for number, (planes, depth) in enumerate(zip(STAGE_WIDTHS, spec.depths, strict=True), start=1):
            setattr(self, f"layer{number}", _stage(spec, inputs, planes, depth, stride=1 if number == 1 else 2))
            inputs = planes * spec.expansion
        self.fc = Linear(inputs, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.conv1(x)
        x = op.max_pool(x, 3, 2, 1)
        for number in range(1, 5):
            x = getattr(self, f"layer{number}")(x, checkpointed=self.options.checkpointed)
        x = op.global_average_pool(x)
        return self.fc(x)


def _stage(spec: ResNetSpec, inputs: int, planes: int, depth: int, stride: int) -> Blocks:
    def block(index: int) -> Block:
        return Block(spec, planes * spec.expansion if index else inputs, planes, 1 if index else stride)

    return Blocks([index > 0 for index in range(depth)], block)


_BASIC = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_BOTTLENECK = {26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}
_STEMS: Mapping[str, dict[str, object]] = {
    "": {},
    "c": {"stem": (32, 32), "stem_output": 64},
    "d": {"stem": (32, 32), "stem_output": 64, "pooled_shortcut": True},
    "s": {"stem": (64, 64), "stem_output": 128},
    "t": {"stem": (24, 32), "stem_output": 64, "pooled_shortcut": True},
}
_PUBLISHED_STEMS = {
    "": (18, 34, 26, 50, 101, 152, 200),
    "c": (50, 101, 152),
    "d": (18, 34, 26, 50, 101, 152, 200),
    "s": (50, 101, 152),
    "t": (26, 50),
}
_LARGER_IMAGES = {"resnet26t", "resnet101d", "resnet152d", "resnet200d"}


def _specs() -> dict[str, ResNetSpec]:
    specs = {}
    for suffix, depths in _PUBLISHED_STEMS.items():
        for depth in depths:
            base = ResNetSpec(depths=_BASIC[depth], bottleneck=False) if depth in _BASIC else ResNetSpec(depths=_BOTTLENECK[depth])
            name = f"resnet{depth}{suffix}"
            specs[name] = replace(base, **_STEMS[suffix], image=256 if name in _LARGER_IMAGES else 224)  # type: ignore[arg-type]
    for depth, width in ((50, 4), (101, 4), (101, 8), (101, 16), (101, 32)):
        specs[f"resnext{depth}_32x{width}d"] = ResNetSpec(depths=_BOTTLENECK[depth], groups=32, group_width=width)
    specs["resnext101_64x4d"] = ResNetSpec(depths=_BOTTLENECK[101], groups=64, group_width=4)
    for depth in (50, 101, 152):
        specs[f"seresnet{depth}"] = ResNetSpec(depths=_BOTTLENECK[depth], squeeze=True)
    for depth in (50, 101):
        specs[f"seresnext{depth}_32x4d"] = ResNetSpec(depths=_BOTTLENECK[depth], groups=32, group_width=4, squeeze=True)
    for depth in (50, 101):
        specs[f"wide_resnet{depth}_2"] = ResNetSpec(depths=_BOTTLENECK[depth], group_width=128)
    return specs


SPECS = _specs()
