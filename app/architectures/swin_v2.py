"""Swin transformers of the second version: cosine attention within windows that shift, and norms behind each part rather than before it.

Written as timm 1.0.31 computes them (timm/models/swin_transformer_v2.py), without stochastic depth.
"""

from dataclasses import replace
from typing import ClassVar

from app.architectures.cosine_attention import CosineAttention
from app.architectures.image_classifier import ImageClassifier
from app.architectures.network import Inputs, Options
from app.architectures.swin import PATCH, SIZES, FeedForward, Grid, PatchEmbedding, SwinSpec
from app.tape import operators as op
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor
from app.units import ceil_div
from app.workloads.fields import invalid_field


class WindowAttention(Module):
    """Cosine attention within each window, from one projection whose keys have no bias."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        self.heads = heads
        self.qkv, self.proj = Linear(width, 3 * width, bias=False), Linear(width, width)
        self.q_bias, self.k_bias, self.v_bias = Parameter(width), Parameter(width, buffer=True), Parameter(width)
        self.attend = CosineAttention(window, heads)

    def __call__(self, x: Tensor, mask: Parameter | None) -> Tensor:
        count, length, width = x.shape
        qkv = op.linear(x, self.qkv.weight, op.concatenate([self.q_bias, self.k_bias, self.v_bias], axis=0))
        qkv = op.rearranged(qkv, 3, count, self.heads, length, width // self.heads)
        query, key, value = (part.view(*part.shape[1:]) for part in op.split(qkv, (1, 1, 1), axis=0))
        return self.proj(self.attend(query, key, value, () if mask is None else (mask,)))


class Block(Module):
    """Window attention, then feed-forward, each normed and added to the stream."""

    def __init__(self, width: int, heads: int, grid: Grid, *, shifted: bool) -> None:
        self.grid, self.shifted = grid, shifted and grid.shift > 0
        self.attn, self.mlp = WindowAttention(width, heads, grid.window), FeedForward(width)
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        area = grid.window**2
        self.attn_mask = Parameter(grid.windows_per_side**2, area, area, buffer=True) if self.shifted else None

    def __call__(self, x: Tensor) -> Tensor:
        batch, height, width, channels = x.shape
        x = op.add(x, self.norm1(self._attend(x)))
        x = x.view(batch, -1, channels)
        x = op.add(x, self.norm2(self.mlp(x)))
        return x.view(batch, height, width, channels)

    def _attend(self, x: Tensor) -> Tensor:
        batch, height, width, channels = x.shape
        windows = self.grid.windows_per_side
        side = windows * self.grid.window
        shifted = op.contiguous(x) if self.shifted else x
        shifted = op.padded(shifted, batch, side, side, channels)
        cut = op.contiguous(shifted) if windows > 1 else shifted
        cut = cut.view(batch * windows**2, self.grid.window**2, channels)
        attended = self.attn(cut, self.attn_mask)
        shifted = op.contiguous(attended) if windows > 1 else attended
        if side != height:
            shifted = op.copied(op.part(shifted, *x.shape))
        return (op.contiguous(shifted) if self.shifted else shifted).view(batch, height, width, channels)


class PatchMerging(Module):
    """Four neighbouring patches joined and projected to twice the channels, then normed."""

    def __init__(self, width: int) -> None:
        self.reduction, self.norm = Linear(4 * width, 2 * width, bias=False), LayerNorm(2 * width)

    def __call__(self, x: Tensor) -> Tensor:
        batch, height, width, channels = x.shape
        half = ceil_div(height, 2), ceil_div(width, 2)
        x = op.padded(x, batch, 2 * half[0], 2 * half[1], channels)
        x = op.contiguous(x)
        x = self.reduction(x.view(batch, *half, 4 * channels))
        return self.norm(x)


class Stage(Module):
    """Patch merging but in the first stage, then blocks."""

    def __init__(self, spec: SwinSpec, index: int) -> None:
        width, heads = spec.width * 2**index, spec.heads[index]
        grid = Grid.of(ceil_div(spec.image // PATCH, 2**index), spec.window)
        self.downsample = PatchMerging(width // 2) if index else None
        kinds = [number % 2 for number in range(spec.depths[index])]
        self.blocks = Blocks(kinds, lambda number: Block(width, heads, grid, shifted=number % 2 == 1))

    def __call__(self, x: Tensor, *, checkpointed: bool) -> Tensor:
        x = self.downsample(x) if self.downsample is not None else x
        return self.blocks(x, checkpointed=checkpointed)


class SwinV2(ImageClassifier):
    """Patches, four stages of window attention, norm, global average pooling, one linear layer."""

    family: ClassVar[str] = "vision"

    def __init__(self, spec: SwinSpec, options: Options) -> None:
        self.spec, self.options, self.channels = spec, options, spec.channels
        self.default_image = (spec.image, spec.image)
        self.patch_embed = PatchEmbedding(spec)
        self.layers = [Stage(spec, index) for index in range(len(spec.depths))]
        features = spec.width * 2 ** (len(spec.depths) - 1)
        self.norm, self.head = LayerNorm(features), Linear(features, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self._staged(self.patch_embed(x))
        x = self.norm(x)
        pooled = op.mean(x, x.shape[0], x.shape[-1])
        return self.head(pooled)

    def _staged(self, embedded: Tensor) -> Tensor:
        x = embedded
        for stage in self.layers:
            x = stage(x, checkpointed=self.options.checkpointed)
        return x

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of images. Raises InvalidInput where their size is not the one that the windows were laid out for."""
        if inputs.image and inputs.image != self.default_image:
            side = self.spec.image
            raise invalid_field(
                "image_size", f'this network is laid out for {side} x {side} pixels; give "options": {{"img_size": ...}} too'
            )
        return super().images(tape, inputs)


_PUBLISHED = (  # size, the name's window, window, image
    *((size, str(window), window, 256) for size in ("tiny", "small", "base") for window in (8, 16)),
    *((size, "12", 12, 192) for size in ("base", "large")),
    *((size, f"12to{window}_192to", window, image) for size in ("base", "large") for window, image in ((16, 256), (24, 384))),
)
SPECS = {
    f"swinv2_{size}_window{name}{'' if name.endswith('to') else '_'}{image}": replace(SIZES[size], window=window, image=image)
    for size, name, window, image in _PUBLISHED
}
SPECS |= {name: replace(SPECS[name], classes=21_841) for name in SPECS if name.endswith("_192")}  # published for ImageNet-22k
