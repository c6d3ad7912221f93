"""OPT and BioGPT: learned positions, ReLU, norms before or after each part (modeling_opt.py, modeling_biogpt.py, transformers 5.23)."""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import IN_FP32, Attend, Attended, causal_mask
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.architectures.tensor_parallel import share_of
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor

POSITION_OFFSET = 2  # rows of the position table that no position uses


@dataclass(frozen=True, slots=True, kw_only=True)
class OptSpec:
    """Hyper-parameters of OPT. `embedding`: size of the token table, projected to `hidden` where it differs.

    BioGPT differs in what is scaled, drops out embeddings too, and has one row of positions for all sequences.
    """

    vocabulary: int
    positions: int
    embedding: int
    hidden: int
    layers: int
    heads: int
    head_size: int
    feed_forward: int
    activation: str = "relu"
    norm_first: bool = True
    norm_affine: bool = True
    final_norm: bool = True
    bias: bool = True
    dropout: float = 0.1
    attention_dropout: float = 0.0
    tied: bool = True
    scaled_queries: bool = True
    scaled_embeddings: bool = False
    embedding_dropout: float = 0.0
    positions_per_sequence: bool = True
    style: op.EagerStyle = IN_FP32

    @property
    def attention_width(self) -> int:
        """Components of all heads."""
        return self.heads * self.head_size


class Attention(Module):
    """Multi-head self-attention; queries are scaled before the product."""

    def __init__(self, spec: OptSpec, options: Options, layer: int) -> None:
        self.spec, self.layer = spec, layer
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, style=spec.style)
        self.k_proj = Linear(spec.hidden, spec.attention_width, bias=spec.bias)
        self.v_proj = Linear(spec.hidden, spec.attention_width, bias=spec.bias)
        self.q_proj = Linear(spec.hidden, spec.attention_width, bias=spec.bias)
        self.out_proj = Linear(spec.attention_width, spec.hidden, bias=spec.bias)

    def __call__(self, x: Tensor, mask: Tensor | None, cache: KvCache | None) -> Attended:
        query = self.q_proj(x)
        query = self._heads(op.scaled(query) if self.spec.scaled_queries else query)
        key, value = self._heads(self.k_proj(x)), self._heads(self.v_proj(x))
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        out, weights = self.attend(query, key, value, mask)
        return self.out_proj(out.flatten(2)), weights

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.spec.heads, self.spec.head_size).transpose(1, 2)


class Block(Module):
    """Attention, then feed-forward, each with a norm before it or after its residual sum."""

    def __init__(self, spec: OptSpec, options: Options, layer: int) -> None:
        self.spec = spec
        self.self_attn = Attention(spec, options, layer)
        self.self_attn_layer_norm = LayerNorm(spec.hidden, affine=spec.norm_affine)
        self.fc1 = Linear(spec.hidden, spec.feed_forward, bias=spec.bias)
        self.fc2 = Linear(spec.feed_forward, spec.hidden, bias=spec.bias)
        self.final_layer_norm = LayerNorm(spec.hidden, affine=spec.norm_affine)

    def __call__(self, x: Tensor, mask: Tensor | None, cache: KvCache | None) -> Tensor:
        first = self.spec.norm_first
        residual = x
        x = self.self_attn_layer_norm(x) if first else x
        x, _ = self.self_attn(x, mask, cache)
        x = op.dropout(x, self.spec.dropout)
        x = op.add(residual, x)
        x = x if first else self.self_attn_layer_norm(x)
        residual = x
        x = self.final_layer_norm(x) if first else x
        x = self.fc1(x)
        x = activate(x, self.spec.activation)
        x = self.fc2(x)
        x = op.dropout(x, self.spec.dropout)
        x = op.add(residual, x)
        return x if first else self.final_layer_norm(x)


class Opt(LanguageModel):
    """OPT with its language-model head."""

    family: ClassVar[str] = "decoder"
    splits_tensors: ClassVar[bool] = True

    def __init__(self, spec: OptSpec, options: Options) -> None:
        spec = share_of(spec, options.tensor)
        super().__init__(spec.vocabulary, spec.embedding, tied=spec.tied, options=options)
        self.spec = spec
        self.embed_tokens = Embedding(spec.vocabulary, spec.embedding)
        self.embed_positions = Embedding(spec.positions + POSITION_OFFSET, spec.hidden)
        projected = spec.embedding != spec.hidden
        self.project_in = Linear(spec.embedding, spec.hidden, bias=False) if projected else None
        self.project_out = Linear(spec.hidden, spec.embedding, bias=False) if projected else None
        self.layers = Blocks(block_kinds(spec.layers, options), lambda layer: Block(spec, options, layer))
        self.final_layer_norm = LayerNorm(spec.hidden, affine=spec.norm_affine) if spec.final_norm and spec.norm_first else None
        self.tie(self.embed_tokens)

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The output of the last block, normed and projected where the model does so, [batch, length, embedding]."""
        embedded = self.embed_tokens(indices(tape, inputs.batch, inputs.sequence))
        embedded = op.scaled(embedded) if self.spec.scaled_embeddings else embedded
        ones = tape.empty((inputs.batch, inputs.sequence), FP32)
        mask = causal_mask(embedded, cache, self.options.attention)
        positions = self.embed_positions(indices(tape, inputs.batch if self.spec.positions_per_sequence else 1, inputs.sequence))
        embedded = self.project_in(embedded) if self.project_in else embedded
        x = self.layers.run(
            op.dropout(op.add(embedded, positions), self.spec.embedding_dropout), mask, cache, checkpointed=self.options.checkpointed
        )
        x = self.final_layer_norm(x) if self.final_layer_norm else x
        del ones
        return self.project_out(x) if self.project_out else x

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of all heads, for every layer."""
        return (CacheLayer(self.spec.heads, self.spec.head_size, self.spec.head_size),) * self.spec.layers

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads
