"""Matrix products and table look-ups."""

from math import prod

from app.tape.autograd import Gradients, attach
from app.tape.dtypes import DType
from app.tape.operators.casting import lower
from app.tape.recorder import Category
from app.tape.tensor import Meta, Tape, Tensor
from app.units import round_up

FLOPS_PER_MAC = 2  # a multiplication and an addition


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b over the last dimension. Keeps the input where the weight is trained, the weight where the input has a gradient."""
    x, weight = lower(x).multiplied(), lower(weight)
    bias = lower(bias) if bias is not None else None
    tape, inputs, outputs = x.tape, weight.shape[1], weight.shape[0]
    out = tape.empty((*x.shape[:-1], outputs), x.dtype)
    flops = FLOPS_PER_MAC * (x.size // inputs) * inputs * outputs
    _charge(x.meta, weight.meta, out.meta, flops, out)
    wanted = [t.meta if t is not None and t.requires_grad else None for t in (x, weight, bias)]
    metas = (x.meta, weight.meta, out.meta)

    def backward(gradient: Tensor) -> Gradients:
        padded = _padded_weight(tape, metas[1]) if wanted[0] else None
        gradient.written()
        for _ in range(bool(wanted[0]) + bool(wanted[1])):
            _charge(*metas, flops, gradient)
        gradients = [meta and tape.like(meta) for meta in wanted]
        del padded
        return gradients

    saved = [x if weight.requires_grad else None, weight if x.requires_grad else None]
    return attach(out, [x, weight, bias], saved, backward)


def _padded_weight(tape: Tape, weight: Meta) -> Tensor | None:
    """The copy of a weight that a compiler makes whose products sum over multiples of some size; None where it fits already."""
    outputs, inputs = weight.shape
    multiple = tape.execution.product_multiple
    return tape.empty((round_up(outputs, multiple), inputs), weight.dtype, Category.WORKSPACE) if outputs % multiple else None


def _charge(x: Meta, weight: Meta, out: Meta, flops: int, on: Tensor) -> None:
    on.tape.record.charge("matmul", x.dtype, flops, x.bytes + weight.bytes + out.bytes)


def matmul(a: Tensor, b: Tensor, dtype: DType | None = None) -> Tensor:
    """Batched product of [..., m, k] and [..., k, n], in another type where one is given. Keeps each factor for the other's gradient."""
    a, b = lower(a).multiplied(), lower(b).multiplied()
    tape = a.tape
    out = tape.empty((*a.shape[:-1], b.shape[-1]), dtype or a.dtype)
    flops = FLOPS_PER_MAC * a.size * b.shape[-1]
    moved = a.bytes + b.bytes + out.bytes
    tape.record.charge("matmul", a.dtype, flops, moved)
    wanted = [t.meta if t.requires_grad else None for t in (a, b)]
    factors = a.dtype

    def backward(gradient: Tensor) -> Gradients:
        gradient.written()
        for meta in wanted:
            if meta:
                tape.record.charge("matmul", factors, flops, moved)
        return [meta and tape.like(meta) for meta in wanted]

    return attach(out, [a, b], [a if b.requires_grad else None, b if a.requires_grad else None], backward)


def biased_products(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Products [heads, rows, inner] x [heads, inner, columns] with a bias for each head (baddbmm). Keeps both factors."""
    x, weight, bias = lower(x), lower(weight), lower(bias)
    tape = x.tape
    out = tape.empty((*x.shape[:-1], weight.shape[-1]), x.dtype)
    flops = FLOPS_PER_MAC * x.size * weight.shape[-1]
    _charge(x.meta, weight.meta, out.meta, flops, out)
    wanted, metas = [t.meta if t.requires_grad else None for t in (x, weight, bias)], (x.meta, weight.meta, out.meta)

    def backward(gradient: Tensor) -> Gradients:
        for _ in range(2):
            _charge(*metas, flops, gradient)
        return [meta and tape.like(meta) for meta in wanted]

    return attach(out, [x, weight, bias], [x if weight.requires_grad else None, weight if x.requires_grad else None], backward)


def embedding(indices: Tensor, weight: Tensor) -> Tensor:
    """Rows of a table. Keeps the indices; the gradient is dense, as large as the table."""
    tape = weight.tape
    out = tape.empty((*indices.shape, weight.shape[1]), weight.dtype)
    tape.record.charge("embedding", weight.dtype, 0, 2 * prod(out.shape) * weight.dtype.bytes)
    meta = weight.meta
    out = attach(out, [weight], [indices], lambda gradient: (tape.like(meta),))
    return lower(out) if tape.execution.narrow_stream else out


def linear_4bit(x: Tensor, weight: Tensor, compute: DType) -> Tensor:
    """x W^T with a packed weight, which is unpacked to `compute` for the product, forward and backward, and dropped. Keeps nothing.

    Source: bitsandbytes, autograd/_functions.py, MatMul4Bit.
    """
    tape, inputs, outputs = x.tape, weight.shape[1], weight.shape[0]
    shape = (outputs, inputs)
    meta = x.meta
    unpacked = tape.empty(shape, compute, Category.WORKSPACE)
    out = tape.empty((*x.shape[:-1], outputs), compute)
    flops = FLOPS_PER_MAC * (x.size // inputs) * inputs * outputs
    _charge(meta, unpacked.meta, out.meta, flops, out)
    del unpacked

    def backward(gradient: Tensor) -> Gradients:
        again = tape.empty(shape, compute, Category.WORKSPACE)
        result = tape.like(meta)
        _charge(meta, again.meta, result.meta, flops, gradient)
        return (result,)

    return attach(out, [x], [], backward)
