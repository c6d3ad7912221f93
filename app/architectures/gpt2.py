"""GPT-2: learned positions, one projection for queries, keys and values, pre-norm blocks (modeling_gpt2.py, transformers 5.23)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import Attend, Attended, causal_mask
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.architectures.tensor_parallel import share_of
from app.tape import operators as op
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpt2Spec:
    """Hyper-parameters of GPT-2. The dropouts are those of embeddings, of both residual branches and of attention weights."""

    vocabulary: int
    positions: int
    hidden: int
    layers: int
    heads: int
    head_size: int
    feed_forward: int
    activation: str = "gelu_new"
    embedding_dropout: float = 0.1
    residual_dropout: float = 0.1
    attention_dropout: float = 0.1
    tied: bool = True

    @property
    def attention_width(self) -> int:
        """Components of all heads."""
        return self.heads * self.head_size


class Attention(Module):
    """Multi-head self-attention from one fused projection."""

    def __init__(self, spec: Gpt2Spec, options: Options, layer: int) -> None:
        self.spec, self.layer = spec, layer
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, style=op.EagerStyle(fp32_softmax=False))
        self.c_attn = Linear(spec.hidden, 3 * spec.attention_width)
        self.c_proj = Linear(spec.attention_width, spec.hidden)

    def __call__(self, x: Tensor, mask: Tensor | None, cache: KvCache | None) -> Attended:
        query, key, value = op.split(self.c_attn(x), (self.spec.attention_width,) * 3)
        query, key, value = self._heads(query), self._heads(key), self._heads(value)
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        out, weights = self.attend(query, key, value, mask)
        out = self.c_proj(out.flatten(2))
        return op.dropout(out, self.spec.residual_dropout), weights

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.spec.heads, self.spec.head_size).transpose(1, 2)


class FeedForward(Module):
    """Two projections with an activation between them."""

    def __init__(self, spec: Gpt2Spec) -> None:
        self.spec = spec
        self.c_fc = Linear(spec.hidden, spec.feed_forward)
        self.c_proj = Linear(spec.feed_forward, spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        hidden = self.c_fc(x)
        hidden = activate(hidden, self.spec.activation)
        hidden = self.c_proj(hidden)
        return op.dropout(hidden, self.spec.residual_dropout)


class Block(Module):
    """Attention, then feed-forward, each on the normed residual stream."""

    def __init__(self, spec: Gpt2Spec, attention: Callable[..., Attended]) -> None:
        self.ln_1 = LayerNorm(spec.hidden)
        self.attn = attention
        self.ln_2 = LayerNorm(spec.hidden)
        self.mlp = FeedForward(spec)

    def __call__(self, x: Tensor, mask: Tensor | None, cache: KvCache | None) -> Tensor:
        residual = x
        x = self.ln_1(x)
        attended, _ = self.attn(x, mask, cache)
        x = op.add(attended, residual)
        residual = x
        x = self.ln_2(x)
        return op.add(residual, self.mlp(x))


class Gpt2(LanguageModel):
    """GPT-2 with its language-model head."""

    family: ClassVar[str] = "decoder"
    splits_tensors: ClassVar[bool] = True

    def __init__(self, spec: Gpt2Spec, options: Options) -> None:
        spec = share_of(spec, options.tensor)
        super().__init__(spec.vocabulary, spec.hidden, tied=spec.tied, options=options)
        self.spec = spec
        self.wte = Embedding(spec.vocabulary, spec.hidden)
        self.wpe = Embedding(spec.positions, spec.hidden)
        self.h = Blocks(block_kinds(spec.layers, options), lambda layer: Block(spec, self.attention(spec, layer)))
        self.ln_f = LayerNorm(spec.hidden)
        self.tie(self.wte)

    def attention(self, spec: Gpt2Spec, layer: int) -> Callable[..., Attended]:
        """The attention part of one block."""
        return Attention(spec, self.options, layer)

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        embedded = self.wte(indices(tape, inputs.batch, inputs.sequence))
        positions = self.wpe(indices(tape, 1, inputs.sequence))
        mask = causal_mask(embedded, cache, self.options.attention)
        x = self.h.run(
            op.dropout(op.add(embedded, positions), self.spec.embedding_dropout), mask, cache, checkpointed=self.options.checkpointed
        )
        return self.ln_f(x)

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of all heads, for every layer."""
        return (CacheLayer(self.spec.heads, self.spec.head_size, self.spec.head_size),) * self.spec.layers

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads
