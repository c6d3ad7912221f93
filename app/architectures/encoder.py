"""Bidirectional encoders of the BERT kind: BERT, RoBERTa, XLM-RoBERTa, DistilBERT, ELECTRA, with norms after each residual sum.

Written as transformers 5.23 computes them (modeling_bert.py, modeling_roberta.py, modeling_distilbert.py, modeling_electra.py).
"""

from dataclasses import dataclass

from app.architectures.activations import activate
from app.architectures.attention import IN_OWN_TYPE, Attend, Attended
from app.architectures.encoder_heads import HeadedEncoder, HeadMaker, HeadSpec
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.tape import operators as op
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec:
    """Hyper-parameters of an encoder. `types`: token types, 0 where there is no such table; `positions_per_sequence`: position ids
    are worked out from each sequence, so that every one has its own; `embedding`: size of the tables where it differs from `hidden`.
    """

    vocabulary: int
    positions: int
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    types: int = 2
    embedding: int | None = None
    activation: str = "gelu"
    dropout: float = 0.1
    attention_dropout: float = 0.1
    attention_output_dropout: float = 0.1
    positions_per_sequence: bool = False

    @property
    def table_size(self) -> int:
        """Components of one row of the token table."""
        return self.embedding or self.hidden


class Embeddings(Module):
    """Token, type and position embeddings, summed and normed."""

    def __init__(self, spec: EncoderSpec) -> None:
        self.spec = spec
        self.word_embeddings = Embedding(spec.vocabulary, spec.table_size)
        self.position_embeddings = Embedding(spec.positions, spec.table_size)
        self.token_type_embeddings = Embedding(spec.types, spec.table_size) if spec.types else None
        self.norm = LayerNorm(spec.table_size)

    def __call__(self, tokens: Tensor) -> Tensor:
        tape, (batch, length) = tokens.tape, tokens.shape
        words = self.word_embeddings(tokens)
        summed = words
        if self.token_type_embeddings:
            types = self.token_type_embeddings(indices(tape, batch, length))
            summed = op.add(summed, types)
        positions = self.position_embeddings(indices(tape, batch if self.spec.positions_per_sequence else 1, length))
        summed = op.add(summed, positions)
        summed = self.norm(summed)
        return op.dropout(summed, self.spec.dropout)


class Attention(Module):
    """Multi-head self-attention over all positions."""

    def __init__(self, spec: EncoderSpec, options: Options) -> None:
        self.heads, self.size = spec.heads, spec.hidden // spec.heads
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, causal=False, style=IN_OWN_TYPE)
        self.query = Linear(spec.hidden, spec.hidden)
        self.key = Linear(spec.hidden, spec.hidden)
        self.value = Linear(spec.hidden, spec.hidden)

    def __call__(self, x: Tensor) -> Attended:
        query, key, value = self._heads(self.query(x)), self._heads(self.key(x)), self._heads(self.value(x))
        out, weights = self.attend(query, key, value, None)
        return out.flatten(2), weights

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, self.size).transpose(1, 2)


class Output(Module):
    """A projection back to the stream, dropout, the residual sum and its norm."""

    def __init__(self, inputs: int, hidden: int, dropout: float) -> None:
        self.dropout = dropout
        self.dense = Linear(inputs, hidden)
        self.norm = LayerNorm(hidden)

    def __call__(self, x: Tensor, residual: Tensor) -> Tensor:
        out = self.dense(x)
        out = op.dropout(out, self.dropout)
        return self.norm(op.add(out, residual))


class Block(Module):
    """Attention, then feed-forward, each followed by its norm."""

    def __init__(self, spec: EncoderSpec, options: Options) -> None:
        self.activation = spec.activation
        self.attention = Attention(spec, options)
        self.attention_output = Output(spec.hidden, spec.hidden, spec.attention_output_dropout)
        self.intermediate = Linear(spec.hidden, spec.feed_forward)
        self.output = Output(spec.feed_forward, spec.hidden, spec.dropout)

    def __call__(self, x: Tensor) -> Tensor:
        attended, _ = self.attention(x)
        attended = self.attention_output(attended, x)
        return self.output(self._widened(attended), attended)

    def _widened(self, x: Tensor) -> Tensor:
        wide = self.intermediate(x)
        return activate(wide, self.activation)


class Encoder(HeadedEncoder):
    """An encoder of the BERT kind with one of its heads."""

    def __init__(self, spec: EncoderSpec, options: Options, head: HeadMaker, head_spec: HeadSpec) -> None:
        self.spec, self.options, self.vocabulary = spec, options, spec.vocabulary
        self.embeddings = Embeddings(spec)
        self.embeddings_project = Linear(spec.table_size, spec.hidden) if spec.table_size != spec.hidden else None
        self.layer = Blocks(block_kinds(spec.layers, options), lambda layer: Block(spec, options))
        self.head = head(head_spec, self.embeddings.word_embeddings)

    def hidden_states(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The output of the last block, [batch, length, hidden]."""
        x = self.embeddings(indices(tape, inputs.batch, inputs.sequence))
        x = self.embeddings_project(x) if self.embeddings_project else x
        return self.layer(x, checkpointed=self.options.checkpointed)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads
