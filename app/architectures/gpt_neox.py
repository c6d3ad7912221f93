"""GPT-NeoX and Pythia: partly rotary positions, attention and feed-forward side by side (modeling_gpt_neox.py, transformers 5.23)."""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import Attend, Attended, causal_mask
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.architectures.positions import Rotation, rotation
from app.architectures.tensor_parallel import share_of
from app.tape import operators as op
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class NeoXSpec:
    """Hyper-parameters of GPT-NeoX. `rotary_size`: components of each head that are turned."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    head_size: int
    feed_forward: int
    rotary_size: int
    activation: str = "gelu"
    parallel: bool = True
    bias: bool = True
    hidden_dropout: float = 0.0
    attention_dropout: float = 0.0
    tied: bool = False

    @property
    def attention_width(self) -> int:
        """Components of all heads."""
        return self.heads * self.head_size


class Attention(Module):
    """Multi-head self-attention; queries, keys and values lie side by side within each head of one projection."""

    def __init__(self, spec: NeoXSpec, options: Options, layer: int) -> None:
        self.spec, self.layer = spec, layer
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, heads_first=True)
        self.query_key_value = Linear(spec.hidden, 3 * spec.attention_width, bias=spec.bias)
        self.dense = Linear(spec.attention_width, spec.hidden, bias=spec.bias)

    def __call__(self, x: Tensor, turn: Rotation, mask: Tensor | None, cache: KvCache | None) -> Attended:
        size = self.spec.head_size
        fused = self.query_key_value(x).view(*x.shape[:2], self.spec.heads, 3 * size).transpose(1, 2)
        query, key, value = op.split(fused, (size,) * 3)
        query, key = op.partial_rotary_embedding(query, *turn), op.partial_rotary_embedding(key, *turn)
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        out, weights = self.attend(query, key, value, mask)
        return self.dense(out.flatten(2)), weights


class FeedForward(Module):
    """Two projections with an activation between them."""

    def __init__(self, spec: NeoXSpec) -> None:
        self.activation = spec.activation
        self.dense_h_to_4h = Linear(spec.hidden, spec.feed_forward)
        self.dense_4h_to_h = Linear(spec.feed_forward, spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        hidden = self.dense_h_to_4h(x)
        hidden = activate(hidden, self.activation)
        return self.dense_4h_to_h(hidden)


class Block(Module):
    """Attention and feed-forward, both on the incoming stream (`parallel`) or one after the other."""

    def __init__(self, spec: NeoXSpec, options: Options, layer: int) -> None:
        self.spec = spec
        self.input_layernorm = LayerNorm(spec.hidden)
        self.post_attention_layernorm = LayerNorm(spec.hidden)
        self.attention = Attention(spec, options, layer)
        self.mlp = FeedForward(spec)

    def __call__(self, x: Tensor, turn: Rotation, mask: Tensor | None, cache: KvCache | None) -> Tensor:
        attended, _ = self.attention(self.input_layernorm(x), turn, mask, cache)
        attended = op.dropout(attended, self.spec.hidden_dropout)
        if not self.spec.parallel:
            attended = op.add(attended, x)
        hidden = self.mlp(self.post_attention_layernorm(x if self.spec.parallel else attended))
        hidden = op.dropout(hidden, self.spec.hidden_dropout)
        hidden = op.add(hidden, attended)
        return op.add(hidden, x) if self.spec.parallel else hidden


class GptNeoX(LanguageModel):
    """GPT-NeoX with its language-model head."""

    family: ClassVar[str] = "decoder"
    splits_tensors: ClassVar[bool] = True

    def __init__(self, spec: NeoXSpec, options: Options) -> None:
        spec = share_of(spec, options.tensor)
        super().__init__(spec.vocabulary, spec.hidden, tied=spec.tied, options=options)
        self.spec = spec
        self.embed_in = Embedding(spec.vocabulary, spec.hidden)
        self.layers = Blocks(block_kinds(spec.layers, options), lambda layer: Block(spec, options, layer))
        self.final_layer_norm = LayerNorm(spec.hidden)
        self.tie(self.embed_in)

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        embedded = self.embed_in(indices(tape, inputs.batch, inputs.sequence))
        mask = causal_mask(embedded, cache, self.options.attention)
        x = op.dropout(embedded, self.spec.hidden_dropout)
        turn = rotation(x, self.spec.rotary_size)
        x = self.layers(x, turn, mask, cache, checkpointed=self.options.checkpointed)
        return self.final_layer_norm(x)

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of all heads, for every layer."""
        return (CacheLayer(self.spec.heads, self.spec.head_size, self.spec.head_size),) * self.spec.layers

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads
