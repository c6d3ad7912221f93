"""Concatenation of tensors of different types."""

from collections.abc import Sequence
from functools import reduce

from app.tape.dtypes import wider
from app.tape.operators.casting import cast
from app.tape.operators.elementwise import concatenate
from app.tape.tensor import Tensor


def promoted_concatenation(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Joined along one axis after all have been raised to the widest type among them, as autocast does it."""
    dtype = reduce(wider, (tensor.dtype for tensor in tensors))
    return concatenate([cast(tensor, dtype) for tensor in tensors], axis)
