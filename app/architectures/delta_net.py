"""Gated delta networks and Qwen3-Next, which mixes them with gated attention (Yang et al. 2024).

Source: modeling_qwen3_next.py (transformers 5.23) without the kernels of flash-linear-attention: chunk by chunk, in fp32.
"""

from dataclasses import dataclass, replace

from app.architectures.attention import Attended, Masks
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.decoder import Attention, DecoderSpec, heads_of
from app.architectures.network import Options
from app.architectures.positions import Turns
from app.architectures.state_space import CausalConvolution, decay_rate
from app.tape import operators as op
from app.tape.dtypes import BOOL, FP32
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor
from app.units import round_up

CHUNK = 64  # positions that are worked on together


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaSpec:
    """Heads of keys and of values, their sizes, and taps of the convolution. `joined`: one projection for queries, keys, values and
    gate, and one for both gates of the rule (Qwen3-Next); else four (Qwen3.5)."""

    hidden: int
    key_heads: int
    value_heads: int
    key_size: int
    value_size: int
    taps: int
    activation: str = "silu"
    joined: bool = True

    @property
    def keys(self) -> int:
        """Components of all key heads."""
        return self.key_heads * self.key_size

    @property
    def values(self) -> int:
        """Components of all value heads."""
        return self.value_heads * self.value_size

    def cached(self) -> CacheLayer:
        """The last inputs of the convolution and the state."""
        return CacheLayer(convolution=(2 * self.keys + self.values, self.taps), state=(self.value_heads, self.key_size, self.value_size))


class NormThenGate(Module):
    """Root-mean-square norm of each head, then times the activated gate, in fp32."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor, gate: Tensor) -> Tensor:
        dtype = x.dtype
        x = op.rms_norm(x, self.weight)
        x = op.multiply(x, op.activation(op.cast(gate, FP32), "silu"))
        return op.cast(x, dtype)


class GatedDeltaNet(Module):
    """The recurrent layer: keys and values written into a state that decays, each write correcting what the key read before."""

    def __init__(self, spec: DeltaSpec, layer: int) -> None:
        self.spec, self.layer = spec, layer
        convolved, gates = 2 * spec.keys + spec.values, 2 * spec.value_heads
        self.conv1d = CausalConvolution(convolved, spec.taps, spec.activation, bias=False)
        if spec.joined:
            self.in_proj_qkvz = Linear(spec.hidden, convolved + spec.values, bias=False)
            self.in_proj_ba = Linear(spec.hidden, gates, bias=False)
        else:
            self.in_proj_qkv = Linear(spec.hidden, convolved, bias=False)
            self.in_proj_z = Linear(spec.hidden, spec.values, bias=False)
            self.in_proj_b, self.in_proj_a = (Linear(spec.hidden, spec.value_heads, bias=False) for _ in range(2))
        self.dt_bias, self.A_log = Parameter(spec.value_heads), Parameter(spec.value_heads)
        self.norm = NormThenGate(spec.value_size)
        self.out_proj = Linear(spec.values, spec.hidden, bias=False)

    def __call__(self, x: Tensor, cache: KvCache | None) -> Tensor:
        spec, (batch, length, _) = self.spec, x.shape
        mixed, gate, write, forget, *held = self._projected(x)
        mixed = self.conv1d(mixed.transpose(1, 2), cache, self.layer).transpose(1, 2)
        query, key, value = op.split(mixed, (spec.keys, spec.keys, spec.values))
        strength = op.activation(write, "sigmoid")
        step = op.activation(op.raise_to_fp32(op.add(op.cast(forget, FP32), self.dt_bias)), "softplus")
        decay = op.multiply(decay_rate(self.A_log), step)
        out, state = self._ruled((query, key, value), strength, decay)
        if cache is not None:
            cache.keep_state(self.layer, state)
        del held
        out = self.norm(out.view(-1, spec.value_size), gate.view(-1, spec.value_size))
        return self.out_proj(out.view(batch, length, spec.values))

    def _projected(self, x: Tensor) -> list[Tensor]:
        """What is convolved, the output's gate, both gates of the rule, and what the reference holds of the projection meanwhile."""
        spec = self.spec
        if not spec.joined:
            return [self.in_proj_qkv(x), self.in_proj_z(x), self.in_proj_b(x), self.in_proj_a(x)]
        mixed, gates = self.in_proj_qkvz(x), self.in_proj_ba(x)
        *parts, gate = op.split(mixed, (spec.keys, spec.keys, spec.values, spec.values))
        parts = [op.contiguous(part) for part in parts]
        joined = op.concatenate(parts, axis=-1)
        return [joined, op.contiguous(gate), *op.split(gates, (spec.value_heads, spec.value_heads)), mixed]

    def _ruled(self, given: tuple[Tensor, Tensor, Tensor], strength: Tensor, decay: Tensor) -> tuple[Tensor, Tensor]:
        """The delta rule over all chunks, [batch, length, values], and the last state."""
        query, key, value = (self._heads(x, size) for x, size in zip(given, self._sizes(), strict=True))
        dtype, (batch, heads, length, _) = given[0].dtype, value.shape
        query, key = op.scaled(_unit(query)), _unit(key)
        query, key, value = (_padded(x) for x in (query, key, value))
        strength, decay = (_padded(op.contiguous(op.cast(x, FP32)).view(batch, heads, length, 1)) for x in (strength, decay))
        values, keys = op.multiply(value, strength), op.multiply(key, strength)
        if dtype is FP32 and length % CHUNK == 0:  # neither a cast nor padding has laid the heads out yet
            query, key, keys, values = (op.contiguous(x) for x in (query, key, keys, values))
        chunked = [_in_chunks(x) for x in (query, key, keys, values)]
        del query, key, keys, values
        out, last = _over_chunks(chunked, op.cumulative_sum(decay.view(batch, heads, -1, CHUNK)))
        del value, strength
        out = op.part(out.view(batch, heads, -1, self.spec.value_size), batch, heads, length, self.spec.value_size)
        return op.cast(out, dtype).transpose(1, 2).view(batch, length, self.spec.values), last

    def _sizes(self) -> tuple[int, int, int]:
        return self.spec.key_size, self.spec.key_size, self.spec.value_size

    def _heads(self, x: Tensor, size: int) -> Tensor:
        """[batch, heads, length, size] in fp32, keys repeated for as many heads as values have."""
        x = heads_of(x, size)
        if x.shape[1] != self.spec.value_heads:
            x = op.resampled(x, x.shape[0], self.spec.value_heads, *x.shape[2:])
        return op.cast(x, FP32)


def _unit(x: Tensor) -> Tensor:
    """Each row over its length."""
    length = op.power(op.sum_over_last(op.multiply(x, x)))
    return op.multiply(x, length.view(*length.shape, 1))


def _padded(x: Tensor) -> Tensor:
    return op.padded(x, *x.shape[:2], round_up(x.shape[2], CHUNK), x.shape[3])


def _in_chunks(x: Tensor) -> Tensor:
    return x.view(*x.shape[:2], x.shape[2] // CHUNK, CHUNK, x.shape[3])


def _over_chunks(chunked: list[Tensor], decays: Tensor) -> tuple[Tensor, Tensor]:
    """Within each chunk a triangular system; then the rule from chunk to chunk. Takes queries, keys, and both times their strength."""
    query, key, keys, values = chunked
    chunked.clear()
    shape = (*decays.shape, CHUNK)
    pairwise = op.add(decays.view(*decays.shape, 1), op.scaled(decays).view(*decays.shape[:3], 1, CHUNK))
    pairwise = op.where(decays.tape.empty((CHUNK, CHUNK), BOOL), pairwise)
    pairwise = op.activation(pairwise, "exp")
    turned = key.transpose(-1, -2)
    system = op.multiply(op.matmul(keys, turned), pairwise)
    scores = op.multiply(op.matmul(query, turned), pairwise)
    passed = op.activation(decays, "exp").view(*shape[:4], 1)
    decayed = op.multiply(keys, passed)
    solved, solved_keys = op.solve_triangular(system, values), op.solve_triangular(system, decayed)
    queries = op.multiply(query, op.activation(decays, "exp").view(*shape[:4], 1))
    writes = op.multiply(key, op.activation(op.scaled(decays), "exp").view(*shape[:4], 1))
    del query, key
    out, last = op.delta_rule(solved, solved_keys, queries, scores, writes)
    del system, decayed, values, keys
    return out, last


class GatedAttention(Attention):
    """Attention whose output is gated by a second half of the query projection; part of each head is turned."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        self.attend = replace(self.attend, heads_first=True)
        self.q_proj = Linear(spec.hidden, 2 * spec.heads * spec.head_size, bias=spec.qkv_bias)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        spec, (batch, length, _) = self.spec, x.shape
        query, gate = op.split(self.q_proj(x), (spec.heads * spec.head_size,) * 2)
        gate = op.contiguous(gate)
        query, key = self._heads(query, "q_norm"), self._heads(self.k_proj(x), "k_norm")
        value = heads_of(self.v_proj(x), spec.head_size)
        turn = turns[self.window]
        query, key = op.partial_rotary_embedding(query, *turn), op.partial_rotary_embedding(key, *turn)
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self.attend(query, key, value, masks[self.window])
        out = op.multiply(out.view(batch, length, -1), op.activation(gate, "sigmoid"))
        return self.o_proj(out), weights
