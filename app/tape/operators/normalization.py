"""Normalizations and softmax."""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import FP16, FP32
from app.tape.operators.casting import cast, raise_to_fp32
from app.tape.operators.elementwise import multiply
from app.tape.tensor import Parameter, Tensor

_FLOPS_PER_ELEMENT = 8  # mean, variance, scale and shift


def _charge(x: Tensor) -> None:
    x.tape.record.charge("normalization", x.dtype, _FLOPS_PER_ELEMENT * x.size, 2 * x.bytes)


def layer_norm(x: Tensor, weight: Parameter | None, bias: Parameter | None) -> Tensor:
    """Fused layer norm: keeps its input, mean and reciprocal deviation (fp32, one each per row). fp32 under autocast."""
    x = raise_to_fp32(x)
    tape, meta = x.tape, x.meta
    out = tape.empty(x.shape, x.dtype)
    rows = x.shape[:-1]
    mean, deviation = tape.empty(rows, FP32), tape.empty(rows, FP32)
    _charge(x)
    wanted = [t.meta if t is not None and t.requires_grad else None for t in (x, weight, bias)]

    def backward(gradient: Tensor) -> Gradients:
        elementwise_work(tape, meta, meta, gradient)
        return [m and tape.like(m) for m in wanted]

    return attach(out, [x, weight, bias], [x, mean, deviation], backward)


def batch_norm(x: Tensor, weight: Parameter, bias: Parameter) -> Tensor:
    """Batch norm in training: keeps its input and two statistics per channel. Under autocast it takes 16-bit inputs as they are."""
    tape, meta = x.tape, x.meta
    out = tape.empty(x.shape, x.dtype)
    statistics = [tape.empty((x.shape[1],), FP32) for _ in range(2)] if tape.training else []
    _charge(x)
    wanted = [t.meta if t.requires_grad else None for t in (x, weight, bias)]

    def backward(gradient: Tensor) -> Gradients:
        elementwise_work(tape, meta, meta, gradient)
        return [m and tape.like(m) for m in wanted]

    return attach(out, [x, weight, bias], [x, *statistics], backward)


def rms_norm(x: Tensor, weight: Parameter) -> Tensor:
    """RMS norm as transformers' LlamaRMSNorm: x in fp32, times rsqrt of its mean square, cast back, times the weight."""
    dtype = x.dtype
    x = cast(x, FP32)
    x = multiply(x, _reciprocal_root_mean_square(x))
    return multiply(cast(x, dtype), weight)


def rms_norm_in_fp32(x: Tensor, weight: Tensor) -> Tensor:
    """RMS norm in fp32 to the end, cast back after the product with the weight (Gemma, OLMo 2, gpt-oss)."""
    dtype = x.dtype
    x = cast(x, FP32)
    x = multiply(x, _reciprocal_root_mean_square(x))
    return cast(multiply(x, weight), dtype)


def rms_norm_of_stream(x: Tensor, weight: Parameter) -> Tensor:
    """RMS norm as transformers' T5LayerNorm: only the mean square is taken in fp32; the product keeps x itself."""
    x = multiply(x, _reciprocal_root_mean_square(cast(x, FP32)))
    return multiply(weight, cast(x, weight.dtype) if weight.dtype.half else x)


def _reciprocal_root_mean_square(x: Tensor) -> Tensor:
    """rsqrt(mean(x^2) + eps): the power keeps x, the root its own (small) result; the square is a temporary."""
    tape, meta = x.tape, x.meta
    square = tape.empty(x.shape, FP32)
    _charge(x)
    out = tape.empty((*x.shape[:-1], 1), FP32)
    del square

    def backward(gradient: Tensor) -> Gradients:
        expanded = tape.like(meta)  # gradient of the mean, spread over the row
        power = tape.like(meta)  # 2 x, then times that gradient
        del expanded
        return (power,)

    return attach(out, [x], [x, out], backward)


def softmax(x: Tensor, dtype_fp32: bool = False) -> Tensor:
    """Softmax over the last dimension: keeps its output. fp32 under autocast, or where asked for: from fp16 without a copy."""
    if not dtype_fp32:
        x = raise_to_fp32(x)
    elif x.dtype is not FP16:
        x = cast(x, FP32)
    tape, meta = x.tape, x.meta
    out = tape.empty(x.shape, FP32 if dtype_fp32 else x.dtype)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [out], lambda gradient: (tape.like(meta),))
