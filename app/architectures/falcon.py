"""Falcon: one fused projection, few key-value heads, attention and feed-forward side by side (modeling_falcon.py, transformers 5.23)."""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import Attended, PreviousWeights
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.architectures.positions import Rotation, rotation
from app.tape import operators as op
from app.tape.dtypes import BOOL, FP32, DType
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class FalconSpec:
    """Hyper-parameters of Falcon. `grouped`: keys and values are repeated to all heads before attention (the 40 B architecture).
    `alibi`: attention is biased by distance instead of turned by position.
    """

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    grouped: bool = False
    two_norms: bool = False
    parallel: bool = True
    bias: bool = False
    activation: str = "gelu"
    hidden_dropout: float = 0.0
    attention_dropout: float = 0.0
    alibi: bool = False
    tied: bool = True

    @property
    def head_size(self) -> int:
        """Components of one head."""
        return self.hidden // self.heads

    @property
    def cached_heads(self) -> int:
        """Key-value heads that attention works on and the cache holds."""
        return self.heads if self.grouped else self.kv_heads


class Attention(Module):
    """Attention from one projection. Grouped keys and values are copied to all heads first; the mask is always made."""

    def __init__(self, spec: FalconSpec, options: Options, layer: int) -> None:
        self.spec, self.eager, self.layer = spec, options.attention == "eager", layer
        self.query_key_value = Linear(spec.hidden, (spec.heads + 2 * spec.kv_heads) * spec.head_size, bias=spec.bias)
        self.dense = Linear(spec.hidden, spec.hidden, bias=spec.bias)

    def __call__(self, x: Tensor, turn: Rotation, mask: Tensor, cache: KvCache | None) -> Attended:
        fused = self.query_key_value(x)
        query, key, value = (self._heads(fused, heads) for heads in (self.spec.heads, self.spec.cached_heads, self.spec.cached_heads))
        if not self.spec.alibi:
            query, key = op.rotary_embedding(query, *turn), op.rotary_embedding(key, *turn)
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        out, weights = self._written_out(query, key, value, mask) if self.eager else (self._fused(query, key, value, mask), None)
        return self.dense(out.flatten(2)), weights

    def _heads(self, fused: Tensor, heads: int) -> Tensor:
        """Some of the fused heads, [batch, heads, length, size]; copies where groups are repeated to all heads."""
        batch, length, _ = fused.shape
        seen = op.part(fused, batch, heads, length, self.spec.head_size)
        return op.contiguous(seen) if self.spec.grouped else seen

    @property
    def _dropout(self) -> float:
        return self.spec.attention_dropout if self.spec.alibi else 0.0

    def _fused(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        return op.scaled_dot_product_attention(query, key, value, mask=mask, causal=False, dropout_probability=self._dropout)

    def _written_out(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Attended:
        """Softmax in the type of the stream, which is the mask's; biased scores are worked out in fp32."""
        key, value = op.repeat_heads(key, self.spec.heads), op.repeat_heads(value, self.spec.heads)
        scores = op.attention_products(query, key, laid_out=self.spec.grouped)
        if self.spec.alibi:
            wide = op.cast(scores, FP32)
            biased = op.add(wide, wide.tape.empty((query.shape[0], self.spec.heads, 1, key.shape[2]), mask.dtype))
            weights = op.dropout(_softmax(op.add(biased, mask), mask.dtype), self._dropout)
        else:
            weights = _softmax(op.add(scores, mask), mask.dtype)
            del scores  # the weights take its name in the reference
        return op.attended_values(weights, value, laid_out=self.spec.grouped), weights


def _softmax(scores: Tensor, dtype: DType) -> Tensor:
    return op.softmax(op.cast(scores, dtype))


class FeedForward(Module):
    """Two projections with an activation between them."""

    def __init__(self, spec: FalconSpec) -> None:
        self.activation = spec.activation
        self.dense_h_to_4h = Linear(spec.hidden, spec.feed_forward, bias=spec.bias)
        self.dense_4h_to_h = Linear(spec.feed_forward, spec.hidden, bias=spec.bias)

    def __call__(self, x: Tensor) -> Tensor:
        wide = activate(self.dense_h_to_4h(x), self.activation)
        return self.dense_4h_to_h(wide)


class Block(Module):
    """Attention and feed-forward on the normed stream: on one norm, on one each, or one after the other."""

    def __init__(self, spec: FalconSpec, options: Options, layer: int) -> None:
        self.spec = spec
        self.input_layernorm = LayerNorm(spec.hidden)
        self.second_layernorm = LayerNorm(spec.hidden) if spec.two_norms or not spec.parallel else None
        self.self_attention = Attention(spec, options, layer)
        self.mlp = FeedForward(spec)

    def __call__(self, x: Tensor, turn: Rotation, mask: Tensor, cache: KvCache | None, held: PreviousWeights) -> Tensor:
        residual = x
        normed = self.input_layernorm(x)
        forwarded = self.second_layernorm(x) if self.second_layernorm and self.spec.parallel else normed
        attended, weights = self.self_attention(normed, turn, mask, cache)
        if self.second_layernorm and not self.spec.parallel:
            residual = op.add(residual, op.dropout(attended, self.spec.attention_dropout))
            forwarded = self.second_layernorm(residual)
        out = self.mlp(forwarded)
        out = op.add_(out, attended) if self.spec.parallel else out
        out = op.add(residual, op.dropout(out, self.spec.hidden_dropout))
        held.hold(weights)
        return out


class Falcon(LanguageModel):
    """Falcon with its language-model head."""

    family: ClassVar[str] = "decoder"

    def __init__(self, spec: FalconSpec, options: Options) -> None:
        super().__init__(spec.vocabulary, spec.hidden, tied=spec.tied, options=options)
        self.spec = spec
        self.word_embeddings = Embedding(spec.vocabulary, spec.hidden)
        self.h = Blocks(block_kinds(spec.layers, options), lambda layer: Block(spec, options, layer))
        self.ln_f = LayerNorm(spec.hidden)
        self.tie(self.word_embeddings)

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        x = self.word_embeddings(indices(tape, inputs.batch, inputs.sequence))
        keys = cache.keys(inputs.sequence) if cache else inputs.sequence
        turn, mask = rotation(x, self.spec.head_size), self._mask(x, keys)
        x = self.h(x, turn, mask, cache, PreviousWeights(), checkpointed=self.options.checkpointed)
        return self.ln_f(x)

    def _mask(self, x: Tensor, keys: int) -> Tensor:
        """Which positions each query sees: a number for every head with ALiBi; else a boolean for the fused kernels, a number if eager."""
        batch, length, _ = x.shape
        if self.spec.alibi:
            return x.tape.empty((batch, self.spec.heads, length, keys), x.dtype)
        if self.options.attention == "eager":
            return x.tape.empty((batch, 1, length, keys), x.dtype)
        return op.expand(x.tape.empty((1, 1, length, keys), BOOL), batch, 1, length, keys)

    def heads_per_kv(self) -> int:
        """Query heads of one group."""
        return self.spec.heads // self.spec.kv_heads

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values as attention works on them, for every layer."""
        return (CacheLayer(self.spec.cached_heads, self.spec.head_size, self.spec.head_size),) * self.spec.layers
