"""RegNetX and RegNetY: residual bottlenecks with grouped convolutions whose widths follow a line, quantized to four stages.

Written as timm 1.0.31 computes them (timm/models/regnet.py); the parameters of each line are those of Radosavovic et al. 2020.
"""

from collections import Counter
from dataclasses import dataclass
from math import log
from typing import ClassVar

from app.architectures.image_classifier import RGB, ImageClassifier
from app.architectures.inverted_residual import NormActivation, PaddedConv, SqueezeExcite
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.modules import Blocks, Linear, Module
from app.tape.tensor import Tensor

STEM = 32
WIDTH_STEP = 8  # widths are multiples of this before they are fitted to groups
SQUEEZE = 0.25  # share of a block's inputs in squeeze-and-excitation


@dataclass(frozen=True, slots=True, kw_only=True)
class RegNetSpec:
    """The line of widths: block j has about initial + slope j channels, rounded to initial x ratio^k; channels of a group."""

    depth: int
    initial: int
    slope: float
    ratio: float
    group: int
    squeeze: bool = False
    classes: int = 1000
    channels: int = RGB

    def stages(self) -> list[tuple[int, int]]:
        """(channels, blocks) of each stage."""
        widths = (self.initial + self.slope * block for block in range(self.depth))
        rounded = (self.initial * self.ratio ** round(log(width / self.initial) / log(self.ratio)) for width in widths)
        counts = Counter(round(width / WIDTH_STEP) * WIDTH_STEP for width in rounded)
        return [(self._fitted(width), count) for width, count in sorted(counts.items())]

    def _fitted(self, width: int) -> int:
        group = min(self.group, width)
        return round(width / group) * group


class ConvNormActivation(Module):
    """A convolution without bias, batch norm and an in-place ReLU, if any."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, activation: str | None = "relu"
    ) -> None:
        self.conv, self.bn = PaddedConv(inputs, outputs, kernel, stride=stride, groups=groups), NormActivation(outputs, activation)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.bn(x)


class Block(Module):
    """1x1, grouped 3x3 and 1x1 convolutions added to the shortcut, then ReLU."""

    def __init__(self, spec: RegNetSpec, inputs: int, width: int, stride: int) -> None:
        self.conv1 = ConvNormActivation(inputs, width, 1)
        self.conv2 = ConvNormActivation(width, width, 3, stride=stride, groups=width // min(spec.group, width))
        self.se = SqueezeExcite(width, round(inputs * SQUEEZE), "relu", "sigmoid") if spec.squeeze else None
        self.conv3 = ConvNormActivation(width, width, 1, activation=None)
        resized = stride > 1 or inputs != width
        self.downsample = ConvNormActivation(inputs, width, 1, stride=stride, activation=None) if resized else None

    def __call__(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.conv1(x)
        x = self.conv2(x)
        x = self.se(x) if self.se is not None else x
        x = self.conv3(x)
        x = op.add(x, shortcut if self.downsample is None else self.downsample(shortcut))
        return op.activation(x, "relu")


class RegNet(ImageClassifier):
    """Stem, four stages of blocks, global average pooling, one linear layer."""

    family: ClassVar[str] = "convolutional"

    def __init__(self, spec: RegNetSpec, options: Options) -> None:
        self.options, self.channels = options, spec.channels
        self.stem = ConvNormActivation(spec.channels, STEM, 3, stride=2)
        inputs, self.stages = STEM, []
        for width, depth in spec.stages():
            self.stages.append(_stage(spec, inputs, width, depth))
            inputs = width
        self.fc = Linear(inputs, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x, checkpointed=self.options.checkpointed)
        x = op.global_average_pool(x)
        return self.fc(x)


def _stage(spec: RegNetSpec, inputs: int, width: int, depth: int) -> Blocks:
    return Blocks([index > 0 for index in range(depth)], lambda index: Block(spec, width if index else inputs, width, 1 if index else 2))


def _x(depth: int, initial: int, slope: float, ratio: float, group: int) -> RegNetSpec:
    return RegNetSpec(depth=depth, initial=initial, slope=slope, ratio=ratio, group=group)


def _y(depth: int, initial: int, slope: float, ratio: float, group: int) -> RegNetSpec:
    return RegNetSpec(depth=depth, initial=initial, slope=slope, ratio=ratio, group=group, squeeze=True)


SPECS = {
    "regnetx_002": _x(13, 24, 36.44, 2.49, 8), "regnetx_004": _x(22, 24, 24.48, 2.54, 16), "regnetx_006": _x(16, 48, 36.97, 2.24, 24),
    "regnetx_008": _x(16, 56, 35.73, 2.28, 16), "regnetx_016": _x(18, 80, 34.01, 2.25, 24), "regnetx_032": _x(25, 88, 26.31, 2.25, 48),
    "regnetx_040": _x(23, 96, 38.65, 2.43, 40), "regnetx_064": _x(17, 184, 60.83, 2.07, 56), "regnetx_080": _x(23, 80, 49.56, 2.88, 120),
    "regnetx_120": _x(19, 168, 73.36, 2.37, 112), "regnetx_160": _x(22, 216, 55.59, 2.1, 128),
    "regnetx_320": _x(23, 320, 69.86, 2.0, 168),
    "regnety_002": _y(13, 24, 36.44, 2.49, 8), "regnety_004": _y(16, 48, 27.89, 2.09, 8), "regnety_006": _y(15, 48, 32.54, 2.32, 16),
    "regnety_008": _y(14, 56, 38.84, 2.4, 16), "regnety_016": _y(27, 48, 20.71, 2.65, 24), "regnety_032": _y(21, 80, 42.63, 2.66, 24),
    "regnety_040": _y(22, 96, 31.41, 2.24, 64), "regnety_064": _y(25, 112, 33.22, 2.27, 72), "regnety_080": _y(17, 192, 76.82, 2.19, 56),
    "regnety_120": _y(19, 168, 73.36, 2.37, 112), "regnety_160": _y(18, 200, 106.23, 2.48, 112),
    "regnety_320": _y(20, 232, 115.89, 2.53, 232), "regnety_640": _y(20, 352, 147.48, 2.4, 328),
    "regnety_1280": _y(27, 456, 160.83, 2.52, 264),
}  # fmt: skip
