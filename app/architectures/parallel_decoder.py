"""Decoders whose attention and feed-forward parts work side by side on one normed stream: Phi, StableLM, GPT-J, Falcon.

Source: modeling_phi.py, modeling_stablelm.py, modeling_gptj.py, modeling_falcon.py (transformers 5.23).
"""

from collections.abc import Callable

from app.architectures.activations import activate
from app.architectures.attention import Attend, Attended, Masks, PreviousWeights
from app.architectures.cache import KvCache
from app.architectures.decoder import Attention, DecoderSpec, Layer, heads_of
from app.architectures.network import Options
from app.architectures.positions import Turns
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import LayerNorm, Linear, Module
from app.tape.tensor import Parameter, Tensor


class PlainFeedForward(Module):
    """Two projections with an activation between them."""

    def __init__(self, spec: DecoderSpec) -> None:
        self.activation = spec.activation
        self.fc1 = Linear(spec.hidden, spec.feed_forward, bias=spec.feed_forward_bias)
        self.fc2 = Linear(spec.feed_forward, spec.hidden, bias=spec.feed_forward_bias)

    def __call__(self, x: Tensor) -> Tensor:
        hidden = self.fc1(x)
        hidden = activate(hidden, self.activation)
        return self.fc2(hidden)


class ParallelBlock(Module):
    """Attention and feed-forward on the same normed stream, both added to it."""

    def __init__(
        self,
        spec: DecoderSpec,
        options: Options,
        layer: int,
        attention: Callable[[DecoderSpec, Options, int], Callable[..., Attended]],
        feed_forward: Callable[[DecoderSpec], Layer],
    ) -> None:
        self.dropout = spec.residual_dropout
        self.input_layernorm = spec.norm(spec.hidden)
        self.self_attn = attention(spec, options, layer)
        self.mlp = feed_forward(spec)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        residual = x
        x = self.input_layernorm(x)
        attended, _ = self.self_attn(x, turns, masks, cache)
        attended = op.dropout(attended, self.dropout)
        forwarded = op.dropout(self.mlp(x), self.dropout)
        return op.add(op.add(attended, forwarded), residual)


class SequentialBlock(Module):
    """Attention, then feed-forward; the normed stream and what attention gave stay alive to the end."""

    def __init__(
        self,
        spec: DecoderSpec,
        options: Options,
        layer: int,
        attention: Callable[[DecoderSpec, Options, int], Callable[..., Attended]],
        feed_forward: Callable[[DecoderSpec], Layer],
    ) -> None:
        self.dropout = spec.residual_dropout
        self.input_layernorm = spec.norm(spec.hidden)
        self.self_attn = attention(spec, options, layer)
        self.post_attention_layernorm = spec.norm(spec.hidden)
        self.mlp = feed_forward(spec)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        residual = x
        x = self.input_layernorm(x)
        attended, _ = self.self_attn(x, turns, masks, cache)
        residual = op.add(residual, attended)
        forwarded = self.mlp(self.post_attention_layernorm(residual))
        return op.add(residual, op.dropout(forwarded, self.dropout))


class PartialAttention(Attention):
    """Attention that turns only part of each head; a copy joins it to the rest."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, heads_first=True)
        self.norms = [HeadNorms(heads, spec.head_size) for heads in (spec.heads, spec.kv_heads)] if spec.norm_of_each_head else []

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        size, turn = self.spec.head_size, turns[self.window]
        query, key, value = heads_of(self.q_proj(x), size), heads_of(self.k_proj(x), size), heads_of(self.v_proj(x), size)
        if self.norms:
            query, key = self.norms[0](query), self.norms[1](key)
        query, key = op.partial_rotary_embedding(query, *turn), op.partial_rotary_embedding(key, *turn)
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self.attend(query, key, value, masks[self.window])
        return self.o_proj(out.flatten(2)), weights


class HeadNorms(Module):
    """A norm of its own for each head, [batch, heads, length, size]; a copy joins the heads again."""

    def __init__(self, heads: int, size: int) -> None:
        self.norms = [LayerNorm(size, bias=False) for _ in range(heads)]

    def __call__(self, x: Tensor) -> Tensor:
        heads = op.split(x, (1,) * len(self.norms), axis=1)
        return op.concatenate([norm(head) for norm, head in zip(self.norms, heads, strict=True)], axis=1)


class FloatScoreAttention(Attention):
    """GPT-J's attention, always written out: scores from fp32 copies of queries and keys; a table of positions in fp32."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int, positions: int, held: PreviousWeights) -> None:
        super().__init__(spec, options, layer)
        self.held = held
        self.embed_positions = Parameter(positions, spec.rotary_size or spec.head_size, buffer=True)
        self.embed_positions.own_dtype = self.embed_positions.dtype = FP32

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        size, turn = self.spec.head_size, turns[self.window]
        given_query, given_key, value = heads_of(self.q_proj(x), size), heads_of(self.k_proj(x), size), heads_of(self.v_proj(x), size)
        table = op.repeated(op.expand(self.embed_positions, 1, *self.embed_positions.shape), x.shape[0])
        query, key = op.partial_rotary_embedding(given_query, *turn), op.partial_rotary_embedding(given_key, *turn)
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self._attended(query, key, value, masks[self.window], laid_out=cache is not None)
        self.held.hold(weights)
        out = self.o_proj(out.flatten(2))
        del given_query, given_key, table  # parts of them live to the end of the call
        return out, weights

    def _attended(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, laid_out: bool) -> Attended:
        """What comes out of a cache lies heads first already."""
        query, key = op.cast(query, FP32), op.cast(key, FP32)
        weights = op.attention_scores(query, key, laid_out=laid_out)
        if mask is not None:
            weights = op.add(weights, mask)
        weights = op.softmax(weights)
        weights = op.cast(weights, value.dtype)
        weights = op.dropout(weights, self.spec.attention_dropout)
        return op.attended_values(weights, value, laid_out=laid_out), weights
