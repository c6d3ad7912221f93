"""Pooling over [batch, channels, length, ...]."""

from collections.abc import Sequence

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import FP32, INT64
from app.tape.operators.convolution import Sizes, at
from app.tape.tensor import Tensor


def pooled_length(length: int, kernel: int, stride: int, padding: int = 0, *, ceil: bool = False) -> int:
    """Positions of a pooling window; with `ceil` also a last one that reaches over the end, if it starts inside."""
    positions = (length + 2 * padding - kernel + (stride - 1 if ceil else 0)) // stride + 1
    return positions - 1 if ceil and (positions - 1) * stride >= length + padding else positions


def _pooled_shape(x: Tensor, kernel: Sizes, stride: Sizes, padding: Sizes, *, ceil: bool) -> tuple[int, ...]:
    lengths = (
        pooled_length(length, at(kernel, axis), at(stride, axis), at(padding, axis), ceil=ceil) for axis, length in enumerate(x.shape[2:])
    )
    return (*x.shape[:2], *lengths)


def max_pool(x: Tensor, kernel: Sizes, stride: Sizes, padding: Sizes = 0, *, ceil: bool = False) -> Tensor:
    """Max pooling: keeps its input and, by default, the positions of the maxima, 8 bytes each."""
    tape, meta = x.tape, x.meta
    x.written()
    shape = _pooled_shape(x, kernel, stride, padding, ceil=ceil)
    out = tape.empty(shape, x.dtype)
    positions = tape.empty(shape, INT64) if tape.execution.pools_by_position else None
    zeros = tape.like(meta) if tape.execution.pools_into_zeros and tape.recording else None
    elementwise_work(tape, meta, *([positions] if positions else []), out)
    return attach(out, [x], [x, positions, zeros], lambda gradient: (tape.like(meta),))


def average_pool(x: Tensor, kernel: Sizes, stride: Sizes, padding: Sizes = 0, *, ceil: bool = False) -> Tensor:
    """Average pooling: keeps its input."""
    tape, meta = x.tape, x.meta
    out = tape.empty(_pooled_shape(x, kernel, stride, padding, ceil=ceil), x.dtype)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [x], lambda gradient: (tape.like(meta),))


def global_average_pool(x: Tensor, *, keep_lengths: bool = False) -> Tensor:
    """The mean of each channel, [batch, channels] or [batch, channels, 1, ...]."""
    pooled = mean(x, *x.shape[:2], *(1 for _ in x.shape[2:]))
    return pooled if keep_lengths else pooled.view(*x.shape[:2])


def adaptive_average_pool(x: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """Averages over so many bins along each dimension. Keeps its input."""
    tape, meta = x.tape, x.meta
    out = tape.empty((*x.shape[:2], *lengths), x.dtype)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [x], lambda gradient: (tape.like(meta),))


def mean(x: Tensor, *shape: int) -> Tensor:
    """The mean over the dimensions that are missing, or 1, in the result's shape. Keeps nothing; its gradient covers all of `x`."""
    tape, meta = x.tape, x.meta
    out = tape.empty(shape, x.dtype)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [], lambda gradient: (tape.like(meta),))


def pooled_regions(maps: Sequence[Tensor], regions: int, side: int) -> Tensor:
    """So many regions of several maps, each pooled to `side` x `side` places (RoIAlign) and written into one tensor. Keeps the regions.

    Source: torchvision 0.28, ops/poolers.py, ops/roi_align.py.
    """
    first, tape = maps[0], maps[0].tape
    shape = (regions, first.shape[1], side, side)
    out = tape.empty(shape, first.dtype)
    of_one_map = tape.empty(shape, first.dtype)
    elementwise_work(tape, out, of_one_map, out)
    del of_one_map
    places, metas, whole = tape.empty((regions, 5), FP32), [x.meta for x in maps], out.meta

    def backward(gradient: Tensor) -> Gradients:
        copied = tape.like(whole)
        gradients = [tape.like(meta) for meta in metas]
        del copied
        return gradients

    return attach(out, maps, [places], backward)
