"""Resizing maps: interpolation and padding."""

from app.tape.autograd import attach, elementwise_work
from app.tape.tensor import Tensor


def resampled(x: Tensor, *shape: int) -> Tensor:
    """`x` interpolated to another shape. Keeps nothing."""
    tape, meta = x.tape, x.meta
    out = tape.empty(shape, x.dtype)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [], lambda gradient: (tape.like(meta),))


def padded(x: Tensor, *shape: int) -> Tensor:
    """`x` with zeros around it, up to another shape; a copy even where nothing is added. Keeps nothing."""
    return resampled(x, *shape)
