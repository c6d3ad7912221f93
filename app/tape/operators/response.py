"""Global response norm of ConvNeXt V2, written out as timm does (timm/layers/grn.py)."""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import FP32
from app.tape.operators.elementwise import add, multiply
from app.tape.tensor import Parameter, Tensor


def global_response_norm(x: Tensor, weight: Parameter, bias: Parameter, *, channel_axis: int) -> Tensor:
    """x + (x n) weight + bias, where n is the norm of each channel over the map relative to the mean of all channels.

    x is [batch, height, width, channels] or [batch, channels, height, width]. Under autocast the norm is fp32, and so is all that follows.
    """
    relative = _relative_norm(x, channel_axis)
    return add(x, _scale_and_shift(multiply(x, relative), weight, bias))


def _relative_norm(x: Tensor, channel_axis: int) -> Tensor:
    tape, meta = x.tape, x.meta
    shape = tuple(n if axis in {0, channel_axis % len(x.shape)} else 1 for axis, n in enumerate(x.shape))
    norm = tape.empty(shape, FP32 if tape.autocast is not None else x.dtype)
    out = tape.like(norm.meta)
    elementwise_work(tape, meta, out)

    def backward(gradient: Tensor) -> Gradients:
        ratio, result = tape.like(meta), tape.like(meta)
        del ratio
        return (result,)

    return attach(out, [x], [x, norm], backward)


def _scale_and_shift(x: Tensor, weight: Parameter, bias: Parameter) -> Tensor:
    """bias + weight x: keeps x. The gradients of x and of the weight are each worked out at full size."""
    tape, meta = x.tape, x.meta
    out = tape.like(meta)
    elementwise_work(tape, meta, out)
    wanted = [p.meta if p.requires_grad else None for p in (weight, bias)]

    def backward(gradient: Tensor) -> Gradients:
        spread = tape.like(meta)
        result = tape.like(meta)
        del spread
        product = tape.like(meta)
        sums = [m and tape.like(m) for m in wanted]
        del product
        return [result, *sums]

    return attach(out, [x, weight, bias], [x], backward)
