"""Mamba: a selective state space in place of attention and feed-forward part (Gu and Dao 2023).

Written as transformers 5.23 computes it without the kernels of mamba-ssm (modeling_mamba.py, modeling_falcon_mamba.py, modeling_jamba.py):
the discretized decay and input of every position are written out, and the recurrence runs step by step.
"""

from dataclasses import dataclass
from typing import NamedTuple

from app.architectures.activations import activate
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.state_space import CausalConvolution, decay_rate, positions_first
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Linear, Module, RMSNorm
from app.tape.tensor import Parameter, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class MambaSpec:
    """Hyper-parameters of a Mamba layer: channels, state elements of each, rank of the time step, taps of the convolution.

    `normed`: time step and both projections of the state are normed, with weights (Jamba) or without (Falcon Mamba).
    """

    hidden: int
    channels: int
    state: int
    rank: int
    taps: int
    activation: str = "silu"
    convolution_bias: bool = True
    bias: bool = False
    normed: str | None = None

    def cached(self) -> CacheLayer:
        """The last inputs of the convolution and the state."""
        return CacheLayer(convolution=(self.channels, self.taps), state=(self.channels, self.state))


class Selected(NamedTuple):
    """What the input selects: the time step of each channel, its rates of decay, and what drives and reads the state."""

    step: Tensor
    rate: Tensor
    drive: Tensor
    readout: Tensor


class MambaMixer(Module):
    """The selective state-space layer."""

    def __init__(self, spec: MambaSpec, layer: int) -> None:
        self.spec, self.layer = spec, layer
        self.conv1d = CausalConvolution(spec.channels, spec.taps, spec.activation, bias=spec.convolution_bias)
        self.in_proj = Linear(spec.hidden, 2 * spec.channels, bias=spec.bias)
        self.x_proj = Linear(spec.channels, spec.rank + 2 * spec.state, bias=False)
        self.dt_proj = Linear(spec.rank, spec.channels)
        self.A_log = Parameter(spec.channels, spec.state)
        self.D = Parameter(spec.channels)
        self.out_proj = Linear(spec.channels, spec.hidden, bias=spec.bias)
        if spec.normed == "weighted":
            self.norms = [RMSNorm(size) for size in (spec.rank, spec.state, spec.state)]

    def __call__(self, x: Tensor, cache: KvCache | None) -> Tensor:
        spec, dtype, length = self.spec, x.dtype, x.shape[1]
        both = self.in_proj(x).transpose(1, 2)
        rate = decay_rate(self.A_log)
        channels, gate = op.split(both, (spec.channels,) * 2, axis=1)
        channels = self.conv1d(channels, cache, self.layer)
        parts = op.split(self.x_proj(positions_first(channels)), (spec.rank, spec.state, spec.state))
        step, drive, readout = self._normed(parts)
        step = op.contiguous(op.linear(op.contiguous(step), self.dt_proj.weight).transpose(1, 2))
        selected = Selected(self._positive(step), rate, drive, readout)
        one_step = cache is not None and length == 1 and self.layer in cache.states
        out = self._one_step(channels, selected, gate) if one_step else self._scanned(channels, selected, gate, cache)
        return self.out_proj(positions_first(op.cast(out, dtype)))

    def _normed(self, parts: list[Tensor]) -> list[Tensor]:
        if self.spec.normed == "weighted":
            return [norm(x) for norm, x in zip(self.norms, parts, strict=True)]
        return [op.root_mean_square_unit(x) for x in parts] if self.spec.normed else parts

    def _scanned(self, x: Tensor, selected: Selected, gate: Tensor, cache: KvCache | None) -> Tensor:
        """All positions: decay and drive of each written out in fp32, then the recurrence."""
        spec, (batch, _, length) = self.spec, x.shape
        step = selected.step.view(*selected.step.shape, 1)
        decays = op.activation(op.multiply(selected.rate.view(1, spec.channels, 1, spec.state), step), "exp")
        drives = op.multiply(step, op.cast(selected.drive, FP32).view(batch, 1, length, spec.state))
        driven = op.multiply(drives, op.cast(x, FP32).view(*x.shape, 1))
        out, state, of_steps = op.selective_scan(decays, driven, selected.readout, x.dtype)
        out = op.add(out, op.multiply(x, op.cast(self.D, FP32).view(1, spec.channels, 1)))
        out = op.multiply(out, activate(gate, "silu"))
        del of_steps  # the list that the loop gathered lives to the end of the function
        if cache is not None:
            cache.keep_state(self.layer, state)
        return out

    def _one_step(self, x: Tensor, selected: Selected, gate: Tensor) -> Tensor:
        """One position after a held state."""
        spec, batch = self.spec, x.shape[0]
        step = op.cast(selected.step, FP32)
        decays = op.activation(op.multiply(step, selected.rate.view(1, spec.channels, spec.state)), "exp")
        driven = op.multiply(op.multiply(step, op.cast(selected.drive, FP32)), op.cast(x, FP32))
        state = op.add(op.scaled(decays), driven)
        out = op.matmul(op.cast(state, selected.readout.dtype), selected.readout.view(batch, spec.state, 1))
        out = op.add(out, op.multiply(x, self.D.view(1, spec.channels, 1)))
        return op.multiply(out, activate(gate, "silu"))

    def _positive(self, step: Tensor) -> Tensor:
        bias = self.dt_proj.bias
        shifted = op.add(step, op.cast(bias, step.dtype).view(1, self.spec.channels, 1)) if bias is not None else step
        return op.activation(op.raise_to_fp32(shifted), "softplus")
