"""Operators that write their result over their input: no new storage. (In-place ReLU is beside the other activations.)"""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.tensor import Tensor


def add_(a: Tensor, b: Tensor) -> Tensor:
    """a += b, for equal shapes and types. Saves nothing; both gradients are the arriving one."""
    out = a.detach()
    elementwise_work(a.tape, a, b, out)
    wanted = (a.requires_grad, b.requires_grad)

    def backward(gradient: Tensor) -> Gradients:
        return [gradient if want else None for want in wanted]

    return attach(out, [a, b], [], backward)
