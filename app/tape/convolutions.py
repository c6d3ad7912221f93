"""Convolution and batch norm as modules."""

from app.tape import operators as op
from app.tape.dtypes import INT64
from app.tape.modules import Module
from app.tape.operators import Sizes, Window
from app.tape.operators.convolution import at
from app.tape.tensor import Parameter, Tensor

EVERY_POSITION = Window()


class Convolution(Module):
    """Convolution over `rank` lengths, weights of [outputs, inputs / groups, kernel ...]."""

    rank: int = 2

    def __init__(
        self, inputs: int, outputs: int, kernel: Sizes, window: Window = EVERY_POSITION, *, groups: int = 1, bias: bool = True
    ) -> None:
        self.weight = Parameter(outputs, inputs // groups, *(at(kernel, axis) for axis in range(self.rank)))
        self.bias = Parameter(outputs) if bias else None
        self.window = window

    def __call__(self, x: Tensor) -> Tensor:
        return op.convolution(x, self.weight, self.bias, self.window)


class Conv1d(Convolution):
    """Convolution over [batch, channels, length]."""

    rank = 1


class Conv2d(Convolution):
    """Convolution over [batch, channels, height, width]."""


class Conv3d(Convolution):
    """Convolution over [batch, channels, frames, height, width]."""

    rank = 3


class TransposedConv2d(Module):
    """Transposed convolution over [batch, channels, height, width], weights of [inputs, outputs / groups, kernel ...]."""

    rank: int = 2

    def __init__(
        self, inputs: int, outputs: int, kernel: Sizes, window: Window = EVERY_POSITION, *, groups: int = 1, bias: bool = True
    ) -> None:
        self.weight = Parameter(inputs, outputs // groups, *(at(kernel, axis) for axis in range(self.rank)))
        self.bias = Parameter(outputs) if bias else None
        self.window, self.groups = window, groups

    def __call__(self, x: Tensor) -> Tensor:
        return op.transposed_convolution(x, self.weight, self.bias, self.window, self.groups)


class BatchNorm(Module):
    """Batch normalization with running statistics and the number of batches they rest on."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)
        self.bias = Parameter(size)
        self.running_mean = Parameter(size, buffer=True)
        self.running_var = Parameter(size, buffer=True)
        self.num_batches_tracked = Parameter(buffer=True)
        self.num_batches_tracked.own_dtype = self.num_batches_tracked.dtype = INT64

    def __call__(self, x: Tensor) -> Tensor:
        return op.batch_norm(x, self.weight, self.bias)


class GroupNorm(Module):
    """Normalization over groups of channels, with scale and shift."""

    def __init__(self, groups: int, channels: int) -> None:
        self.groups, self.weight, self.bias = groups, Parameter(channels), Parameter(channels)

    def __call__(self, x: Tensor) -> Tensor:
        return op.group_norm(x, self.weight, self.bias, self.groups)
