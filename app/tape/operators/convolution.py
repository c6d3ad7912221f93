"""Convolutions over [batch, channels, length, ...] with one to three lengths, and their transposes."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from app.tape.autograd import Gradients, attach
from app.tape.operators.casting import lower
from app.tape.operators.linear import FLOPS_PER_MAC
from app.tape.tensor import Shape, Tensor

Sizes = int | tuple[int, ...]  # one number for every dimension, or one for each


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How a kernel slides: step, zeros added at both ends, and distance between its taps."""

    stride: Sizes = 1
    padding: Sizes = 0
    dilation: Sizes = 1
    output_padding: Sizes = 0  # of a transposed convolution

    @classmethod
    def centred(cls, kernel: int, stride: int = 1) -> "Window":
        """Padded so that the output is as long as the input divided by the stride, for an odd kernel."""
        return cls(stride=stride, padding=kernel // 2)

    def along(self, axis: int) -> tuple[int, int, int]:
        """Stride, padding and dilation of one dimension."""
        return at(self.stride, axis), at(self.padding, axis), at(self.dilation, axis)

    def output_length(self, axis: int, length: int, kernel: int) -> int:
        """Positions of the kernel along one dimension."""
        stride, padding, dilation = self.along(axis)
        return (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1

    def transposed_length(self, axis: int, length: int, kernel: int) -> int:
        """Length from which the convolution would make `length` positions."""
        stride, padding, dilation = self.along(axis)
        return (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + at(self.output_padding, axis) + 1


def at(sizes: Sizes, axis: int) -> int:
    """The number for one dimension."""
    return sizes if isinstance(sizes, int) else sizes[axis]


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, window: Window) -> Tensor:
    """Convolution with weights [outputs, inputs / groups, kernel ...]. Keeps input and weight."""
    lengths = _lengths(window.output_length, x, weight)
    return _convolve(x, weight, bias, (weight.shape[0], *lengths), prod(lengths))


def transposed_convolution(x: Tensor, weight: Tensor, bias: Tensor | None, window: Window, groups: int = 1) -> Tensor:
    """Transposed convolution with weights [inputs, outputs / groups, kernel ...]. Keeps input and weight."""
    lengths = _lengths(window.transposed_length, x, weight)
    return _convolve(x, weight, bias, (weight.shape[1] * groups, *lengths), prod(x.shape[2:]))


def _lengths(length: Callable[[int, int, int], int], x: Tensor, weight: Tensor) -> Shape:
    return tuple(length(axis, n, k) for axis, (n, k) in enumerate(zip(x.shape[2:], weight.shape[2:], strict=True)))


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, shape: Shape, positions: int) -> Tensor:
    """`shape` is that of the output without the batch; every weight is used at so many `positions`."""
    x, weight = lower(x).written(), lower(weight)
    bias = lower(bias) if bias is not None else None
    tape = x.tape
    out = tape.empty((x.shape[0], *shape), x.dtype)
    flops = FLOPS_PER_MAC * x.shape[0] * positions * weight.size
    moved = x.bytes + weight.bytes + out.bytes
    tape.record.charge("convolution", x.dtype, flops, moved)
    wanted = [t.meta if t is not None and t.requires_grad else None for t in (x, weight, bias)]
    dtype = x.dtype

    def backward(gradient: Tensor) -> Gradients:
        gradient.written()
        for _ in range(bool(wanted[0]) + bool(wanted[1])):
            tape.record.charge("convolution", dtype, flops, moved)
        return [meta and tape.like(meta) for meta in wanted]

    return attach(out, [x, weight, bias], [x, weight], backward)
