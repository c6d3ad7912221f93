"""Operators that write their result over their input: no new storage. (In-place ReLU is beside the other activations.)"""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.operators.elementwise import activation
from app.tape.tensor import Tensor


def add_(a: Tensor, b: Tensor) -> Tensor:
    """a += b, for equal shapes and types. Saves nothing; both gradients are the arriving one."""
    out = a.detach() if a.tape.execution.writes_over else a.tape.elementwise(a.shape, a.dtype, a, b)
    elementwise_work(a.tape, a, b, out)
    wanted = (a.requires_grad, b.requires_grad)

    def backward(gradient: Tensor) -> Gradients:
        return [gradient if want else None for want in wanted]

    return attach(out, [a, b], [], backward)


_RESULT_IS_ENOUGH = {"relu", "leaky_relu", "elu"}  # whose derivative follows from the result; derivatives.yaml, PyTorch 2.13


def activation_(x: Tensor, name: str) -> Tensor:
    """An activation function written over its input. Where the derivative needs the input, autograd first makes a copy of it."""
    tape, meta = x.tape, x.meta
    if not tape.execution.writes_over:
        return activation(x, name)
    out = x.detach()
    elementwise_work(tape, meta, out)
    copied = tape.training and x.requires_grad and name not in _RESULT_IS_ENOUGH
    kept = tape.like(meta) if copied else out
    return attach(out, [x], [kept], lambda gradient: (tape.like(meta),))


def overwritten(x: Tensor, value: Tensor) -> Tensor:
    """`x` with a part of it written over by `value`. Keeps nothing; backward copies the whole gradient, and once more the part's.

    Source: CopySlices, torch/csrc/autograd/functions/tensor.cpp.
    """
    tape, meta, of_value = x.tape, x.meta, value.meta
    out = x.detach()
    elementwise_work(tape, value, value)
    wanted = (x.requires_grad, value.requires_grad)

    def backward(gradient: Tensor) -> Gradients:
        whole = tape.elementwise_like(meta, gradient)
        part = tape.elementwise_like(of_value, gradient)
        return [whole if wanted[0] else None, part if wanted[1] else None]

    return attach(out, [x, value], [], backward)
