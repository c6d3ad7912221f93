"""Element by element: sums, products, activations, dropout, concatenation."""

from collections.abc import Sequence
from math import prod

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import BOOL, FP32, INT64, wider
from app.tape.operators.casting import raise_to_fp32
from app.tape.tensor import Meta, Shape, Tensor


def _broadcast(a: Tensor, b: Tensor) -> Shape:
    rank = max(len(a.shape), len(b.shape))
    left, right = ((1,) * (rank - len(t.shape)) + t.shape for t in (a, b))
    return tuple(max(x, y) for x, y in zip(left, right, strict=True))


def add(a: Tensor, b: Tensor) -> Tensor:
    """a + b. Saves nothing; the gradient passes through unchanged, reduced where `a` or `b` was broadcast."""
    tape = a.tape
    out = tape.elementwise(_broadcast(a, b), wider(a.dtype, b.dtype), a, b)
    elementwise_work(tape, a, b, out)
    metas = tuple(x.meta if x.requires_grad else None for x in (a, b))
    size = out.size

    def backward(gradient: Tensor) -> Gradients:
        return [None if m is None else _gradient_like(gradient, m, size) for m in metas]

    return attach(out, [a, b], [], backward)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """a x b. Each factor is saved for the gradient of the other. Gradients are made for both before either is summed or cast to the
    shape and type of its factor, as autograd's engine does it after the operator (engine.cpp, validate_outputs).
    """
    tape = a.tape
    out = tape.elementwise(_broadcast(a, b), wider(a.dtype, b.dtype), a, b, rowwise=a.shape != b.shape)
    elementwise_work(tape, a, b, out)
    saved = [a if b.requires_grad else None, b if a.requires_grad else None]
    metas = tuple(x.meta if x.requires_grad else None for x in (a, b))
    out_meta, size = out.meta, out.size

    def backward(gradient: Tensor) -> Gradients:
        found = [None if m is None else tape.elementwise_like(out_meta, gradient) for m in metas]
        tape.reading = ()  # what a checkpoint has recomputed for this operator is let go here
        for index, wanted in enumerate(metas):
            full, found[index] = found[index], None  # each is let go before the next is summed
            if full is not None and wanted is not None:
                found[index] = _gradient_like(full, wanted, size)
        return found

    return attach(out, [a, b], saved, backward)


def _gradient_like(gradient: Tensor, wanted: Meta, size: int) -> Tensor:
    """The gradient as it is or in another type, or summed where the operand was broadcast to `size` elements."""
    tape = gradient.tape
    if prod(wanted.shape) == size and wanted.dtype is gradient.dtype:
        return gradient
    return tape.elementwise_like(wanted, gradient) if prod(wanted.shape) == size else tape.like(wanted)


# What each activation keeps for its backward pass. Source: derivatives.yaml, PyTorch 2.13.
_SAVES_OUTPUT = {"relu", "tanh", "sigmoid", "exp"}
_FLOPS = {
    "relu": 1,
    "exp": 4,
    "softplus": 8,
    "silu": 5,
    "gelu": 8,
    "gelu_tanh": 10,
    "tanh": 6,
    "sigmoid": 4,
    "relu6": 2,
    "hardswish": 4,
    "quick_gelu": 6,
}


def activation(x: Tensor, name: str) -> Tensor:
    """A fused activation function: keeps its input or, where the derivative follows from it, its output."""
    tape, meta = x.tape, x.meta
    out = tape.elementwise(x.shape, x.dtype, x)
    tape.record.charge("elementwise", x.dtype, _FLOPS.get(name, 8) * x.size, 2 * x.bytes)

    def backward(gradient: Tensor) -> Gradients:
        return (tape.elementwise_like(meta, gradient),)

    return attach(out, [x], _kept(x, out, name), backward)


def _kept(x: Tensor, out: Tensor, name: str) -> list[Tensor]:
    """What backward needs of an activation; what is worked out on the way is written together with the result."""
    kept = x.tape.execution.kept.get(name)
    if kept is None:
        return [out if name in _SAVES_OUTPUT else x]
    if not x.tape.recording:
        return []
    inner = [x.tape.empty(x.shape, FP32 if kept.inner_fp32 else x.dtype) for _ in range(kept.inner)]
    if kept.inner:
        out.written()
    return [*([x] if kept.source else []), *([out.written()] if kept.result else []), *inner]


def clamp(x: Tensor) -> Tensor:
    """x within fixed bounds: keeps its input."""
    tape, meta = x.tape, x.meta
    out = tape.elementwise(x.shape, x.dtype, x)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [x], lambda gradient: (tape.elementwise_like(meta, gradient),))


def less_row_maximum(x: Tensor) -> Tensor:
    """x minus the largest value of each row, for a softmax that cannot overflow: keeps the places of the maxima."""
    tape, meta = x.tape, x.meta
    rows = (*x.shape[:-1], 1)
    largest, places = tape.empty(rows, x.dtype), tape.empty(rows, INT64)
    out = tape.elementwise(x.shape, x.dtype, x)
    elementwise_work(tape, meta, largest, out)
    return attach(out, [x], [places], lambda gradient: (tape.elementwise_like(meta, gradient),))


def where(condition: Tensor, x: Tensor) -> Tensor:
    """x where the condition holds, a number elsewhere: keeps the condition."""
    tape, meta = x.tape, x.meta
    out = tape.elementwise(_broadcast(condition, x), x.dtype, condition, x)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [condition], lambda gradient: (tape.elementwise_like(meta, gradient),))


def choose(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """x where the condition holds, y elsewhere: keeps the condition; each gradient has zeros where the other was chosen."""
    tape, metas = x.tape, (x.meta, y.meta)
    out = tape.elementwise(x.shape, wider(x.dtype, y.dtype), condition, x, y)
    elementwise_work(tape, *metas, out)
    return attach(out, [x, y], [condition], lambda gradient: [tape.elementwise_like(meta, gradient) for meta in metas])


def relu_(x: Tensor) -> Tensor:
    """In-place ReLU: the result takes the place of its input and is kept for backward."""
    tape, meta = x.tape, x.meta
    if not tape.execution.writes_over:
        return activation(x, "relu")
    out = x.detach()
    elementwise_work(tape, meta, out)

    def backward(gradient: Tensor) -> Gradients:
        return (tape.elementwise_like(meta, gradient),)

    return attach(out, [x], [out], backward)


def gelu_new(x: Tensor) -> Tensor:
    """GPT-2's GELU as transformers writes it out: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), eight operators.

    Under autocast the power runs in fp32 and everything after it follows.
    """
    half = scaled(x)
    return multiply(half, shifted(activation(scaled(add(x, scaled(power(raise_to_fp32(x))))), "tanh")))


def recomputed_gelu(x: Tensor) -> Tensor:
    """BLOOM's GELU: written out as well, but its gradient is worked out anew from the input, which alone is kept."""
    tape, meta = x.tape, x.meta
    out = multiply(scaled(x.detach()), activation(scaled(x.detach()), "tanh")).detach()

    def backward(gradient: Tensor) -> Gradients:
        tangent, slope, factor = tape.like(meta), tape.like(meta), tape.like(meta)
        result = tape.like(meta)
        del tangent, slope, factor
        return (result,)

    return attach(out, [x], [x], backward)


def power(x: Tensor) -> Tensor:
    """x to some fixed power: keeps its input; the derivative is worked out in two further tensors."""
    tape, meta = x.tape, x.meta
    out = tape.elementwise(x.shape, x.dtype, x)
    elementwise_work(tape, meta, out)

    def backward(gradient: Tensor) -> Gradients:
        lower_power, slope = (tape.elementwise_like(meta, gradient) for _ in range(2))
        result = tape.elementwise_like(meta, lower_power, slope)
        del lower_power, slope
        return (result,)

    return attach(out, [x], [x], backward)


def shifted(x: Tensor) -> Tensor:
    """A sum with a number: keeps nothing, hands the gradient on as it is."""
    out = x.tape.elementwise(x.shape, x.dtype, x)
    elementwise_work(x.tape, x, out)
    return attach(out, [x], [], lambda gradient: (gradient,))


def scaled(x: Tensor) -> Tensor:
    """A product with a number: keeps nothing."""
    tape, meta = x.tape, x.meta
    out = tape.elementwise(x.shape, x.dtype, x)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [], lambda gradient: (tape.elementwise_like(meta, gradient),))


def dropout(x: Tensor, probability: float) -> Tensor:
    """Dropout in training: keeps a one-byte mask. Nothing at probability 0 or outside training."""
    tape, meta = x.tape, x.meta
    if not probability or not tape.training:
        return x
    mask = tape.empty(x.shape, BOOL)
    out = tape.elementwise(x.shape, x.dtype, x, mask)
    elementwise_work(tape, meta, mask, out)
    return attach(out, [x], [mask], lambda gradient: (tape.elementwise_like(meta, gradient),))


def concatenate(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Joined along one axis. Gradients are views of the whole gradient."""
    first = tensors[0]
    shape = list(first.shape)
    shape[axis] = sum(t.shape[axis] for t in tensors)
    out = first.tape.elementwise(tuple(shape), first.dtype, *tensors)
    elementwise_work(first.tape, *tensors, out)
    wanted = [t.requires_grad for t in tensors]
    shapes = [t.shape for t in tensors]

    def backward(gradient: Tensor) -> Gradients:
        views = [Tensor(gradient.tape, s, gradient.dtype, gradient.storage) for s in shapes]
        return [view if want else None for view, want in zip(views, wanted, strict=True)]

    return attach(out, tensors, [], backward)


def contiguous(x: Tensor) -> Tensor:
    """A copy in the order of its dimensions. Keeps nothing."""
    return scaled(x)
