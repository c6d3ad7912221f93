"""Decoder-only transformers of the Llama kind: RMS norm, rotary positions, grouped-query attention, gated feed-forward.

Written as transformers 5.23 computes them (modeling_llama.py, modeling_mistral.py, modeling_qwen2.py, modeling_qwen3.py): what lives how
long follows from the local variables of these functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import Attend, Attended, Masks, causal_masks, window_kinds
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.architectures.positions import Rotation, Turns, rotation
from app.architectures.tensor_parallel import share_of
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, Embedding, Linear, Module, RMSNorm
from app.tape.tensor import Tape, Tensor

Layer = Callable[[Tensor], Tensor]  # a module of the stream: a norm, a feed-forward part


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderSpec:
    """Hyper-parameters of a Llama-like decoder. `windows` holds the sliding window of each layer, None where attention is full.

    `norm` makes the norms of the stream; `scaled_embeddings` and `capped_logits` are Gemma's.
    """

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    activation: str = "silu"
    tied: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    feed_forward_bias: bool = False
    head_norms: bool = False  # a norm of each query and key head
    norm_of_each_head: bool = False  # and one with weights of its own for each
    windows: tuple[int | None, ...] = ()
    rotary_size: int | None = None  # components of a head that are turned; None: all
    rotation_by_window: bool = False  # layers with a window turn by other angles
    turned: tuple[bool, ...] = ()  # whether each layer turns queries and keys; empty: all do
    embedding_dropout: float = 0.0
    attention_dropout: float = 0.0
    residual_dropout: float = 0.0
    head_bias: bool = False
    norm: Callable[[int], Layer] = RMSNorm
    scaled_embeddings: bool = False
    capped_attention: bool = False
    always_eager: bool = False  # attention has a form that no fused kernel computes
    capped_logits: bool = False
    scaled_residual: bool = False  # what each part adds to the stream is multiplied by a number first
    scaled_logits: bool = False
    wide_logits: bool = False  # logits are handed on in fp32

    def turns(self, layer: int) -> bool:
        """Whether one layer turns queries and keys by their positions."""
        return self.turned[layer] if self.turned else True

    def window(self, layer: int) -> int | None:
        """Sliding window of one layer."""
        return self.windows[layer] if self.windows else None


class Attention(Module):
    """Grouped-query self-attention with rotary positions."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        self.spec, self.layer, self.window = spec, layer, spec.window(layer)
        self.attend = attend_of(spec, options)
        query, key = spec.heads * spec.head_size, spec.kv_heads * spec.head_size
        self.q_proj = Linear(spec.hidden, query, bias=spec.qkv_bias)
        self.k_proj = Linear(spec.hidden, key, bias=spec.qkv_bias)
        self.v_proj = Linear(spec.hidden, key, bias=spec.qkv_bias)
        self.o_proj = Linear(query, spec.hidden, bias=spec.output_bias)
        if spec.head_norms:
            self.q_norm, self.k_norm = spec.norm(spec.head_size), spec.norm(spec.head_size)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        batch, length, _ = x.shape
        query = self._heads(self.q_proj(x), "q_norm")
        key = self._heads(self.k_proj(x), "k_norm")
        value = heads_of(self.v_proj(x), self.spec.head_size)
        if self.spec.turns(self.layer):
            query, key = self.turn(query, turns[self.window]), self.turn(key, turns[self.window])
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self.attend(query, key, value, masks[self.window])
        return self.o_proj(out.view(batch, length, -1)), weights

    def turn(self, x: Tensor, by: Rotation) -> Tensor:
        """Queries or keys [batch, heads, length, size] turned by their positions."""
        return op.rotary_embedding(x, *by)

    def _heads(self, x: Tensor, norm: str) -> Tensor:
        if not self.spec.head_norms:
            return heads_of(x, self.spec.head_size)
        x = x.view(*x.shape[:2], x.shape[2] // self.spec.head_size, self.spec.head_size)
        normed: Tensor = getattr(self, norm)(x)
        return normed.transpose(1, 2)


def heads_of(x: Tensor, size: int) -> Tensor:
    """[batch, length, heads x size] seen as [batch, heads, length, size]."""
    batch, length, width = x.shape
    return x.view(batch, length, width // size, size).transpose(1, 2)


def attend_of(spec: DecoderSpec, options: Options) -> Attend:
    """How this decoder attends."""
    return Attend(
        implementation="eager" if spec.always_eager else options.attention,
        dropout=spec.attention_dropout,
        style=op.EagerStyle(capped=spec.capped_attention),
    )


AttentionPart = Callable[[DecoderSpec, Options, int], Callable[..., Attended]]


class GatedFeedForward(Module):
    """down(activation(gate(x)) x up(x))."""

    def __init__(self, hidden: int, width: int, activation: str, *, bias: bool = False) -> None:
        self.gate_proj = Linear(hidden, width, bias=bias)
        self.up_proj = Linear(hidden, width, bias=bias)
        self.down_proj = Linear(width, hidden, bias=bias)
        self.activation = activation

    def __call__(self, x: Tensor) -> Tensor:
        return self.down_proj(op.multiply(activate(self.gate_proj(x), self.activation), self.up_proj(x)))


def feed_forward_of(spec: DecoderSpec) -> GatedFeedForward:
    """The dense feed-forward part of a block."""
    return GatedFeedForward(spec.hidden, spec.feed_forward, spec.activation, bias=spec.feed_forward_bias)


class DecoderBlock(Module):
    """Attention, then feed-forward, each on the normed residual stream."""

    def __init__(
        self,
        spec: DecoderSpec,
        options: Options,
        layer: int,
        attention: AttentionPart = Attention,
        feed_forward: Callable[[DecoderSpec], Layer] = feed_forward_of,
    ) -> None:
        self.dropout, self.scaled = spec.residual_dropout, spec.scaled_residual
        self.input_layernorm = spec.norm(spec.hidden)
        self.self_attn = attention(spec, options, layer)
        self.post_attention_layernorm = spec.norm(spec.hidden)
        self.mlp = feed_forward(spec)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        residual = x
        x = self.input_layernorm(x)
        x, _ = self.self_attn(x, turns, masks, cache)
        x = op.add(residual, self._added(x))
        residual = x
        x = self.post_attention_layernorm(x)
        x = self.mlp(x)
        return op.add(residual, self._added(x))

    def _added(self, x: Tensor) -> Tensor:
        x = op.dropout(x, self.dropout)
        return op.scaled(x) if self.scaled else x


class Decoder(LanguageModel):
    """A Llama-like causal language model. `block` makes its blocks."""

    family: ClassVar[str] = "decoder"
    splits_tensors: ClassVar[bool] = True

    def __init__(self, spec: DecoderSpec, options: Options, block: Callable[[DecoderSpec, Options, int], Module] = DecoderBlock) -> None:
        spec = share_of(spec, options.tensor)
        super().__init__(spec.vocabulary, spec.hidden, tied=spec.tied, options=options, bias=spec.head_bias)
        self.spec = spec
        self.embed_tokens = Embedding(spec.vocabulary, spec.hidden)
        self.layers = Blocks(block_kinds(spec.layers, options, self.kind), lambda layer: block(spec, options, layer))
        self.norm = spec.norm(spec.hidden)
        self.tie(self.embed_tokens)

    def kind(self, layer: int) -> object:
        """What tells the blocks of different layers apart."""
        return self.spec.window(layer), self.spec.turns(layer)

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        x = self.embedded(tape, inputs, cache)
        turns = self._turns(x)
        masks = self.masks(x, cache)
        x = self.layers(x, turns, masks, cache, checkpointed=self.options.checkpointed)
        return self.norm(x)

    def embedded(self, tape: Tape, inputs: Inputs, cache: KvCache | None) -> Tensor:  # noqa: ARG002 - images come with an empty cache
        """The stream that enters the first block."""
        embedded = self.embed_tokens(indices(tape, inputs.batch, inputs.sequence))
        return op.dropout(op.scaled(embedded) if self.spec.scaled_embeddings else embedded, self.spec.embedding_dropout)

    def masks(self, x: Tensor, cache: KvCache | None) -> Masks:
        """What each position sees, for each kind of layer."""
        return causal_masks(x, cache, attend_of(self.spec, self.options).implementation, self.spec.windows)

    def _turns(self, x: Tensor) -> Turns:
        size, kinds = self.turned_size(), window_kinds(self.spec.windows)
        if self.spec.rotation_by_window:
            return {window: rotation(x, size) for window in kinds}
        return dict.fromkeys(kinds, rotation(x, size))

    def turned_size(self) -> int:
        """Components of a head that rotary positions turn."""
        return self.spec.rotary_size or self.spec.head_size

    def logits(self, x: Tensor) -> Tensor:
        """Logits, scaled or capped where the model does so."""
        logits = super().logits(x)
        logits = op.cast(logits, FP32) if self.spec.wide_logits else logits
        logits = op.scaled(logits) if self.spec.scaled_logits else logits
        if not self.spec.capped_logits:
            return logits
        logits = op.scaled(logits)
        logits = op.activation(logits, "tanh")
        return op.scaled(logits)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and query heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads

    def heads_per_kv(self) -> int:
        """Query heads of one group."""
        return self.spec.heads // self.spec.kv_heads

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of the key-value heads, for every layer."""
        spec = self.spec
        return tuple(CacheLayer(spec.kv_heads, spec.head_size, spec.head_size, spec.window(layer)) for layer in range(spec.layers))
