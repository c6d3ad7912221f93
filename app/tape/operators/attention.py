"""Attention: which kernel a CUDA build of PyTorch takes, what it keeps, and what its backward pass needs for itself.

Sources: aten/src/ATen/native/transformers (sdp_utils.cpp, attention.cpp) and FlashAttention's mha_bwd (flash_api.cpp), PyTorch 2.13.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.tape.autograd import Gradients, attach
from app.tape.dtypes import BOOL, FP32, DType
from app.tape.operators.casting import autocast_disabled, cast, lower
from app.tape.operators.elementwise import activation, add, contiguous, dropout, scaled
from app.tape.operators.linear import FLOPS_PER_MAC, matmul
from app.tape.operators.normalization import softmax
from app.tape.operators.views import expand
from app.tape.recorder import Category
from app.tape.tensor import Meta, Shape, Tensor
from app.units import round_up

Scratch = list[tuple[Shape, DType]]
Workspace = Callable[[Meta, Meta, Meta], Scratch]  # temporaries of a backward kernel from the shapes of q, k and v

FLASH_LARGEST_HEAD = 256  # FlashAttention-2
FLASH_HEAD_MULTIPLE = 8  # components; other heads are padded by copies, and the output is cut by another
FLASH_BACKWARD_ROWS = 128  # query rows are padded to this
EFFICIENT_BACKWARD_ROWS = 64
MASK_ROW = 16  # keys; the memory-efficient kernel reads masks in aligned rows


def scaled_dot_product_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    mask: Tensor | None = None,
    causal: bool = True,
    dropout_probability: float = 0.0,
    heads_first: bool = False,
) -> Tensor:
    """softmax(q k^T / sqrt(d)) v for q [batch, heads, length, d], k and v [batch, kv heads, length, d]; gives [batch, length, heads, d].

    Flash attention for 16-bit types without a mask; else the memory-efficient kernel where query and key heads are equally many;
    else plain matrix products. A mask is boolean or additive, [batch or 1, heads or 1, length, keys]. `heads_first`: the queries lie
    in memory as their shape says (after a concatenation), not as a projection leaves them; the flash kernel lays its output out
    likewise, which costs a copy afterwards.
    """
    q, k, v = lower(q), lower(k), lower(v)
    size, grouped = q.shape[-1], q.shape[1] != k.shape[1]
    if q.dtype.half and mask is None and size <= FLASH_LARGEST_HEAD and v.shape[-1] == size:
        odd = size % FLASH_HEAD_MULTIPLE > 0
        if odd:
            q, k, v = (padded_rows(x, FLASH_HEAD_MULTIPLE) for x in (q, k, v))
        out = _fused((q, k, v), _flash_backward_workspace, causal)
        return contiguous(out) if heads_first or odd else out
    bias = None if mask is None else expand(_additive(mask, q.dtype), *q.shape[:-1], k.shape[2])
    if not grouped and size % (8 if q.dtype.half else 4) == 0:
        return _fused((q, k, v), _efficient_backward_workspace, causal, bias)
    return _plain_kernel((q, k, v), bias, causal, dropout_probability)


def _additive(mask: Tensor, dtype: DType) -> Tensor:
    """The mask as the kernels take it: a boolean one turned into numbers, rows padded to a multiple of MASK_ROW keys."""
    tape = mask.tape
    if mask.dtype is BOOL:
        numbers = tape.empty(mask.shape, dtype)
        inverted = tape.empty(mask.shape, BOOL)
        del inverted
        mask = numbers
    mask = lower(mask)
    keys = mask.shape[-1]
    return padded_rows(mask, MASK_ROW) if keys % MASK_ROW else mask


def padded_rows(x: Tensor, multiple: int) -> Tensor:
    """`x` in a storage whose last dimension is a multiple of `multiple`, seen in its own shape."""
    tape, meta = x.tape, x.meta
    wide = tape.empty((*x.shape[:-1], round_up(x.shape[-1], multiple)), x.dtype)
    seen = Tensor(tape, x.shape, x.dtype, wide.storage)
    return attach(seen, [x], [], lambda gradient: (tape.like(meta),))


def attention_flops(q: Shape, keys: int, value_size: int, causal: bool) -> int:
    """Operations of both products; a causal kernel skips the upper triangle where queries and keys are equally many."""
    batch, heads, length, size = q
    full = FLOPS_PER_MAC * batch * heads * length * keys * (size + value_size)
    return full // 2 if causal and length == keys else full


def _fused(qkv: tuple[Tensor, Tensor, Tensor], workspace: Workspace, causal: bool, bias: Tensor | None = None) -> Tensor:
    q, k, v = (x.written() for x in qkv)
    tape = q.tape
    out = tape.empty((*q.shape[:-1], v.shape[-1]), q.dtype)
    log_sum = tape.empty(q.shape[:-1], FP32)
    metas = (q.meta, k.meta, v.meta)
    scores = Meta((*q.shape[:-1], k.shape[2]), q.dtype) if bias is not None and bias.requires_grad else None
    flops = attention_flops(q.shape, k.shape[2], v.shape[-1], causal)
    moved = q.bytes + k.bytes + v.bytes + out.bytes
    tape.record.charge("attention", q.dtype, flops, moved)

    def backward(gradient: Tensor) -> Gradients:
        tape.record.charge("attention", metas[0].dtype, flops * 5 // 2, 2 * moved)  # five products for two
        scratch = [tape.empty(shape, dtype, Category.WORKSPACE) for shape, dtype in workspace(*metas)]
        gradients = [tape.like(meta) for meta in metas]
        of_bias = scores and tape.like(scores)
        del scratch
        return [*gradients, of_bias]

    return attach(out, [q, k, v, bias], [q, k, v, bias, out, log_sum], backward).transpose(1, 2)


def _flash_backward_workspace(q: Meta, k: Meta, v: Meta) -> Scratch:
    """fp32 accumulator of dq, softmax row sums and, for grouped queries, dk and dv for every query head."""
    batch, heads, length, size = q.shape
    rows = round_up(length, FLASH_BACKWARD_ROWS)
    padded = round_up(size, 32 if size <= 128 else 64)
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


def _plain_kernel(qkv: tuple[Tensor, Tensor, Tensor], bias: Tensor | None, causal: bool, dropout_probability: float) -> Tensor:
    """The fallback of matrix products: scores for every pair of positions, in fp32; keys and values repeated to all heads."""
    q, *groups = qkv
    dtype = q.dtype
    repeated = [x if x.shape[1] == q.shape[1] else _repeated(x, q.shape[1]) for x in groups]
    with autocast_disabled(q.tape):
        q, k, v = (cast(x, FP32) for x in (q, *repeated))
        scaled_q = scaled(q)
        scores = matmul(scaled_q, scaled(k.transpose(-1, -2)))
        if bias is None and causal and q.shape[2] > 1:
            bias = q.tape.empty(scores.shape[-2:], dtype)
        if bias is not None:
            scores = add(scores, bias)
            del bias
        weights = softmax(scores)
        del scores
        out = matmul(dropout(weights, dropout_probability), v)
        return contiguous(cast(out, dtype).transpose(1, 2))


def repeat_heads(x: Tensor, heads: int) -> Tensor:
    """Key or value heads repeated to as many query heads: by a copy, or as a view where there is only one."""
    batch, given, length, size = x.shape
    return expand(x, batch, heads, length, size) if given in (1, heads) else _repeated(x, heads)


def _repeated(x: Tensor, heads: int) -> Tensor:
    tape, meta = x.tape, x.meta
    out = tape.empty((x.shape[0], heads, *x.shape[2:]), x.dtype)
    return attach(out, [x], [], lambda gradient: (tape.like(meta),))


@dataclass(frozen=True, slots=True, kw_only=True)
class EagerStyle:
    """How a model writes its attention out.

    `fp32_softmax`: the softmax is asked for in fp32 rather than in the type of the scores (or what autocast makes of it);
    `cast_back`: its result is then cast to the type of the queries; `capped`: the scores go through a scaled tanh first.
    """

    fp32_softmax: bool = True
    cast_back: bool = True
    capped: bool = False


def eager_attention(
    q: Tensor, k: Tensor, v: Tensor, *, biases: Sequence[Tensor], dropout_probability: float, style: EagerStyle
) -> tuple[Tensor, Tensor]:
    """Attention written out in matrix products, as transformers' eager implementations: scaled, biased, softmax, dropout.

    `biases` are added one after the other (relative positions, an additive mask). Gives the output [batch, length, heads, size] and the
    attention weights, which callers there hold on to.
    """
    copied = 1 < k.shape[1] < q.shape[1]
    k, v = repeat_heads(k, q.shape[1]), repeat_heads(v, q.shape[1])
    scores = attention_scores(q, k, laid_out=copied)
    if style.capped:
        scores = scaled(scores)
        scores = activation(scores, "tanh")
        scores = scaled(scores)
    for bias in biases:
        scores = add(scores, bias)
    wide = q.tape.execution.wide_scores
    weights = softmax(scores, dtype_fp32=style.fp32_softmax or wide)
    weights = cast(weights, q.dtype) if style.cast_back or wide else weights
    del scores
    weights = dropout(weights, dropout_probability)
    return attended_values(weights, v, laid_out=copied), weights


def attention_scores(q: Tensor, k: Tensor, *, laid_out: bool = False) -> Tensor:
    """Scaled products of all queries and keys; `laid_out`: the keys lie heads first already, because they were repeated by a copy."""
    return scaled(attention_products(q, k, laid_out=laid_out))


def attention_products(q: Tensor, k: Tensor, *, laid_out: bool = False) -> Tensor:
    """Products of all queries and keys, not scaled."""
    dtype = FP32 if q.tape.execution.wide_scores else None
    return matmul(_heads_first(q), (k if laid_out else _heads_first(k)).transpose(-1, -2), dtype)


def attended_values(weights: Tensor, v: Tensor, *, laid_out: bool = False) -> Tensor:
    """Values weighted by attention, [batch, length, heads, size]."""
    return contiguous(matmul(weights, v if laid_out else _heads_first(v)).transpose(1, 2))


def _heads_first(x: Tensor) -> Tensor:
    """[batch, heads, length, size] as a batched product reads it: a copy where heads lie interleaved with positions, as they do
    where they come from one projection of the stream."""
    batch, _, length, _ = x.shape
    return contiguous(lower(x)) if batch > 1 and length > 1 else x
