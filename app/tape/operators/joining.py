"""Tensors put together: concatenation of different types, and rows put among others."""

from collections.abc import Sequence
from functools import reduce

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import BOOL, INT64, wider
from app.tape.operators.casting import cast
from app.tape.operators.elementwise import concatenate
from app.tape.recorder import Category
from app.tape.tensor import Tensor


def promoted_concatenation(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Joined along one axis after all have been raised to the widest type among them, as autocast does it."""
    dtype = reduce(wider, (tensor.dtype for tensor in tensors))
    return concatenate([cast(tensor, dtype) for tensor in tensors], axis)


def scattered(x: Tensor, rows: Tensor) -> Tensor:
    """x with some of its rows replaced by `rows`, as masked_scatter makes it; the kernel counts the places before each element.

    Source: aten/src/ATen/native/cuda/IndexKernel.cpp (masked_scatter_), PyTorch 2.13.
    """
    tape, metas = x.tape, (x.meta, rows.meta)
    out = tape.like(x.meta)
    mask = tape.empty(x.shape, BOOL, Category.WORKSPACE)
    places = tape.empty(x.shape, INT64, Category.WORKSPACE)
    del mask, places
    elementwise_work(tape, x, out)

    def backward(gradient: Tensor) -> Gradients:
        return [tape.like(meta) for meta in metas]

    return attach(out, [x, rows], [], backward)
