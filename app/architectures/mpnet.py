"""MPNet: a BERT whose scores carry a bias of relative positions, always written out (modeling_mpnet.py, transformers 5.23)."""

from app.architectures.activations import activate
from app.architectures.encoder import Embeddings, EncoderSpec, Output
from app.architectures.encoder_heads import HeadedEncoder, HeadMaker, HeadSpec
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.architectures.t5 import position_bias
from app.tape import operators as op
from app.tape.modules import Blocks, Embedding, Linear, Module
from app.tape.tensor import Tape, Tensor


class Attention(Module):
    """Self-attention with a bias for each pair of positions of each sequence."""

    def __init__(self, spec: EncoderSpec) -> None:
        self.heads, self.size, self.dropout = spec.heads, spec.hidden // spec.heads, spec.attention_dropout
        self.q, self.k, self.v = (Linear(spec.hidden, spec.hidden) for _ in range(3))

    def __call__(self, x: Tensor, bias: Tensor) -> Tensor:
        query, key, value = self._heads(self.q(x)), self._heads(self.k(x)), self._heads(self.v(x))
        scores = op.add_(op.attention_scores(query, key), bias)
        weights = op.softmax(scores)
        weights = op.dropout(weights, self.dropout)
        return op.attended_values(weights, value).flatten(2)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, self.size).transpose(1, 2)


class Block(Module):
    """Attention, then feed-forward, each followed by its norm."""

    def __init__(self, spec: EncoderSpec) -> None:
        self.activation = spec.activation
        self.attention = Attention(spec)
        self.attention_output = Output(spec.hidden, spec.hidden, spec.dropout)
        self.intermediate = Linear(spec.hidden, spec.feed_forward)
        self.output = Output(spec.feed_forward, spec.hidden, spec.dropout)

    def __call__(self, x: Tensor, bias: Tensor) -> Tensor:
        attended = self.attention_output(self.attention(x, bias), x)
        wide = self.intermediate(attended)
        return self.output(activate(wide, self.activation), attended)


class MPNet(HeadedEncoder):
    """MPNet with one of its heads. It offers no checkpointing."""

    def __init__(self, spec: EncoderSpec, buckets: int, options: Options, head: HeadMaker, head_spec: HeadSpec) -> None:
        self.spec, self.vocabulary = spec, spec.vocabulary
        self.embeddings = Embeddings(spec)
        self.layer = Blocks(block_kinds(spec.layers, options), lambda layer: Block(spec))
        self.relative_attention_bias = Embedding(buckets, spec.heads)
        self.head = head(head_spec, self.embeddings.word_embeddings)

    def hidden_states(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The output of the last block, [batch, length, hidden]."""
        x = self.embeddings(indices(tape, inputs.batch, inputs.sequence))
        bias = op.repeated(position_bias(self.relative_attention_bias, x), inputs.batch)
        return self.layer(x, bias)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads
