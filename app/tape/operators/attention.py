"""Attention: which kernel a CUDA build of PyTorch takes, what it keeps, and what its backward pass needs for itself.

Sources: aten/src/ATen/native/transformers (sdp_utils.cpp, attention.cpp) and FlashAttention's mha_bwd (flash_api.cpp), PyTorch 2.13.
"""

from collections.abc import Callable

from app.tape.autograd import Gradients, attach
from app.tape.dtypes import BOOL, FP32, DType
from app.tape.operators.casting import cast, lower
from app.tape.operators.elementwise import add, contiguous, dropout
from app.tape.operators.linear import FLOPS_PER_MAC, matmul
from app.tape.operators.normalization import softmax
from app.tape.recorder import Category
from app.tape.tensor import Meta, Shape, Tensor
from app.units import round_up

Scratch = list[tuple[Shape, DType]]
Workspace = Callable[[Meta, Meta, Meta], Scratch]  # temporaries of a backward kernel from the shapes of q, k and v

FLASH_LARGEST_HEAD = 256  # FlashAttention-2
FLASH_BACKWARD_ROWS = 128  # query rows are padded to this
EFFICIENT_BACKWARD_ROWS = 64


def scaled_dot_product_attention(
    q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = True, dropout_probability: float = 0.0
) -> Tensor:
    """softmax(q k^T / sqrt(d)) v for q [batch, heads, length, d], k and v [batch, kv heads, length, d]; gives [batch, length, heads, d].

    Flash attention for 16-bit types without a mask; else the memory-efficient kernel where query and key heads are equally many;
    else plain matrix products.
    """
    q, k, v = lower(q), lower(k), lower(v)
    size, grouped = q.shape[-1], q.shape[1] != k.shape[1]
    if q.dtype.half and mask is None and size <= FLASH_LARGEST_HEAD and v.shape[-1] == size:
        return _fused(q, k, v, _flash_backward_workspace, causal)
    if not grouped and size % (8 if q.dtype.half else 4) == 0:
        return _fused(q, k, v, _efficient_backward_workspace, causal)
    return _plain_kernel(q, k, v, causal, dropout_probability)


def attention_flops(q: Shape, keys: int, value_size: int, causal: bool) -> int:
    """Operations of both products; a causal kernel skips the upper triangle where queries and keys are equally many."""
    batch, heads, length, size = q
    full = FLOPS_PER_MAC * batch * heads * length * keys * (size + value_size)
    return full // 2 if causal and length == keys else full


def _fused(q: Tensor, k: Tensor, v: Tensor, workspace: Workspace, causal: bool) -> Tensor:
    tape = q.tape
    out = tape.empty((*q.shape[:-1], v.shape[-1]), q.dtype)
    log_sum = tape.empty(q.shape[:-1], FP32)
    metas = (q.meta, k.meta, v.meta)
    flops = attention_flops(q.shape, k.shape[2], v.shape[-1], causal)
    moved = q.bytes + k.bytes + v.bytes + out.bytes
    tape.record.charge("attention", q.dtype, flops, moved)

    def backward(gradient: Tensor) -> Gradients:
        tape.record.charge("attention", metas[0].dtype, flops * 5 // 2, 2 * moved)  # five products for two
        scratch = [tape.empty(shape, dtype, Category.WORKSPACE) for shape, dtype in workspace(*metas)]
        gradients = [tape.like(meta) for meta in metas]
        del scratch
        return gradients

    return attach(out, [q, k, v], [q, k, v, out, log_sum], backward).transpose(1, 2)


def _flash_backward_workspace(q: Meta, k: Meta, v: Meta) -> Scratch:
    """fp32 accumulator of dq, softmax row sums and, for grouped queries, dk and dv for every query head."""
    batch, heads, length, size = q.shape
    rows = round_up(length, FLASH_BACKWARD_ROWS)
    padded = round_up(size, 32 if size <= 128 else 64)  # noqa: PLR2004 - kernel template sizes
    scratch: Scratch = [((batch, rows, heads, padded), FP32), ((batch, heads, rows), FP32)]
    if k.shape[1] != heads:
        scratch += [((batch, heads, k.shape[2], size), q.dtype)] * 2
    return scratch


def _efficient_backward_workspace(q: Meta, k: Meta, v: Meta) -> Scratch:
    """fp32 row sums and, for 16-bit inputs, an fp32 accumulator of dq."""
    batch, heads, length, size = q.shape
    scratch: Scratch = [((batch, heads, length), FP32)]
    if q.dtype.half:
        scratch.append(((batch, heads, round_up(length, EFFICIENT_BACKWARD_ROWS), size), FP32))
    return scratch


def _plain_kernel(q: Tensor, k: Tensor, v: Tensor, causal: bool, dropout_probability: float) -> Tensor:
    """The fallback of matrix products: scores for every pair of positions; keys and values repeated to all heads."""
    tape, groups = q.tape, q.shape[1] // k.shape[1]
    k, v = repeat_heads(k, groups), repeat_heads(v, groups)
    q, k = _scaled_copy(q), _scaled_copy(k)
    scores = matmul(q, k.transpose(-1, -2))
    if causal and q.shape[2] > 1:
        bias = tape.empty(scores.shape[-2:], q.dtype)
        scores = add(scores, bias)
        del bias
    weights = softmax(scores)
    del scores
    return contiguous(matmul(dropout(weights, dropout_probability), v).transpose(1, 2))


def _scaled_copy(x: Tensor) -> Tensor:
    tape, meta = x.tape, x.meta
    return attach(tape.empty(x.shape, x.dtype), [x], [], lambda gradient: (tape.like(meta),))


def repeat_heads(x: Tensor, groups: int) -> Tensor:
    """Key or value heads repeated for each query head of their group: a copy; nothing where there is one query head a group."""
    if groups == 1:
        return x
    tape, meta = x.tape, x.meta
    batch, heads, length, size = x.shape
    out = tape.empty((batch, heads * groups, length, size), x.dtype)
    return attach(out, [x], [], lambda gradient: (tape.like(meta),))


def eager_attention(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None, dropout_probability: float, fp32_softmax: bool = True) -> Tensor:
    """Attention written out in matrix products, as transformers' eager implementation: scaled, masked, softmax in fp32 and cast back."""
    groups = q.shape[1] // k.shape[1]
    k, v = repeat_heads(k, groups), repeat_heads(v, groups)
    scores = _scaled_copy(matmul(q, k.transpose(-1, -2)))
    if mask is not None:
        scores = add(scores, mask)
    weights = _softmax_in_fp32(scores, q.dtype) if fp32_softmax else softmax(scores)
    del scores
    weights = dropout(weights, dropout_probability)
    return contiguous(matmul(weights, v).transpose(1, 2))


def _softmax_in_fp32(scores: Tensor, dtype: DType) -> Tensor:
    return cast(softmax(scores, dtype_fp32=True), dtype)
