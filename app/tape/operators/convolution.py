"""Convolutions and pooling over [batch, channels, height, width]."""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import INT64
from app.tape.operators.casting import lower
from app.tape.operators.linear import FLOPS_PER_MAC
from app.tape.tensor import Tensor


def output_length(length: int, kernel: int, stride: int, padding: int) -> int:
    """Positions of a sliding window."""
    return (length + 2 * padding - kernel) // stride + 1


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int = 1, padding: int = 0) -> Tensor:
    """2-D convolution. Keeps input and weight. Groups follow from the weight's second dimension."""
    x, weight = lower(x), lower(weight)
    bias = lower(bias) if bias is not None else None
    tape = x.tape
    outputs, inputs_per_group, kernel_height, kernel_width = weight.shape
    height = output_length(x.shape[2], kernel_height, stride, padding)
    width = output_length(x.shape[3], kernel_width, stride, padding)
    out = tape.empty((x.shape[0], outputs, height, width), x.dtype)
    flops = FLOPS_PER_MAC * out.size * inputs_per_group * kernel_height * kernel_width
    moved = x.bytes + weight.bytes + out.bytes
    tape.record.charge("convolution", x.dtype, flops, moved)
    wanted = [t.meta if t is not None and t.requires_grad else None for t in (x, weight, bias)]
    dtype = x.dtype

    def backward(gradient: Tensor) -> Gradients:
        for _ in range(bool(wanted[0]) + bool(wanted[1])):
            tape.record.charge("convolution", dtype, flops, moved)
        return [meta and tape.like(meta) for meta in wanted]

    saved = [x if weight.requires_grad else None, weight if x.requires_grad else None]
    return attach(out, [x, weight, bias], saved, backward)


def max_pool2d(x: Tensor, kernel: int, stride: int, padding: int = 0) -> Tensor:
    """Max pooling: keeps its input and the positions of the maxima, 8 bytes each."""
    tape, meta = x.tape, x.meta
    shape = (*x.shape[:2], *(output_length(length, kernel, stride, padding) for length in x.shape[2:]))
    out = tape.empty(shape, x.dtype)
    indices = tape.empty(shape, INT64)
    elementwise_work(tape, meta, indices, out)
    return attach(out, [x], [x, indices], lambda gradient: (tape.like(meta),))


def adaptive_average_pool(x: Tensor) -> Tensor:
    """The mean of each channel: [batch, channels]. Its gradient is a view spread over the pixels, made whole when first used."""
    tape, meta = x.tape, x.meta
    out = tape.empty((*x.shape[:2], 1, 1), x.dtype)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [], lambda gradient: (tape.like(meta),)).view(*x.shape[:2])
