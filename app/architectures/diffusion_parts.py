"""Parts that diffusion networks share: residual convolution blocks, resizing, patches, time steps, attention, feed-forward.

Written as diffusers 0.42.1 computes them (models/resnet.py, attention.py, attention_processor.py, embeddings.py, upsampling.py,
downsampling.py): divisions by 1 are made, and cost what any division costs.
"""

from collections.abc import Callable

from app.tape import operators as op
from app.tape.convolutions import Conv2d, GroupNorm
from app.tape.modules import Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tensor


class ResidualBlock(Module):
    """Twice group norm, SiLU, 3x3 convolution; the time embedding is added between them, the input at the end."""

    def __init__(self, inputs: int, outputs: int, groups: int, embedding: int | None) -> None:
        self.norm1, self.conv1 = GroupNorm(groups, inputs), Conv2d(inputs, outputs, 3, Window.centred(3))
        self.time_emb_proj = Linear(embedding, outputs) if embedding else None
        self.norm2, self.conv2 = GroupNorm(groups, outputs), Conv2d(outputs, outputs, 3, Window.centred(3))
        self.conv_shortcut = Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def __call__(self, inputs: Tensor, embedding: Tensor | None) -> Tensor:
        x = inputs
        x = self.norm1(x)
        x = op.activation(x, "silu")
        x = self.conv1(x)
        if self.time_emb_proj is not None and embedding is not None:
            embedding = op.activation(embedding, "silu")
            embedding = self.time_emb_proj(embedding)
            x = op.add(x, embedding.view(*embedding.shape, 1, 1))
        x = self.norm2(x)
        x = op.activation(x, "silu")
        x = self.conv2(x)
        if self.conv_shortcut is not None:
            inputs = self.conv_shortcut(inputs)
        return op.scaled(op.add(inputs, x))


class Downsample(Module):
    """A strided 3x3 convolution; with `lopsided` padding only at the bottom and the right, as the autoencoder has it."""

    def __init__(self, channels: int, *, lopsided: bool = False) -> None:
        self.lopsided = lopsided
        self.conv = Conv2d(channels, channels, 3, Window(stride=2, padding=0 if lopsided else 1))

    def __call__(self, x: Tensor) -> Tensor:
        if self.lopsided:
            x = op.padded(x, *x.shape[:2], *(length + 1 for length in x.shape[2:]))
        return self.conv(x)


class Upsample(Module):
    """Each pixel repeated, twice as high and wide or to a given size, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        self.conv = Conv2d(channels, channels, 3, Window.centred(3))

    def __call__(self, x: Tensor, size: tuple[int, ...] | None = None) -> Tensor:
        x = op.resampled(x, *x.shape[:2], *(size or (2 * length for length in x.shape[2:])))
        return self.conv(x)


class TimestepEmbedding(Module):
    """Two linear layers with SiLU between them, on sines and cosines of a number or on a pooled vector."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.linear_1, self.linear_2 = Linear(inputs, outputs), Linear(outputs, outputs)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.linear_1(x)
        x = op.activation(x, "silu")
        return self.linear_2(x)


class Attention(Module):
    """Multi-head attention of a sequence to itself or to `context`."""

    def __init__(self, width: int, heads: int, *, context: int | None = None, bias: bool = False) -> None:
        self.heads = heads
        self.to_q = Linear(width, width, bias=bias)
        self.to_k, self.to_v = (Linear(context or width, width, bias=bias) for _ in range(2))
        self.to_out = Linear(width, width)

    def __call__(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        batch, length, width = x.shape
        query = self.to_q(x)
        source = x if context is None else context
        key, value = self.to_k(source), self.to_v(source)
        query, key, value = (self._heads(part) for part in (query, key, value))
        x = op.scaled_dot_product_attention(query, key, value, causal=False)
        x = x.view(batch, length, width)
        x = self.to_out(x)
        return op.scaled(x)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class GatedFeedForward(Module):
    """Value x GELU(gate), both from one projection, and a projection back."""

    def __init__(self, width: int) -> None:
        self.inner = 4 * width
        self.proj_in, self.proj_out = Linear(width, 2 * self.inner), Linear(self.inner, width)

    def __call__(self, x: Tensor) -> Tensor:
        x = self._gated(x)
        return self.proj_out(x)

    def _gated(self, x: Tensor) -> Tensor:
        x = self.proj_in(x)
        x, gate = op.split(x, (self.inner, self.inner))
        return op.multiply(x, op.activation(gate, "gelu"))


class FeedForward(Module):
    """Two projections with an activation between them."""

    def __init__(self, width: int, activation: str, inner: int | None = None) -> None:
        self.activation, inner = activation, inner or 4 * width
        self.proj_in, self.proj_out = Linear(width, inner), Linear(inner, width)

    def __call__(self, x: Tensor) -> Tensor:
        x = self._activated(x)
        return self.proj_out(x)

    def _activated(self, x: Tensor) -> Tensor:
        x = self.proj_in(x)
        return op.activation(x, self.activation)


class Modulation(Module):
    """`count` vectors for each sample, each as wide as the stream, from its condition: shifts, scales and gates."""

    def __init__(self, width: int, count: int, condition: int | None = None) -> None:
        self.count, self.linear = count, Linear(condition or width, count * width)

    def __call__(self, condition: Tensor) -> list[Tensor]:
        x = self.linear(op.activation(condition, "silu"))
        width = x.shape[-1] // self.count
        return [part.view(part.shape[0], 1, width) for part in op.split(x, (width,) * self.count)]


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """x (1 + scale) + shift."""
    x = op.multiply(x, op.shifted(scale))
    return op.add(x, shift)


def linear_of_view(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A linear layer on a tensor that does not lie in memory row by row: it is copied, and the bias is added by itself.

    An adapted or packed layer is handed the copy.
    """
    if not isinstance(layer, Linear):
        return layer(op.copied(x))
    product = op.linear(op.copied(op.lower(x)), layer.weight)
    return product if layer.bias is None else op.add(product, op.lower(layer.bias))


class LatentPatches(Module):
    """Latents [batch, channels, height, width] cut into patches and projected, with fixed positions added in the type of the projection.

    `side`: of the latents that positions are laid out for; they are made anew for others.
    """

    def __init__(self, channels: int, width: int, patch: int, side: int) -> None:
        self.proj = Conv2d(channels, width, patch, Window(stride=patch))
        self.pos_embed = Parameter(1, (side // patch) ** 2, width, buffer=True)

    def __call__(self, sample: Tensor) -> Tensor:
        x = self.proj(sample)
        x = x.flatten(2).transpose(1, 2)
        positions: Tensor = self.pos_embed
        if positions.shape[1] != x.shape[1]:
            positions = x.tape.empty((1, *x.shape[1:]), positions.dtype)
        return op.cast(op.add(x, positions), x.dtype)
