"""Rotary position embeddings as transformers applies them: q cos + rotate_half(q) sin, five operators."""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import FP32, wider
from app.tape.operators.casting import cast
from app.tape.operators.elementwise import add, concatenate, multiply, scaled
from app.tape.operators.views import part, split
from app.tape.tensor import Meta, Tensor


def rotary_embedding(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [batch, heads, length, size] turned by cos and sin [batch, 1, length, size]. Keeps only cos and sin."""
    return add(multiply(x, cos), multiply(rotate_half(x), sin))


def partial_rotary_embedding(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns only as many of the head's first components as cos has; joins the others on unchanged."""
    turned, size = cos.shape[-1], x.shape[-1]
    turning = part(x, *x.shape[:-1], turned)
    unchanged = part(x, *x.shape[:-1], size - turned)
    return concatenate([rotary_embedding(turning, cos, sin), unchanged], axis=-1)


def halves_rotary_embedding(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns the first half of a head against the second one, joined by a copy; cos and sin are of half a head."""
    first, second = split(x, (x.shape[-1] // 2,) * 2)
    turned = add(multiply(first, cos), multiply(second, sin))
    other = add(multiply(second, cos), multiply(first, sin))
    return concatenate([turned, other], axis=-1)


def interleaved_rotary_embedding(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns pairs of neighbouring components: even and odd ones apart, joined by a copy. Only half of cos and sin is read."""
    half = (*x.shape[:-1], x.shape[-1] // 2)
    cos, sin = (Tensor(x.tape, (*t.shape[:-1], half[-1]), t.dtype, t.storage) for t in (cos, sin))
    even, odd = part(x, *half), part(x, *half)
    return concatenate([add(multiply(even, cos), multiply(odd, sin)), add(multiply(odd, cos), multiply(even, sin))], axis=-1)


def paired_rotary_embedding(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns pairs of neighbouring components in fp32, as diffusers does: x cos + rotated x sin. Keeps only cos and sin."""
    half = x.shape[-1] // 2
    even, odd = split(x, (half, half))
    turned = concatenate([scaled(odd), even], axis=-1)
    return cast(add(multiply(cast(x, FP32), cos), multiply(cast(turned, FP32), sin)), x.dtype)


def strided_rotary_embedding(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns pairs of neighbouring components, each kind written into every second place of a new tensor. Keeps only cos and sin."""
    tape, meta = x.tape, x.meta
    half = Meta((*x.shape[:-1], x.shape[-1] // 2), wider(x.dtype, cos.dtype))
    out = tape.like(meta)
    for _ in range(2):
        products = [tape.like(half) for _ in range(2)]
        total = tape.like(half)
        del products, total
    elementwise_work(tape, meta, meta, out)

    def backward(gradient: Tensor) -> Gradients:
        whole, written = tape.like(meta), tape.like(half)
        even, odd = tape.like(half), tape.like(half)
        del written
        rest, written = tape.like(meta), tape.like(half)
        del whole, rest
        products = [tape.like(half) for _ in range(2)]
        del products, written
        joined = tape.like(meta)
        del even, odd
        return (joined,)

    return attach(out, [x], [cos, sin], backward)


def complex_rotary_embedding(x: Tensor) -> Tensor:
    """Turns pairs of components as complex numbers: an fp32 copy, a product, and a cast back. Keeps only the factors."""
    return cast(scaled(cast(x, FP32)), x.dtype)


def rotate_half(x: Tensor) -> Tensor:
    """(-second half, first half) of the last dimension: a negated half and a concatenation."""
    tape, meta = x.tape, x.meta
    half = tape.elementwise((*x.shape[:-1], x.shape[-1] // 2), x.dtype, x)
    out = tape.elementwise(x.shape, x.dtype, x, half)
    del half
    elementwise_work(tape, meta, out)

    def backward(gradient: Tensor) -> Gradients:
        first = tape.elementwise_like(meta, gradient)  # each half's gradient is written into a zero tensor of the whole size
        second = tape.elementwise_like(meta, gradient)
        total = tape.elementwise_like(meta, first, second)
        del first, second
        return (total,)

    return attach(out, [x], [], backward)
