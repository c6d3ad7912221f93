"""DeBERTa V2 and V3: scores of contents and of relative positions added up (modeling_deberta_v2.py, transformers 5.23)."""

from dataclasses import dataclass

from app.architectures.activations import activate
from app.architectures.encoder import Output
from app.architectures.encoder_heads import HeadedEncoder, HeadMaker, HeadSpec
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.tape import operators as op
from app.tape.dtypes import BOOL, FP32, INT64
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class DebertaSpec:
    """Hyper-parameters of DeBERTa. `span`: distances to each side that have their own embedding; `positions` and `types`: rows of
    the tables added to the input, 0 for none; `kinds`: which of contents and positions are scored against each other.
    """

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    span: int
    positions: int = 0
    types: int = 0
    kinds: tuple[str, ...] = ("p2c", "c2p")
    shared_projections: bool = True
    normed_distances: bool = True
    activation: str = "gelu"
    dropout: float = 0.1
    attention_dropout: float = 0.1


class Attention(Module):
    """Disentangled self-attention: content to content, content to position and position to content."""

    def __init__(self, spec: DebertaSpec) -> None:
        self.spec, self.size = spec, spec.hidden // spec.heads
        self.query_proj = Linear(spec.hidden, spec.hidden)
        self.key_proj = Linear(spec.hidden, spec.hidden)
        self.value_proj = Linear(spec.hidden, spec.hidden)
        own = not spec.shared_projections
        self.pos_key_proj = Linear(spec.hidden, spec.hidden) if own and "c2p" in spec.kinds else self.key_proj
        self.pos_query_proj = Linear(spec.hidden, spec.hidden) if own and "p2c" in spec.kinds else self.query_proj

    def __call__(self, x: Tensor, mask: Tensor, distances: Tensor) -> Tensor:
        batch, length, hidden = x.shape
        query, key, value = self._heads(self.query_proj(x)), self._heads(self.key_proj(x)), self._heads(self.value_proj(x))
        scores = op.matmul(query, op.scaled(key.transpose(1, 2)))
        distances = op.dropout(distances, self.spec.dropout)
        bias = self._position_scores(query, key, distances)
        scores = op.add(scores, bias) if bias else scores
        allowed, hidden_pairs = x.tape.empty(mask.shape, BOOL), x.tape.empty(mask.shape, BOOL)
        scores = op.where(hidden_pairs, scores.view(batch, self.spec.heads, length, length))
        weights = op.softmax(scores)
        weights = op.dropout(weights, self.spec.attention_dropout)
        del allowed
        out = op.matmul(weights.view(-1, length, length), value)
        return op.contiguous(out.view(batch, self.spec.heads, length, self.size).transpose(1, 2)).view(batch, length, hidden)

    def _heads(self, x: Tensor) -> Tensor:
        """[batch, length, hidden] copied to [batch x heads, length, size]."""
        batch, length, _ = x.shape
        return op.contiguous(x.view(batch, length, self.spec.heads, self.size).transpose(1, 2)).view(-1, length, self.size)

    def _position_scores(self, query: Tensor, key: Tensor, distances: Tensor) -> Tensor | None:
        """Contents against the embeddings of their distances, added up."""
        rows = distances.view(1, *distances.shape)
        repeats = query.shape[0] // self.spec.heads
        position_query = op.repeated(self._heads(self.pos_query_proj(rows)), repeats)
        position_key = op.repeated(self._heads(self.pos_key_proj(rows)), repeats)
        pairs = {"c2p": (query, position_key), "p2c": (key, position_query)}
        total: Tensor | None = None
        gathered: list[Tensor] = []  # both live until the sum is done
        for kind in self.spec.kinds:
            gathered.append(_by_distance(*pairs[kind]))
            total = op.shifted(op.scaled(gathered[-1])) if total is None else op.add_(total, op.scaled(gathered[-1]))
        return total


def _by_distance(contents: Tensor, positions: Tensor) -> Tensor:
    """Scores of contents against all distances, then for each pair of positions the one of its distance."""
    length = contents.shape[1]
    places = contents.tape.empty((1, length, length), INT64)
    return op.gather(op.matmul(contents, positions.transpose(1, 2)), places)


class Block(Module):
    """Attention, then feed-forward, each followed by its norm. The model keeps the output of every block until its forward pass ends."""

    def __init__(self, spec: DebertaSpec) -> None:
        self.activation = spec.activation
        self.attention = Attention(spec)
        self.attention_output = Output(spec.hidden, spec.hidden, spec.dropout)
        self.intermediate = Linear(spec.hidden, spec.feed_forward)
        self.output = Output(spec.feed_forward, spec.hidden, spec.dropout)

    def __call__(self, x: Tensor, mask: Tensor, distances: Tensor, states: list[Tensor]) -> Tensor:
        attended = self.attention(x, mask, distances)
        attended = self.attention_output(attended, x)
        wide = self.intermediate(attended)
        wide = activate(wide, self.activation)
        out = self.output(wide, attended)
        _keep(out, states)
        return out


def _keep(out: Tensor, states: list[Tensor]) -> None:
    """Keeps the output of a block where nothing else does: where autograd is off, or saves a 16-bit copy instead."""
    tape = out.tape
    saved = tape.training and (tape.autocast is None or tape.keeper is not None)
    if out.storage and not saved:
        out.storage.times = tape.record.times
        states.append(out)


class Deberta(HeadedEncoder):
    """DeBERTa with one of its heads."""

    def __init__(self, spec: DebertaSpec, options: Options, head: HeadMaker, head_spec: HeadSpec) -> None:
        self.spec, self.options, self.vocabulary = spec, options, spec.vocabulary
        self.word_embeddings = Embedding(spec.vocabulary, spec.hidden)
        self.position_embeddings = Embedding(spec.positions, spec.hidden) if spec.positions else None
        self.token_type_embeddings = Embedding(spec.types, spec.hidden) if spec.types else None
        self.norm = LayerNorm(spec.hidden)
        self.rel_embeddings = Embedding(2 * spec.span, spec.hidden)
        self.distance_norm = LayerNorm(spec.hidden) if spec.normed_distances else None
        self.layer = Blocks(block_kinds(spec.layers, options), lambda layer: Block(spec))
        self.head = head(head_spec, self.word_embeddings)

    def hidden_states(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The output of the last block, [batch, length, hidden]."""
        batch, length = inputs.batch, inputs.sequence
        x = self._embedded(indices(tape, batch, length))
        mask = tape.empty((batch, 1, length, length), FP32)
        relative = tape.empty((1, length, length), INT64)
        distances: Tensor = self.rel_embeddings.weight
        distances = self.distance_norm(distances) if self.distance_norm else distances
        states: list[Tensor] = []
        x = self.layer(x, mask, distances, states, checkpointed=self.options.checkpointed)
        states.clear()
        del relative
        return x

    def _embedded(self, tokens: Tensor) -> Tensor:
        tape, (batch, length) = tokens.tape, tokens.shape
        x = self.word_embeddings(tokens)
        if self.position_embeddings:
            x = op.add(x, self.position_embeddings(indices(tape, 1, length)))
        if self.token_type_embeddings:
            x = op.add(x, self.token_type_embeddings(indices(tape, batch, length)))
        x = self.norm(x)
        return op.dropout(op.scaled(x), self.spec.dropout)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads
