"""Transformers over the columns of a table: FT-Transformer (Gorishniy et al. 2021) and TabTransformer (Huang et al. 2020).

Written as the packages rtdl-revisiting-models 0.0.2 and tab-transformer-pytorch 0.4 compute them: every column is a token, attention is
written out.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.batch import held, held_indices, weight_dtype
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Inputs, Network, Options, block_kinds
from app.tape import operators as op
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor

HEAD_SIZE = 16  # of TabTransformer
SHARED_PART = 8  # one in so many components of a TabTransformer embedding tells only the column
FEED_FORWARD_RATIO = 4  # of TabTransformer, gated
HEAD_WIDTHS = (4, 2)  # of TabTransformer's perceptron, in eighths of its input


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """Columns of numbers and of categories, values of one category column, and the sizes of the network."""

    numeric: int
    categorical: int
    cardinality: int = 10
    width: int
    layers: int
    heads: int = 8
    classes: int = 2
    dropout: float = 0.1
    attention_dropout: float = 0.2


FT_DEFAULTS = TableSpec(numeric=10, categorical=0, width=192, layers=3)
TAB_DEFAULTS = TableSpec(numeric=10, categorical=8, width=32, layers=6)


class TabularNetwork(Network):
    """Rows of a table to class scores."""

    family: ClassVar[str] = "tabular"

    def __init__(self, spec: TableSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.spec = spec

    @abstractmethod
    def scores(self, numbers: Tensor | None, categories: Tensor | None) -> Tensor:
        """Class scores of numbers [batch, columns] and of the indices of categories [batch, columns]."""

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Class scores of a batch of rows."""
        spec, batch = self.spec, inputs.batch
        numbers = held(tape, (batch, spec.numeric), weight_dtype(self)) if spec.numeric else None
        categories = held_indices(tape, batch, spec.categorical) if spec.categorical else None
        return self.scores(numbers, categories)

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean cross-entropy of the class scores."""
        labels = held_indices(tape, inputs.batch)
        return op.cross_entropy(self.forward(tape, inputs), labels)


class ColumnAttention(Module):
    """Attention of some tokens over all, heads copied one after the other."""

    def __init__(self, spec: TableSpec) -> None:
        self.spec = spec
        self.W_q, self.W_k, self.W_v, self.W_out = (Linear(spec.width, spec.width) for _ in range(4))

    def __call__(self, queries: Tensor, tokens: Tensor) -> Tensor:
        batch, count, width = queries.shape
        q, k, v = self.W_q(queries), self.W_k(tokens), self.W_v(tokens)
        q, k = self._by_head(q), self._by_head(k)
        weights = op.softmax(op.scaled(op.matmul(q, k.transpose(1, 2))))
        weights = op.dropout(weights, self.spec.attention_dropout)
        x = op.matmul(weights, self._by_head(v))
        x = x.view(batch, self.spec.heads, count, width // self.spec.heads).transpose(1, 2)
        return self.W_out((op.contiguous(x) if count > 1 else x).view(batch, count, width))

    def _by_head(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        heads = x.view(batch, count, self.spec.heads, width // self.spec.heads).transpose(1, 2)
        return (op.contiguous(heads) if count > 1 else heads).view(batch * self.spec.heads, count, -1)


class ColumnBlock(Module):
    """Attention, then a feed-forward part gated by ReLU; the first block does not norm its input, the last asks for one token only."""

    def __init__(self, spec: TableSpec, layer: int) -> None:
        inner = spec.width * 4 // 3
        self.spec, self.inner, self.last = spec, inner, layer == spec.layers - 1
        self.attention_normalization = LayerNorm(spec.width) if layer else None
        self.attention, self.ffn_normalization = ColumnAttention(spec), LayerNorm(spec.width)
        self.linear1, self.linear2 = Linear(spec.width, 2 * inner), Linear(inner, spec.width)

    def __call__(self, x: Tensor) -> Tensor:
        identity = x
        x = self.attention_normalization(x) if self.attention_normalization else x
        x = self.attention(self._asked(x), x)
        x = op.add(self._asked(identity), x)
        identity = x
        x = self.ffn_normalization(x)
        value, gate = op.split(self.linear1(x), (self.inner, self.inner))
        x = op.multiply(value, op.activation(gate, "relu"))
        x = self.linear2(op.dropout(x, self.spec.dropout))
        return op.add(identity, x)

    def _asked(self, x: Tensor) -> Tensor:
        return op.part(x, x.shape[0], 1, x.shape[2]) if self.last else x


class FtTransformer(TabularNetwork):
    """FT-Transformer: a token for each column and one for the class, a pre-norm transformer, the class token's scores."""

    def __init__(self, spec: TableSpec, options: Options) -> None:
        super().__init__(spec, options)
        self.cls = Parameter(spec.width)
        if spec.numeric:
            self.number_weight, self.number_bias = Parameter(spec.numeric, spec.width), Parameter(spec.numeric, spec.width)
        self.tables = [Embedding(spec.cardinality, spec.width) for _ in range(spec.categorical)]
        self.category_bias = Parameter(spec.categorical, spec.width) if spec.categorical else None
        kinds = [(layer == 0, layer == spec.layers - 1, *kind) for layer, kind in enumerate(_kinds(spec, options))]
        self.blocks = Blocks(kinds, lambda layer: ColumnBlock(spec, layer))
        self.normalization, self.linear = LayerNorm(spec.width), Linear(spec.width, spec.classes)

    def scores(self, numbers: Tensor | None, categories: Tensor | None) -> Tensor:
        """Class scores of the class token."""
        tokens = self._tokens(numbers, categories)  # the list lives to the end of the function
        x = self.blocks.run(op.promoted_concatenation(tokens, axis=1))
        first = op.part(x, x.shape[0], x.shape[2])
        return self.linear(op.activation(self.normalization(first), "relu"))

    def _tokens(self, numbers: Tensor | None, categories: Tensor | None) -> list[Tensor]:
        """The class token and those of both kinds of columns, each [batch, columns, width]."""
        given = numbers if numbers is not None else categories
        batch = given.shape[0] if given is not None else 1
        tokens = [op.expand(self.cls.view(1, 1, -1), batch, 1, self.spec.width)]
        if numbers is not None:
            tokens.append(op.add(op.multiply(numbers.view(*numbers.shape, 1), self.number_weight), self.number_bias))
        if categories is not None and self.category_bias is not None:
            columns = [table(Tensor(categories.tape, (batch,), categories.dtype, categories.storage)) for table in self.tables]
            stacked = op.concatenate([x.view(batch, 1, -1) for x in columns], axis=1)
            tokens.append(op.add(stacked, self.category_bias))
        return tokens


def _kinds(spec: TableSpec, options: Options) -> list[tuple[object, ...]]:
    return [kind if isinstance(kind, tuple) else (kind,) for kind in block_kinds(spec.layers, options)]


class CategoryBlock(Module):
    """Attention of heads of a fixed size, then a feed-forward part gated by GELU, both on the normed stream."""

    def __init__(self, spec: TableSpec) -> None:
        inner, together = FEED_FORWARD_RATIO * spec.width, HEAD_SIZE * spec.heads
        self.spec, self.inner = spec, inner
        self.norm1, self.norm2 = LayerNorm(spec.width), LayerNorm(spec.width)
        self.to_qkv, self.to_out = Linear(spec.width, 3 * together, bias=False), Linear(together, spec.width)
        self.linear1, self.linear2 = Linear(spec.width, 2 * inner), Linear(inner, spec.width)

    def __call__(self, x: Tensor) -> Tensor:
        x = op.add(self._attended(self.norm1(x)), x)
        return op.add(self._fed_forward(self.norm2(x)), x)

    def _attended(self, x: Tensor) -> Tensor:
        batch, columns, _ = x.shape
        heads, size = self.spec.heads, HEAD_SIZE
        parts = op.split(self.to_qkv(x), (heads * size,) * 3)
        q, k, v = (op.lower(part).view(batch, columns, heads, size).transpose(1, 2) for part in parts)
        weights = op.softmax(op.scaled(op.matmul(op.contiguous(q), op.contiguous(k).transpose(-1, -2))))
        weights = op.dropout(weights, self.spec.dropout)
        out = op.contiguous(op.matmul(weights, op.contiguous(v)).transpose(1, 2))
        return self.to_out(out.view(batch, columns, heads * size))

    def _fed_forward(self, x: Tensor) -> Tensor:
        value, gate = op.split(self.linear1(x), (self.inner, self.inner))
        x = op.multiply(value, op.activation(gate, "gelu"))
        return self.linear2(op.dropout(x, self.spec.dropout))


class TabTransformer(TabularNetwork):
    """TabTransformer: attention over the columns of categories, then a perceptron over them and the normed numbers."""

    def __init__(self, spec: TableSpec, options: Options) -> None:
        super().__init__(spec, options)
        shared = spec.width // SHARED_PART
        self.shared = Parameter(spec.categorical, shared)
        self.categories = Embedding(spec.categorical * spec.cardinality, spec.width - shared)
        self.blocks = Blocks(block_kinds(spec.layers, options), lambda _: CategoryBlock(spec))
        self.norm = LayerNorm(spec.numeric) if spec.numeric else None
        inputs = spec.width * spec.categorical + spec.numeric
        first, second = (ratio * (inputs // 8) for ratio in HEAD_WIDTHS)
        self.mlp = [Linear(inputs, first), Linear(first, second), Linear(second, spec.classes)]

    def scores(self, numbers: Tensor | None, categories: Tensor | None) -> Tensor:
        """Class scores of the perceptron."""
        if categories is None:
            raise ValueError("there are no columns of categories")
        batch, columns = categories.shape
        x = self.blocks.run(self._embedded(categories))
        x = x.view(batch, columns * self.spec.width)
        if numbers is not None and self.norm is not None:
            x = op.promoted_concatenation([x, self.norm(numbers)], axis=-1)
        x = op.activation(self.mlp[0](x), "relu")
        x = op.activation(self.mlp[1](x), "relu")
        return self.mlp[2](x)

    def _embedded(self, categories: Tensor) -> Tensor:
        """What tells a category and its column, [batch, columns, width]."""
        batch = categories.shape[0]
        offset = categories.tape.empty(categories.shape, categories.dtype)
        embedded = self.categories(offset)
        column = op.expand(self.shared.view(1, *self.shared.shape), batch, *self.shared.shape)
        return op.concatenate([embedded, column], axis=-1)
