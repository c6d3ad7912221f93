"""Mamba-2: heads that share one decay each, computed chunk by chunk (Dao and Gu 2024). Source: modeling_mamba2.py (transformers 5.23)."""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.chunk_scan import Selected, chunk_scan
from app.architectures.state_space import CausalConvolution, decay_rate
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Mamba2Spec:
    """Hyper-parameters of a Mamba-2 layer: heads and their size, groups that share a projection of the state, positions of a chunk.

    `gated_norm`: the output is gated and normed in one (else only gated); `norm_groups`: parts that are normed apart.
    """

    hidden: int
    heads: int
    head_size: int
    groups: int
    state: int
    taps: int
    chunk: int
    activation: str = "silu"
    convolution_bias: bool = True
    bias: bool = False
    gated_norm: bool = True
    norm_groups: int = 1

    @property
    def channels(self) -> int:
        """Components of all heads."""
        return self.heads * self.head_size

    @property
    def convolved(self) -> int:
        """Channels of the convolution: those of the heads and both projections of the state."""
        return self.channels + 2 * self.groups * self.state

    def cached(self) -> CacheLayer:
        """The last inputs of the convolution and the state."""
        return CacheLayer(convolution=(self.convolved, self.taps), state=(self.heads, self.head_size, self.state))


class GatedNorm(Module):
    """Root-mean-square norm in fp32 of the output times the activated gate."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor, gate: Tensor) -> Tensor:
        dtype = x.dtype
        x = op.cast(x, FP32)
        x = op.multiply(x, activate(op.cast(gate, FP32), "silu"))
        x = op.root_mean_square_unit(x)
        return op.multiply(op.cast(x, dtype), self.weight)


class Mamba2Mixer(Module):
    """The state-space layer. Its first projection makes the gate, what is convolved, and the time steps."""

    norm_type: ClassVar[type[GatedNorm]] = GatedNorm

    def __init__(self, spec: Mamba2Spec, layer: int) -> None:
        self.spec, self.layer = spec, layer
        self.conv1d = CausalConvolution(spec.convolved, spec.taps, spec.activation, bias=spec.convolution_bias)
        self.in_proj = Linear(spec.hidden, spec.channels + spec.convolved + spec.heads, bias=spec.bias)
        self.dt_bias, self.A_log, self.D = Parameter(spec.heads), Parameter(spec.heads), Parameter(spec.heads)
        self.norm = self.norm_type(spec.channels) if spec.gated_norm else None
        self.out_proj = Linear(spec.channels, spec.hidden, bias=spec.bias)

    def __call__(self, x: Tensor, cache: KvCache | None) -> Tensor:
        spec, (batch, length, _), dtype = self.spec, x.shape, x.dtype
        projected = self.projected(x)
        gate, convolved, step = op.split(projected, (spec.channels, spec.convolved, spec.heads))
        convolved = self.conv1d(convolved.transpose(1, 2), cache, self.layer).transpose(1, 2)
        parts = op.split(convolved, (spec.channels, spec.groups * spec.state, spec.groups * spec.state))
        if cache is not None and length == 1 and self.layer in cache.states:
            out = self._one_step(parts, op.add(step, self.dt_bias))
        else:
            out = self._scanned(parts, op.add(step, self.dt_bias), cache)
        out = self._gated(out.view(batch, length, spec.channels), gate)
        return self.out_proj(op.cast(out, dtype))

    def projected(self, x: Tensor) -> Tensor:
        """Gate, what is convolved, and time steps, side by side."""
        return self.in_proj(x)

    def _gated(self, x: Tensor, gate: Tensor) -> Tensor:
        return self.norm(x, gate) if self.norm else op.multiply(x, activate(gate, "silu"))

    def _scanned(self, parts: list[Tensor], step: Tensor, cache: KvCache | None) -> Tensor:
        spec, (x, drive, readout) = self.spec, parts
        batch, length, _ = x.shape
        step = op.clamp(op.activation(op.raise_to_fp32(step), "softplus"))
        groups = (batch, length, spec.groups, spec.state)
        x = x.view(batch, length, spec.heads, spec.head_size)
        selected = Selected(step, decay_rate(self.A_log), drive.view(*groups), readout.view(*groups), self.D)
        out, state = chunk_scan(x, selected, spec.chunk)
        if cache is not None:
            cache.keep_state(self.layer, state)
        return out

    def _one_step(self, parts: list[Tensor], step: Tensor) -> Tensor:
        """One position after a held state: every component of every head's state is written out."""
        spec, (x, drive, readout) = self.spec, parts
        batch, tape = x.shape[0], x.tape
        shape = (batch, spec.heads, spec.head_size, spec.state)
        step = op.activation(op.raise_to_fp32(step), "softplus")
        decays = op.activation(tape.empty(shape, FP32), "exp")
        drives = tape.empty(shape, x.dtype)
        driven = op.multiply(drives, x.view(batch, spec.heads, spec.head_size, 1))
        state = op.add(op.scaled(decays), driven)
        state = op.cast(state, readout.dtype)
        del drive, step
        out = op.matmul(state.view(-1, spec.head_size, spec.state), tape.empty((batch * spec.heads, spec.state, 1), readout.dtype))
        return op.add(out.view(*x.shape), op.scaled(x))
