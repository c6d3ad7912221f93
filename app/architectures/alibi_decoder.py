"""Decoders that bias scores by distance (ALiBi) and write their attention out: BLOOM, and MPT unless FlashAttention was asked for.

Source: modeling_bloom.py, modeling_mpt.py (transformers 5.23).
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.attention import Attend, Attended, PreviousWeights, causal_mask
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.decoder import heads_of
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.tape import operators as op
from app.tape.dtypes import BOOL, FP32
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class AlibiSpec:
    """Hyper-parameters of BLOOM or MPT. `positions`: the longest sequence, for which MPT makes its biases at once."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int = 2048
    dropout: float = 0.0
    attention_dropout: float = 0.0
    tied: bool = True

    @property
    def head_size(self) -> int:
        """Components of one head."""
        return self.hidden // self.heads


class BloomAttention(Module):
    """Attention from one projection; scores are added to the distance bias in the product itself."""

    def __init__(self, spec: AlibiSpec, layer: int) -> None:
        self.spec, self.layer = spec, layer
        self.query_key_value = Linear(spec.hidden, 3 * spec.hidden)
        self.dense = Linear(spec.hidden, spec.hidden)

    def __call__(self, x: Tensor, residual: Tensor, mask: Tensor | None, cache: KvCache | None) -> Attended:
        fused = self.query_key_value(x)
        query, key, value = (heads_of(op.part(fused, *x.shape), self.spec.head_size) for _ in range(3))
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        else:
            key, value = op.contiguous(key), op.contiguous(value)  # what comes out of a cache lies heads first already
        query = op.contiguous(query)
        scores = op.matmul(query, key.transpose(-1, -2))
        masked = scores if mask is None else op.add(scores, mask)  # the scores live on beside it
        weights = op.cast(op.softmax(masked, dtype_fp32=True), query.dtype)
        weights = op.dropout(weights, self.spec.attention_dropout)
        out = op.contiguous(op.matmul(weights, value).transpose(1, 2)).flatten(2)
        out = self.dense(out)
        return op.add(residual, op.dropout(out, self.spec.dropout)), weights


class BloomBlock(Module):
    """Attention, then feed-forward, each on the normed stream."""

    def __init__(self, spec: AlibiSpec, layer: int) -> None:
        self.dropout = spec.dropout
        self.input_layernorm = LayerNorm(spec.hidden)
        self.self_attention = BloomAttention(spec, layer)
        self.post_attention_layernorm = LayerNorm(spec.hidden)
        self.dense_h_to_4h = Linear(spec.hidden, spec.feed_forward)
        self.dense_4h_to_h = Linear(spec.feed_forward, spec.hidden)

    def __call__(self, x: Tensor, mask: Tensor | None, cache: KvCache | None, held: PreviousWeights) -> Tensor:
        normed = self.input_layernorm(x)
        attended, weights = self.self_attention(normed, x, mask, cache)
        normed = self.post_attention_layernorm(attended)
        out = op.add(attended, op.dropout(self._widened(normed), self.dropout))
        held.hold(weights)
        return out

    def _widened(self, x: Tensor) -> Tensor:
        wide = op.recomputed_gelu(self.dense_h_to_4h(x))
        return self.dense_4h_to_h(wide)


class AlibiDecoder(LanguageModel):
    """What both models share: the token table, the blocks, the last norm."""

    family: ClassVar[str] = "decoder"

    def __init__(self, spec: AlibiSpec, options: Options) -> None:
        super().__init__(spec.vocabulary, spec.hidden, tied=spec.tied, options=options)
        self.spec = spec
        self.word_embeddings = Embedding(spec.vocabulary, spec.hidden)
        self.h = Blocks(block_kinds(spec.layers, options), self.block)
        self.tie(self.word_embeddings)

    @abstractmethod
    def block(self, layer: int) -> Module:
        """One block."""

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of all heads, for every layer."""
        return (CacheLayer(self.spec.heads, self.spec.head_size, self.spec.head_size),) * self.spec.layers


class Bloom(AlibiDecoder):
    """BLOOM with its language-model head."""

    def __init__(self, spec: AlibiSpec, options: Options) -> None:
        super().__init__(spec, options)
        self.word_embeddings_layernorm = LayerNorm(spec.hidden)
        self.ln_f = LayerNorm(spec.hidden)

    def block(self, layer: int) -> Module:
        """One block."""
        return BloomBlock(self.spec, layer)

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        embedded = self.word_embeddings(indices(tape, inputs.batch, inputs.sequence))
        mask = causal_mask(embedded, cache, "eager")
        keys = cache.keys(inputs.sequence) if cache else inputs.sequence
        alibi = tape.empty((inputs.batch * self.spec.heads, 1, keys), embedded.dtype)
        x = self.h.run(self.word_embeddings_layernorm(embedded), mask, cache, PreviousWeights(), checkpointed=self.options.checkpointed)
        del alibi
        return self.ln_f(x)


class MptAttention(Module):
    """Attention from one projection; distance bias, a boolean mask and an fp32 softmax.

    Its makers train it with fused kernels that know the bias (llm-foundry; flash_attn's `alibi_slopes`).
    """

    def __init__(self, spec: AlibiSpec, layer: int, *, fused: bool) -> None:
        self.spec, self.layer, self.fused = spec, layer, fused
        self.Wqkv = Linear(spec.hidden, 3 * spec.hidden, bias=False)
        self.out_proj = Linear(spec.hidden, spec.hidden, bias=False)

    def __call__(self, x: Tensor, bias: Tensor, mask: Tensor, cache: KvCache | None) -> Attended:
        fused = op.split(self.Wqkv(x), (self.spec.hidden,) * 3)
        query, key, value = (heads_of(third, self.spec.head_size) for third in fused)
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        if self.fused:
            out, _ = Attend(dropout=self.spec.dropout)(query, key, value, None)
            return self.out_proj(out.flatten(2)), None
        scores = op.attention_scores(query, key)
        scores = op.add(scores, Tensor(bias.tape, (self.spec.heads, 1, scores.shape[-1]), bias.dtype, bias.storage))
        scores = op.where(mask, scores)
        weights = op.cast(op.softmax(op.cast(scores, FP32)), value.dtype)
        weights = op.dropout(weights, self.spec.dropout)
        return self.out_proj(op.attended_values(weights, value).flatten(2)), weights


class MptBlock(Module):
    """Attention, then feed-forward, each on the normed stream; nothing has a bias."""

    def __init__(self, spec: AlibiSpec, layer: int, *, fused: bool) -> None:
        self.dropout = spec.dropout
        self.norm_1 = LayerNorm(spec.hidden, bias=False)
        self.attn = MptAttention(spec, layer, fused=fused)
        self.norm_2 = LayerNorm(spec.hidden, bias=False)
        self.up_proj = Linear(spec.hidden, spec.feed_forward, bias=False)
        self.down_proj = Linear(spec.feed_forward, spec.hidden, bias=False)

    def __call__(self, x: Tensor, bias: Tensor, mask: Tensor, cache: KvCache | None, held: PreviousWeights) -> Tensor:
        normed = self.norm_1(x)
        attended, weights = self.attn(normed, bias, mask, cache)
        x = op.add(op.dropout(attended, self.dropout), x)
        normed = self.norm_2(x)
        wide = op.activation(self.up_proj(normed), "gelu")
        out = op.add(op.dropout(self.down_proj(wide), self.dropout), x)
        held.hold(weights)
        return out


class Mpt(AlibiDecoder):
    """MPT with its language-model head."""

    def __init__(self, spec: AlibiSpec, options: Options) -> None:
        super().__init__(spec, options)
        self.norm_f = LayerNorm(spec.hidden, bias=False)

    def block(self, layer: int) -> Module:
        """One block."""
        return MptBlock(self.spec, layer, fused=self.options.attention == "flash")

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        x = self.word_embeddings(indices(tape, inputs.batch, inputs.sequence))
        bias = tape.empty((self.spec.heads, 1, max(self.spec.positions, inputs.sequence)), FP32)
        keys = cache.keys(inputs.sequence) if cache else inputs.sequence
        mask = tape.empty((inputs.batch, 1, inputs.sequence, keys), BOOL)
        x = self.h(x, bias, mask, cache, PreviousWeights(), checkpointed=self.options.checkpointed)
        return self.norm_f(x)
