"""Casts, and what autocast does to the inputs of an operator."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import FP32, DType
from app.tape.recorder import Category
from app.tape.tensor import Parameter, Tape, Tensor


def cast(x: Tensor, dtype: DType, category: Category | None = None) -> Tensor:
    """`x` in another type; `x` itself where it has that type. Saves nothing."""
    if x.dtype is dtype:
        return x
    meta, tape = x.meta, x.tape
    out = tape.empty(x.shape, dtype, category) if isinstance(x, Parameter) else tape.elementwise(x.shape, dtype, x, category=category)
    elementwise_work(tape, meta, out)

    def backward(gradient: Tensor) -> Gradients:
        return (tape.elementwise_like(meta, gradient),)

    return attach(out, [x], [], backward)


def lower(x: Tensor) -> Tensor:
    """What autocast hands to matrix products, convolutions and attention: the 16-bit copy.

    Copies of weights that are trained are cached until autocast is left; all others are made anew at each use.
    Source: at::autocast::cached_cast, aten/src/ATen/autocast_mode.cpp.
    """
    tape = x.tape
    if tape.autocast is None or x.dtype is not FP32:
        return x
    if not isinstance(x, Parameter):
        return cast(x, tape.autocast)
    cached = tape.casts.get(id(x))
    if cached is None:
        cached = cast(x, tape.autocast, Category.WEIGHT_CASTS)
        if cached.storage:
            cached.storage.times = tape.record.times
        if x.requires_grad and tape.training:
            tape.casts[id(x)] = cached
    return cached


def raise_to_fp32(x: Tensor) -> Tensor:
    """What autocast hands to operators that it runs in full precision (norms, softmax, powers, losses)."""
    return cast(x, FP32) if x.tape.autocast is not None and x.dtype.half else x


@contextmanager
def autocast_disabled(tape: Tape) -> Iterator[None]:
    """No casts for the operators within, as inside every operator that autocast itself casts for."""
    enabled, tape.autocast = tape.autocast, None
    try:
        yield
    finally:
        tape.autocast = enabled
