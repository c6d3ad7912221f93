"""Losses."""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import FP32
from app.tape.operators.casting import cast, lower, raise_to_fp32
from app.tape.tensor import Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of [rows, classes]: log-softmax, which keeps its output, then the negative log-likelihood.

    Under autocast the log-softmax runs in the type of the logits and only the likelihood in fp32.
    """
    if logits.tape.execution.fused_loss:
        return _with_its_gradient(cast(logits, FP32), labels)
    return _nll(_log_softmax(logits), labels)


def _with_its_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy as one operator that works out the gradient of the logits with the loss and keeps only that."""
    tape, meta = logits.tape, logits.meta
    slope = tape.elementwise(logits.shape, logits.dtype, logits, rowwise=True)
    out = tape.empty((), meta.dtype)
    elementwise_work(tape, meta, slope)
    return attach(out, [logits], [slope, labels], lambda gradient: (tape.elementwise(*meta, gradient, rowwise=True),))


def _log_softmax(logits: Tensor) -> Tensor:
    tape, meta = logits.tape, logits.meta
    out = tape.elementwise(logits.shape, logits.dtype, logits)
    elementwise_work(tape, meta, out)
    return attach(out, [logits], [out], lambda gradient: (tape.elementwise_like(meta, gradient),))


def _nll(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    tape = log_probabilities.tape
    if tape.autocast is not None:
        log_probabilities = cast(log_probabilities, FP32)
    meta = log_probabilities.meta
    out = tape.empty((), meta.dtype)
    weight = tape.empty((), meta.dtype)

    def backward(gradient: Tensor) -> Gradients:
        return (tape.like(meta),)

    return attach(out, [log_probabilities], [log_probabilities, labels, weight], backward)


def ctc_loss(logits: Tensor, length: int) -> Tensor:
    """Connectionist temporal classification of [batch, frames, classes] for transcripts of `length` characters, in fp32.

    Keeps the log-probabilities and the likelihood of each beginning of an alignment; backward adds that of each end.
    Source: aten/src/ATen/native/cuda/LossCTC.cu, PyTorch 2.13.
    """
    log_probabilities = _log_softmax(cast(logits, FP32))
    tape, meta = logits.tape, log_probabilities.meta
    batch, frames, _ = logits.shape
    beginnings = tape.empty((batch, frames, 2 * length + 1), FP32)
    out = tape.empty((), FP32)
    elementwise_work(tape, meta, beginnings)

    def backward(gradient: Tensor) -> Gradients:
        ends = tape.like(beginnings_meta)
        wanted = tape.like(meta)
        del ends
        return (wanted,)

    beginnings_meta = beginnings.meta
    return attach(out, [log_probabilities], [log_probabilities, beginnings], backward)


def fused_linear_cross_entropy(x: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Head and cross-entropy in one operator that works in chunks of rows and computes the gradients in the forward pass.

    Keeps the gradients of the input and of the weight instead of any logits. Source: Liger-Kernel, fused_linear_cross_entropy.py:
    the chunk is rows / ceil(vocabulary / hidden), rounded up to a power of two.
    """
    x, weight = lower(x), lower(weight)
    tape, meta, weight_meta = x.tape, x.meta, weight.meta
    vocabulary, hidden = weight.shape
    rows = x.size // hidden
    wanted = weight.requires_grad
    input_gradient = tape.like(meta)
    weight_gradient = tape.like(weight_meta) if wanted else None
    chunk = min(rows, 1 << (-(-rows // -(-vocabulary // hidden)) - 1).bit_length())
    logits = tape.empty((chunk, vocabulary), x.dtype)
    in_fp32 = tape.empty((chunk, vocabulary), FP32)
    tape.record.charge("matmul", x.dtype, 6 * rows * hidden * vocabulary, 3 * (meta.bytes + weight_meta.bytes))
    del logits, in_fp32
    out = tape.empty((), FP32)

    def backward(gradient: Tensor) -> Gradients:
        return (tape.like(meta), tape.like(weight_meta) if wanted else None)

    return attach(out, [x, weight], [input_gradient, weight_gradient], backward)


def mean_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of the squared differences, both in fp32, which are kept."""
    prediction, target = cast(prediction, FP32), cast(target, FP32)
    tape, meta = prediction.tape, prediction.meta
    out = tape.empty((), FP32)
    elementwise_work(tape, meta, meta, out)
    return attach(out, [prediction], [prediction, target], lambda gradient: (tape.elementwise_like(meta, gradient),))


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each logit with its own target, not summed: keeps both. fp32 under autocast."""
    logits, targets = raise_to_fp32(logits), raise_to_fp32(targets)
    tape, meta = logits.tape, logits.meta
    out = tape.elementwise(logits.shape, logits.dtype, logits, targets)
    elementwise_work(tape, meta, meta, out)
    return attach(out, [logits], [logits, targets], lambda gradient: (tape.elementwise_like(meta, gradient),))
