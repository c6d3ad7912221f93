"""The blocks of mobile networks: depthwise-separable, inverted-residual and fused ones, with squeeze-and-excitation.

Written as timm 1.0.31 computes them (timm/models/_efficientnet_blocks.py, _efficientnet_builder.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from app.tape import operators as op
from app.tape.convolutions import BatchNorm, Conv2d
from app.tape.modules import Blocks, Module
from app.tape.operators import Window
from app.tape.tensor import Tensor
from app.units import ceil_div

DIVISOR = 8  # channel counts are multiples of this
SMALLEST_SHARE = 0.9  # of a channel count that rounding may leave


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileBlock:
    """One kind of block, `repeats` times; only the first has the stride. `squeeze`: share of channels in squeeze-and-excitation.

    Kinds: `separable` (depthwise, pointwise), `inverted` (pointwise, depthwise, pointwise), `fused` (full, pointwise), `plain` (one
    convolution).
    """

    kind: str
    outputs: int
    repeats: int = 1
    kernel: int = 3
    stride: int = 1
    expansion: float = 1.0
    squeeze: float = 0.0
    activation: str | None = None  # None: the network's own
    skip: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileStyle:
    """What all blocks of a network share.

    `padding_same`: to the same size as TensorFlow does, which is lopsided for strided kernels, instead of symmetric;
    `squeeze_expanded`: the squeeze's share is of the expanded channels, rounded to DIVISOR, and its gate is piecewise linear.
    """

    activation: str
    padding_same: bool = False
    squeeze_expanded: bool = False

    @property
    def gate(self) -> str:
        """The activation that makes the factors of squeeze-and-excitation."""
        return "hardsigmoid" if self.squeeze_expanded else "sigmoid"


def rounded_channels(channels: float, smallest_share: float = SMALLEST_SHARE) -> int:
    """The multiple of DIVISOR nearest to `channels`, but not much below it."""
    nearest = max(DIVISOR, int(channels + DIVISOR / 2) // DIVISOR * DIVISOR)
    return nearest + DIVISOR if nearest < smallest_share * channels else nearest


def scaled_stage(blocks: Sequence[MobileBlock], width: float, depth: float) -> list[MobileBlock]:
    """The blocks of one stage, one entry each, with channels and repeats multiplied; extra repeats go to the last kinds first."""
    left, wanted = sum(block.repeats for block in blocks), ceil(sum(block.repeats for block in blocks) * depth)
    scaled: list[MobileBlock] = []
    for block in reversed(blocks):
        repeats = max(1, round(block.repeats / left * wanted))
        one = replace(block, repeats=1, outputs=rounded_channels(block.outputs * width))
        scaled[:0] = [one, *[replace(one, stride=1)] * (repeats - 1)]
        left, wanted = left - block.repeats, wanted - repeats
    return scaled


class PaddedConv(Module):
    """A convolution without bias that keeps the size but for its stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, same: bool = False) -> None:
        self.same, self.kernel, self.stride = same and stride > 1, kernel, stride
        window = Window(stride=stride) if self.same else Window.centred(kernel, stride)
        self.conv = Conv2d(inputs, outputs, kernel, window, groups=groups, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        if self.same:
            x = op.padded(x, *x.shape[:2], *(self._reach(length) for length in x.shape[2:]))
        return op.convolution(x, self.conv.weight, None, self.conv.window)

    def _reach(self, length: int) -> int:
        """Length that the kernel covers when it starts at every `stride`-th position."""
        return max(length, (ceil_div(length, self.stride) - 1) * self.stride + self.kernel)


class NormActivation(Module):
    """Batch norm and an in-place activation."""

    def __init__(self, size: int, activation: str | None) -> None:
        self.norm, self.activation = BatchNorm(size), activation

    def __call__(self, x: Tensor) -> Tensor:
        x = op.batch_norm(x, self.norm.weight, self.norm.bias)
        return op.activation_(x, self.activation) if self.activation else x


class SqueezeExcite(Module):
    """Every channel times a factor between 0 and 1 that follows from the means of all channels."""

    def __init__(self, channels: int, squeezed: int, activation: str, gate: str) -> None:
        self.conv_reduce, self.conv_expand = Conv2d(channels, squeezed, 1), Conv2d(squeezed, channels, 1)
        self.activation, self.gate = activation, gate

    def __call__(self, x: Tensor) -> Tensor:
        factor = op.global_average_pool(x, keep_lengths=True)
        factor = self.conv_reduce(factor)
        factor = op.activation_(factor, self.activation)
        factor = self.conv_expand(factor)
        return op.multiply(x, op.activation(factor, self.gate))


class Block(Module):
    """Convolutions with norms and activations, and the sum with the input where the sizes allow it."""

    def __init__(self, inputs: int, block: MobileBlock, style: MobileStyle) -> None:
        self.skip = block.skip and block.stride == 1 and inputs == block.outputs
        self.layers = _LAYERS[block.kind](inputs, block, style)

    def __call__(self, x: Tensor) -> Tensor:
        shortcut = x
        for layer in self.layers:
            x = layer(x)  # type: ignore[operator]
        return op.add(x, shortcut) if self.skip else x


def _squeeze(channels: int, block: MobileBlock, style: MobileStyle, activation: str) -> list[Module]:
    if not block.squeeze:
        return []
    if style.squeeze_expanded:
        return [SqueezeExcite(channels, rounded_channels(channels * block.squeeze), "relu", style.gate)]
    return [SqueezeExcite(channels, round(channels * (block.squeeze / block.expansion)), activation, style.gate)]


def _separable(inputs: int, block: MobileBlock, style: MobileStyle) -> list[Module]:
    activation = block.activation or style.activation
    depthwise = PaddedConv(inputs, inputs, block.kernel, stride=block.stride, groups=inputs, same=style.padding_same)
    return [
        depthwise, NormActivation(inputs, activation), *_squeeze(inputs, block, style, activation),
        PaddedConv(inputs, block.outputs, 1), NormActivation(block.outputs, None),
    ]  # fmt: skip


def _inverted(inputs: int, block: MobileBlock, style: MobileStyle) -> list[Module]:
    middle = rounded_channels(inputs * block.expansion)
    activation = block.activation or style.activation
    depthwise = PaddedConv(middle, middle, block.kernel, stride=block.stride, groups=middle, same=style.padding_same)
    return [
        PaddedConv(inputs, middle, 1), NormActivation(middle, activation), depthwise, NormActivation(middle, activation),
        *_squeeze(middle, block, style, activation), PaddedConv(middle, block.outputs, 1), NormActivation(block.outputs, None),
    ]  # fmt: skip


def _fused(inputs: int, block: MobileBlock, style: MobileStyle) -> list[Module]:
    middle = rounded_channels(inputs * block.expansion)
    activation = block.activation or style.activation
    return [
        PaddedConv(inputs, middle, block.kernel, stride=block.stride, same=style.padding_same), NormActivation(middle, activation),
        *_squeeze(middle, block, style, activation), PaddedConv(middle, block.outputs, 1), NormActivation(block.outputs, None),
    ]  # fmt: skip


def _plain(inputs: int, block: MobileBlock, style: MobileStyle) -> list[Module]:
    conv = PaddedConv(inputs, block.outputs, block.kernel, stride=block.stride, same=style.padding_same)
    return [conv, NormActivation(block.outputs, block.activation or style.activation)]


_LAYERS = {"separable": _separable, "inverted": _inverted, "fused": _fused, "plain": _plain}


class Stages(Module):
    """Stages of blocks one after the other; equal blocks within a stage are traced once."""

    def __init__(self, inputs: int, stages: Sequence[Sequence[MobileBlock]], style: MobileStyle) -> None:
        self.stages: list[Blocks] = []
        for stage in stages:
            widths = [inputs, *(block.outputs for block in stage)]
            self.stages.append(_stage(widths, stage, style))
            inputs = widths[-1]
        self.outputs = inputs

    def __call__(self, x: Tensor, *, checkpointed: bool) -> Tensor:
        for stage in self.stages:
            x = stage(x, checkpointed=checkpointed)
        return x


def _stage(widths: Sequence[int], blocks: Sequence[MobileBlock], style: MobileStyle) -> Blocks:
    kinds = list(zip(widths, blocks, strict=False))
    return Blocks(kinds, lambda index: Block(widths[index], blocks[index], style))
