"""Attention of Swin transformers of the second version: the cosine of queries and keys, and a small network for relative positions.

Written as timm 1.0.31 (swin_transformer_v2.py) and transformers 5.23 (modeling_swinv2.py) both compute it.
"""

from app.tape import operators as op
from app.tape.dtypes import INT64
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor

INNER = 512  # channels of the network that makes a summand of two distances
AXES = 2


class RelativePositions(Module):
    """A summand for each head and each pair of places in a window, from their distances."""

    def __init__(self, window: int, heads: int) -> None:
        self.heads = heads
        self.first, self.second = Linear(AXES, INNER), Linear(INNER, heads, bias=False)
        self.relative_coords_table = Parameter(1, 2 * window - 1, 2 * window - 1, AXES, buffer=True)
        self.relative_position_index = Parameter(window**2, window**2, buffer=True)
        self.relative_position_index.own_dtype = self.relative_position_index.dtype = INT64

    def __call__(self, length: int) -> Tensor:
        table = self.second(op.relu_(self.first(self.relative_coords_table))).view(-1, self.heads)
        found = op.embedding(self.relative_position_index.view(-1), table)
        laid_out = op.copied(found).view(1, self.heads, length, length)
        del found
        return op.scaled(op.activation(laid_out, "sigmoid"))


class CosineAttention(Module):
    """Scores from the cosine of queries and keys times a learned factor for each head."""

    def __init__(self, window: int, heads: int, dropout: float = 0.0) -> None:
        self.heads, self.dropout = heads, dropout
        self.logit_scale = Parameter(heads, 1, 1)
        self.positions = RelativePositions(window, heads)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, masks: tuple[Tensor, ...]) -> Tensor:
        """[windows, length, channels] from [windows, heads, length, size]; each mask [windows of an image, length, length] is added."""
        count, _, length, size = query.shape
        scores = _cosines(query, key)
        factor = op.activation(op.raise_to_fp32(op.clamp(self.logit_scale)), "exp")
        scores = op.multiply(scores, factor)
        positions = self.positions(length)
        scores = op.add(scores, positions)
        for mask in masks:
            by_image = scores.view(-1, mask.shape[0], self.heads, length, length)
            scores = op.add(by_image, mask.view(1, -1, 1, length, length)).view(count, self.heads, length, length)
            del by_image
        scores = op.softmax(scores)
        scores = op.dropout(scores, self.dropout)
        out = op.matmul(scores, op.copied(value))
        return op.copied(out.transpose(1, 2)).view(count, length, self.heads * size)


def _cosines(query: Tensor, key: Tensor) -> Tensor:
    """Products of queries and keys of length one, which are held in both types until the product is done."""
    query, key = op.unit_rows(query), op.unit_rows(key)
    lowered = op.lower(query), op.lower(key)
    return op.matmul(op.copied(lowered[0]), op.copied(lowered[1]).transpose(-1, -2))
