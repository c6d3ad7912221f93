"""RecurrentGemma: gated linear recurrences (Griffin, De et al. 2024) in two of three layers, local attention in the third.

Source: modeling_recurrent_gemma.py (transformers 5.23).
"""

from app.architectures.activations import activate
from app.architectures.cache import KvCache
from app.architectures.hybrid import HybridDecoder
from app.architectures.state_space import CausalConvolution
from app.tape import operators as op
from app.tape.dtypes import BOOL
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor


class BlockGate(Module):
    """A sigmoid gate of every channel, from a projection of each head on its own."""

    def __init__(self, heads: int, size: int) -> None:
        self.weight, self.bias = Parameter(heads, size, size), Parameter(heads, size)

    def __call__(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """[batch, length, channels] from [heads, positions, size]."""
        projected = op.biased_products(x, self.weight, self.bias)
        return op.activation(op.contiguous(projected).view(*shape), "sigmoid")


class LinearRecurrence(Module):
    """The real-gated linear recurrent unit: how much of the state is kept and of the input is let in depends on the input.

    The reference holds the last state until the next pass, and with it, under checkpointing, all that was recomputed to get there.
    """

    def __init__(self, channels: int, heads: int) -> None:
        self.held: Tensor | None = None
        self.heads, self.size = heads, channels // heads
        self.recurrent_param = Parameter(channels)
        self.input_gate, self.recurrent_gate = BlockGate(heads, self.size), BlockGate(heads, self.size)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The states of all positions [batch, length, channels], and the last one."""
        self.held = None
        first = x.tape.empty((1, x.shape[1], 1), BOOL)
        later = x.tape.empty((1, x.shape[1], 1), BOOL)
        by_head = op.contiguous(x).view(self.heads, -1, self.size)
        input_gate, gate = self.input_gate(by_head, x.shape), self.recurrent_gate(by_head, x.shape)
        log_gate = op.multiply(op.scaled(gate), op.activation(op.raise_to_fp32(self.recurrent_param), "softplus"))
        gate = op.activation(log_gate, "exp")
        squared = op.activation(op.scaled(log_gate), "exp")
        let_in = op.multiply(x, input_gate)
        factor = op.activation(op.shifted(squared), "bounded_root")
        factor = op.add(op.multiply(factor, later), first)
        normalized = op.multiply(let_in, op.cast(factor, x.dtype))
        states, self.held = op.linear_recurrence(op.multiply(gate, later), normalized)
        return states, self.held


class RecurrentMixer(Module):
    """A convolution and the recurrence on one branch, gated by the other."""

    def __init__(self, hidden: int, channels: int, heads: int, taps: int, activation: str, layer: int) -> None:
        self.activation, self.layer = activation, layer
        self.linear_y, self.linear_x = Linear(hidden, channels), Linear(hidden, channels)
        self.linear_out = Linear(channels, hidden)
        self.conv_1d = CausalConvolution(channels, taps, None, bias=True)
        self.rg_lru = LinearRecurrence(channels, heads)

    def __call__(self, x: Tensor, cache: KvCache | None) -> Tensor:
        gate = self.linear_y(x)
        gate = activate(gate, self.activation)
        branch = self.linear_x(x).transpose(1, 2)
        branch = self.conv_1d(branch, cache, self.layer)
        states, last = self.rg_lru(branch.transpose(1, 2))
        if cache is not None:
            cache.keep_state(self.layer, last)
        return self.linear_out(op.multiply(states, gate))


class RecurrentGemma(HybridDecoder):
    """RecurrentGemma with its language-model head: layers recur or attend to a window, with half of each head turned."""
