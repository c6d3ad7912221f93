"""What state-space layers have in common: the causal convolution before the recurrence, and the decay of each channel or head."""

from app.architectures.activations import activate
from app.architectures.cache import KvCache
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tensor


class CausalConvolution(Module):
    """Each channel's convolution over the positions before, and an activation: [batch, channels, length] to the same.

    It is padded by taps - 1 on both sides and cut to length afterwards, so that what the activation keeps is that much longer.
    """

    def __init__(self, channels: int, taps: int, activation: str | None, *, bias: bool) -> None:
        self.channels, self.taps, self.activation = channels, taps, activation
        self.weight = Parameter(channels, 1, taps)
        self.bias = Parameter(channels) if bias else None

    def __call__(self, x: Tensor, cache: KvCache | None, layer: int) -> Tensor:
        length, x = x.shape[2], op.cast(x, self.weight.dtype)
        if cache is not None and length == 1 and layer in cache.convolutions:
            x = cache.last_inputs(layer, x, self.taps)
            return self._activated(op.convolution(x, self.weight, self.bias, Window()), length)
        x = cache.last_inputs(layer, x, self.taps) if cache is not None else x
        return self._activated(op.convolution(x, self.weight, self.bias, Window(padding=self.taps - 1)), length)

    def _activated(self, x: Tensor, length: int) -> Tensor:
        cut = op.part(x, *x.shape[:2], length)
        return activate(cut, self.activation) if self.activation else cut


def decay_rate(log: Parameter) -> Tensor:
    """-exp of a logarithm kept as a weight, in fp32."""
    return op.scaled(op.activation(op.cast(log, FP32), "exp"))


def positions_first(x: Tensor) -> Tensor:
    """[batch, channels, length] as a projection of the channels reads it: a copy where there is more than one sequence and length."""
    turned = x.transpose(1, 2)
    return op.contiguous(turned) if x.shape[0] > 1 and x.shape[2] > 1 else turned
