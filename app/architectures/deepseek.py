"""DeepSeek V2 and V3: latent attention, whose cache holds one compressed vector a position, and many small experts.

Source: modeling_deepseek_v2.py, modeling_deepseek_v3.py (transformers 5.23).
"""

from dataclasses import dataclass
from functools import partial

from app.architectures.attention import Attend, Attended, Masks
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.decoder import DecoderBlock, DecoderSpec, GatedFeedForward, Layer, feed_forward_of
from app.architectures.mixture_of_experts import Experts, ExpertsSpec, MixtureDecoder
from app.architectures.network import Options
from app.architectures.positions import Rotation, Turns
from app.tape import operators as op
from app.tape.adapters import AdaptedWeight, whole
from app.tape.dtypes import FP32
from app.tape.modules import Linear, Module, RMSNorm
from app.tape.tensor import Parameter, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentSpec:
    """Sizes of latent attention: ranks of the compressed queries (None: not compressed) and keys, parts of each head with and without
    positions, and value heads. `complex_rotation`: positions are turned as complex fp32 numbers (V2)."""

    query_rank: int | None
    key_rank: int
    plain_size: int
    rotary_size: int
    value_size: int
    complex_rotation: bool = False

    @property
    def head_size(self) -> int:
        """Components of one query or key head."""
        return self.plain_size + self.rotary_size


class CompressedProjection(Module):
    """A projection through a normed bottleneck."""

    def __init__(self, inputs: int, rank: int, outputs: int, *, bias: bool) -> None:
        self.a_proj = Linear(inputs, rank, bias=bias)
        self.a_layernorm = RMSNorm(rank)
        self.b_proj = Linear(rank, outputs, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        return self.b_proj(self.a_layernorm(self.a_proj(x)))


class LatentAttention(Module):
    """Multi-head attention whose keys and values are expanded from a shared compressed vector and one rotated key part."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int, latent: LatentSpec) -> None:
        self.spec, self.latent, self.layer = spec, latent, layer
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, heads_first=True)
        queries, bias = spec.heads * latent.head_size, spec.qkv_bias
        self.q = (
            Linear(spec.hidden, queries, bias=False)
            if latent.query_rank is None
            else CompressedProjection(spec.hidden, latent.query_rank, queries, bias=bias)
        )
        self.kv_a_proj_with_mqa = Linear(spec.hidden, latent.key_rank + latent.rotary_size, bias=bias)
        self.kv_a_layernorm = RMSNorm(latent.key_rank)
        self.kv_b_proj = Linear(latent.key_rank, spec.heads * (latent.plain_size + latent.value_size), bias=False)
        self.o_proj = Linear(spec.heads * latent.value_size, spec.hidden, bias=spec.output_bias)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        latent, (batch, length, _) = self.latent, x.shape
        queries = self.q(x).view(batch, length, self.spec.heads, latent.head_size).transpose(1, 2)
        plain, turned = op.split(queries, (latent.plain_size, latent.rotary_size))
        compressed = self.kv_a_proj_with_mqa(x)
        shared, key_turned = op.split(compressed, (latent.key_rank, latent.rotary_size))
        shared = self.kv_a_layernorm(shared).view(batch, 1, length, latent.key_rank)
        key_turned = key_turned.view(batch, 1, length, latent.rotary_size)
        turned, key_turned = self._turned(turned, turns[None]), self._turned(key_turned, turns[None])
        if cache is not None:
            shared, key_turned = cache.update(self.layer, shared, key_turned)
        query = op.concatenate([plain, turned], axis=-1)
        key, value = self._expanded(shared, key_turned)
        out, weights = self.attend(query, key, value, masks[None])
        return self.o_proj(out.flatten(2)), weights

    def _turned(self, x: Tensor, turn: Rotation) -> Tensor:
        return op.complex_rotary_embedding(x) if self.latent.complex_rotation else op.interleaved_rotary_embedding(x, *turn)

    def _expanded(self, shared: Tensor, turned: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of all heads: their plain parts from the compressed vector, the turned part the same for all."""
        latent, heads = self.latent, self.spec.heads
        batch, _, length, _ = shared.shape
        both = self.kv_b_proj(shared).view(batch, length, heads, latent.plain_size + latent.value_size).transpose(1, 2)
        plain, value = op.split(both, (latent.plain_size, latent.value_size))
        return op.assembled([plain, op.expand(turned, batch, heads, length, latent.rotary_size)]), value


class Router(Module):
    """Chooses experts by scores computed in fp32."""

    def __init__(self, hidden: int, experts: ExpertsSpec, *, sigmoid: bool) -> None:
        self.chosen, self.sigmoid = experts.chosen, sigmoid
        self.weight: Parameter | AdaptedWeight = Parameter(experts.experts, hidden)
        self.e_score_correction_bias = Parameter(experts.experts, buffer=True) if sigmoid else None

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, weights and places of the chosen experts of each token [tokens, hidden]."""
        logits = self.logits(x)
        scores = op.activation(logits, "sigmoid") if self.sigmoid else op.softmax(logits, dtype_fp32=True)
        weights, places = op.top_k(scores, self.chosen)
        return logits, op.scaled(weights), places

    def logits(self, x: Tensor) -> Tensor:
        """What is scored, [tokens, experts]."""
        return op.linear(op.cast(x, FP32), op.cast(whole(self.weight), FP32))


class SparseFeedForward(Module):
    """Routed experts and, beside them, experts that all tokens share where there are some."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec, *, sigmoid: bool) -> None:
        self.gate = Router(spec.hidden, experts, sigmoid=sigmoid)
        self.experts = Experts(spec.hidden, experts, spec.activation)
        shared = experts.shared_width
        self.shared_experts = GatedFeedForward(spec.hidden, shared, spec.activation) if shared else None

    def __call__(self, x: Tensor) -> Tensor:
        tokens = x.view(-1, x.shape[-1])
        _, weights, places = self.gate(tokens)
        out = self.experts(tokens, places, weights).view(*x.shape)
        return op.add(out, self.shared_experts(x)) if self.shared_experts else out


class Deepseek(MixtureDecoder):
    """DeepSeek V2 or V3 with its language-model head."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec, latent: LatentSpec, options: Options) -> None:
        self.latent = latent
        super().__init__(spec, experts, options)

    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One block, with experts or without."""
        part = self.sparse_feed_forward if self.experts.sparse[layer] else feed_forward_of
        return DecoderBlock(spec, options, layer, partial(LatentAttention, latent=self.latent), part)

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        return SparseFeedForward(spec, self.experts, sigmoid=not self.latent.complex_rotation)

    def turned_size(self) -> int:
        """Components of a head that rotary positions turn."""
        return self.latent.rotary_size

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """The compressed vector and the turned key part, for every layer."""
        return (CacheLayer(1, self.latent.key_rank, self.latent.rotary_size),) * self.spec.layers

    def expanded_cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of all heads, as runtimes without latent attention cache them."""
        return (CacheLayer(self.spec.heads, self.latent.head_size, self.latent.value_size),) * self.spec.layers
