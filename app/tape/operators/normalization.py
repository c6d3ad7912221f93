"""Normalizations and softmax."""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import FP16, FP32, DType
from app.tape.operators.casting import cast, raise_to_fp32
from app.tape.operators.elementwise import multiply
from app.tape.tensor import Parameter, Tensor

_FLOPS_PER_ELEMENT = 8  # mean, variance, scale and shift


def _charge(x: Tensor) -> None:
    x.tape.record.charge("normalization", x.dtype, _FLOPS_PER_ELEMENT * x.size, 2 * x.bytes)


def layer_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Fused layer norm: keeps its input, mean and reciprocal deviation (fp32, one each per row). fp32 under autocast."""
    dtype = x.dtype
    x = raise_to_fp32(x.reduced())
    rows = x.shape[:-1]
    statistics = [x.tape.empty(rows, FP32), x.tape.empty(rows, FP32)]
    return _normalized(x, weight, bias, statistics, "layer_norm", dtype)


def batch_norm(x: Tensor, weight: Parameter, bias: Parameter) -> Tensor:
    """Batch norm in training: keeps its input and two statistics per channel. Under autocast it takes 16-bit inputs as they are."""
    tape, dtype = x.tape, x.dtype
    x = raise_to_fp32(x.reduced()) if tape.execution.narrow_stream else x.reduced()
    statistics = [tape.empty((x.shape[1],), FP32) for _ in range(2)] if tape.training else []
    return _normalized(x, weight, bias, statistics, "batch_norm", dtype)


def group_norm(x: Tensor, weight: Parameter, bias: Parameter, groups: int) -> Tensor:
    """Group norm: keeps its input and two statistics per sample and group of channels. fp32 under autocast."""
    dtype = x.dtype
    x = raise_to_fp32(x.reduced())
    statistics = [x.tape.empty((x.shape[0], groups), FP32) for _ in range(2)]
    return _normalized(x, weight, bias, statistics, "group_norm", dtype)


def _normalized(x: Tensor, weight: Tensor | None, bias: Tensor | None, statistics: list[Tensor], name: str, dtype: DType) -> Tensor:
    """(x - mean) x deviation x weight + bias: keeps x, the statistics, and what the framework works out on the way."""
    tape, meta = x.tape, x.meta
    out = tape.elementwise(x.shape, x.dtype, x, *statistics, rowwise=True)
    kept = tape.execution.kept.get(name)
    inner = [tape.empty(x.shape, x.dtype) for _ in range(kept.inner if kept and tape.recording else 0)]
    _charge(x)
    wanted = [t.meta if t is not None and t.requires_grad else None for t in (x, weight, bias)]

    def backward(gradient: Tensor) -> Gradients:
        gradient.reduced()
        elementwise_work(tape, meta, meta, gradient)
        return [wanted[0] and tape.elementwise_like(wanted[0], gradient), *(m and tape.like(m) for m in wanted[1:])]

    out = attach(out, [x, weight, bias], [x, *statistics, *inner], backward)
    return cast(out, dtype) if tape.execution.narrow_stream else out


def rms_norm(x: Tensor, weight: Parameter) -> Tensor:
    """RMS norm as transformers' LlamaRMSNorm: x in fp32, times rsqrt of its mean square, cast back, times the weight."""
    dtype = x.dtype
    x = cast(x.reduced(), FP32)
    x = multiply(x, _reciprocal_root_mean_square(x))
    return multiply(cast(x, dtype), weight)


def root_mean_square_unit(x: Tensor) -> Tensor:
    """x in fp32 over its root mean square, cast back: an RMS norm without a weight (Llama 4's queries and keys)."""
    wide = cast(x.reduced(), FP32)
    return cast(multiply(wide, _reciprocal_root_mean_square(wide)), x.dtype)


def rms_norm_in_fp32(x: Tensor, weight: Tensor) -> Tensor:
    """RMS norm in fp32 to the end, cast back after the product with the weight (OLMo 2, gpt-oss)."""
    dtype = x.dtype
    x = cast(x.reduced(), FP32)
    x = multiply(x, _reciprocal_root_mean_square(x))
    return cast(multiply(x, weight), dtype)


def stepwise_rms_norm_in_fp32(x: Tensor, weight: Tensor) -> Tensor:
    """The same, where nothing holds the unit while the product is cast (Gemma)."""
    dtype = x.dtype
    x = cast(x.reduced(), FP32)
    x = multiply(x, _reciprocal_root_mean_square(x))
    x = multiply(x, weight)
    return cast(x, dtype)


def native_rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    """torch.nn.RMSNorm as PyTorch composes it: in fp32 and cast back, but under autocast left in fp32. The fp32 copy stays to the end."""
    x = raise_to_fp32(x)
    whole = cast(x.reduced(), FP32)
    out = multiply(whole, _reciprocal_root_mean_square(whole))
    out = multiply(out, weight)
    return cast(out, x.dtype)


def rms_norm_of_stream(x: Tensor, weight: Parameter) -> Tensor:
    """RMS norm as transformers' T5LayerNorm: only the mean square is taken in fp32; the product keeps x itself."""
    x = multiply(x, _reciprocal_root_mean_square(cast(x.reduced(), FP32)))
    return multiply(weight, cast(x, weight.dtype) if weight.dtype.half else x)


def _reciprocal_root_mean_square(x: Tensor) -> Tensor:
    """rsqrt(mean(x^2) + eps): the power keeps x, the root its own (small) result; the square is a temporary."""
    tape, meta = x.reduced().tape, x.meta
    square = tape.elementwise(x.shape, FP32, x)
    _charge(x)
    out = tape.empty((*x.shape[:-1], 1), FP32)
    del square

    def backward(gradient: Tensor) -> Gradients:
        expanded = tape.elementwise_like(meta, gradient)  # gradient of the mean, spread over the row
        power = tape.elementwise_like(meta, gradient)  # x, to be doubled and multiplied with that gradient
        doubled = tape.elementwise_like(meta, power)
        slope = tape.elementwise_like(meta, expanded, doubled)
        del expanded, power, doubled
        return (slope,)

    return attach(out, [x], [x, out], backward)


def softmax(x: Tensor, dtype_fp32: bool = False) -> Tensor:
    """Softmax over the last dimension: keeps its output. fp32 under autocast, or where asked for: from fp16 without a copy."""
    if not dtype_fp32:
        x = raise_to_fp32(x)
    elif x.dtype is not FP16:
        x = cast(x, FP32)
    tape, meta = x.reduced().tape, x.meta
    out = tape.elementwise(x.shape, FP32 if dtype_fp32 else x.dtype, x, rowwise=True)
    elementwise_work(tape, meta, out)
    saved = [x if "softmax" in tape.execution.kept else out]
    return attach(out, [x], saved, lambda gradient: (tape.elementwise_like(meta, gradient.reduced()),))


def deviation(x: Tensor) -> Tensor:
    """Standard deviation of each row, [..., 1]: keeps its input and its result; backward works in two further tensors."""
    tape, meta = x.tape, x.meta
    out = tape.empty((*x.shape[:-1], 1), x.dtype)
    elementwise_work(tape, meta, out)

    def backward(gradient: Tensor) -> Gradients:
        centred = tape.elementwise_like(meta, gradient)
        result = tape.elementwise_like(meta, centred)
        del centred
        return (result,)

    return attach(out, [x], [x, out], backward)


def unit_rows(x: Tensor) -> Tensor:
    """x over the length of each row (torch.nn.functional.normalize). Under autocast lengths are fp32, and so is the result.

    The length keeps its input, the quotient x and the length; the quotient's backward works out three further tensors.
    """
    tape, meta = x.tape, x.meta
    length = _row_length(x)
    out = tape.elementwise(x.shape, length.dtype, x, length)
    _charge(x)
    wide, of_length = out.meta, length.meta

    def backward(gradient: Tensor) -> Gradients:
        of_x = tape.elementwise_like(wide, gradient)
        negated, quotient = (tape.elementwise_like(wide, gradient) for _ in range(2))
        slope = tape.elementwise_like(wide, quotient)
        del quotient
        product = tape.elementwise_like(wide, negated, slope)
        del negated, slope
        summed = tape.like(of_length)
        del product
        return [cast(of_x, meta.dtype), summed]

    return attach(out, [x, length], [x, length], backward)


def _row_length(x: Tensor) -> Tensor:
    """The Euclidean length of each row, not less than a small number: keeps x and two numbers for each row. fp32 under autocast, which
    asks for the type of the result and leaves x as it is (autocast_mode.cpp, fp32_set_opt_dtype).
    """
    tape, meta = x.tape, x.meta
    length = tape.empty((*x.shape[:-1], 1), FP32 if tape.autocast is not None else x.dtype)
    out = tape.like(length.meta)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [x, length], lambda gradient: (tape.elementwise_like(meta, gradient),))
