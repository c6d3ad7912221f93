"""Swin transformers: attention within windows that shift from block to block, on maps that halve from stage to stage.

Written as timm 1.0.31 computes them (timm/models/swin_transformer.py), with its default attention written out in matrix products and
without stochastic depth.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from app.architectures.image_classifier import RGB, ImageClassifier, channels_last
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.dtypes import INT64
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tape, Tensor
from app.units import ceil_div
from app.workloads.fields import invalid_field

PATCH = 4
EXPANSION = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SwinSpec:
    """Channels of the first stage, doubled at each further one; blocks and heads of the four stages."""

    width: int
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    window: int = 7
    image: int = 224
    classes: int = 1000
    channels: int = RGB


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Side of a stage's map and of its windows; `shift` of every other block, none where one window covers the map."""

    side: int
    window: int
    shift: int

    @classmethod
    def of(cls, side: int, window: int) -> "Grid":
        """The grid for a map of this side and the model's window."""
        return cls(side=side, window=min(side, window), shift=0 if side <= window else window // 2)

    @property
    def windows_per_side(self) -> int:
        """Windows along one side, the last one padded."""
        return ceil_div(self.side, self.window)


class WindowAttention(Module):
    """Multi-head attention within each window, with a learned bias for every relative position."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        self.heads = heads
        self.relative_position_bias_table = Parameter((2 * window - 1) ** 2, heads)
        self.relative_position_index = Parameter(window**2, window**2, buffer=True)
        self.relative_position_index.own_dtype = self.relative_position_index.dtype = INT64
        self.qkv, self.proj = Linear(width, 3 * width), Linear(width, width)

    def __call__(self, x: Tensor, mask: Parameter | None) -> Tensor:
        count, length, width = x.shape
        qkv = op.rearranged(self.qkv(x), 3, count, self.heads, length, width // self.heads)
        query, key, value = (part.view(*part.shape[1:]) for part in op.split(qkv, (1, 1, 1), axis=0))
        query = op.scaled(query)
        scores = op.matmul(op.copied(query), op.copied(key).transpose(-1, -2))
        scores = op.add(scores, self._bias(length))
        if mask is not None:
            by_image = scores.view(-1, mask.shape[0], self.heads, length, length)
            scores = op.add(by_image, mask.view(1, -1, 1, length, length)).view(*scores.shape)
            del by_image
        scores = op.softmax(scores)
        out = op.matmul(scores, op.copied(value))
        out = op.copied(out.transpose(1, 2))
        return self.proj(out.view(count, length, width))

    def _bias(self, length: int) -> Tensor:
        bias = op.embedding(self.relative_position_index.view(-1), self.relative_position_bias_table)
        return op.copied(bias).view(1, self.heads, length, length)


class FeedForward(Module):
    """Two projections with GELU between them."""

    def __init__(self, width: int) -> None:
        self.fc1, self.fc2 = Linear(width, EXPANSION * width), Linear(EXPANSION * width, width)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        x = op.activation(x, "gelu")
        return self.fc2(x)


class Block(Module):
    """Window attention, then feed-forward, each on the normed residual stream."""

    def __init__(self, width: int, heads: int, grid: Grid, *, shifted: bool) -> None:
        self.grid, self.shifted = grid, shifted and grid.shift > 0
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        self.attn, self.mlp = self.attention(width, heads, grid.window), FeedForward(width)
        area = grid.window**2
        self.attn_mask = Parameter(grid.windows_per_side**2, area, area, buffer=True) if self.shifted else None

    def __call__(self, x: Tensor) -> Tensor:
        batch, height, width, channels = x.shape
        x = op.add(x, self._attend(self.norm1(x)))
        x = x.view(batch, -1, channels)
        x = op.add(x, self.mlp(self.norm2(x)))
        return x.view(batch, height, width, channels)

    def attention(self, width: int, heads: int, window: int) -> Callable[[Tensor, Parameter | None], Tensor]:
        """The attention within windows of this side."""
        return WindowAttention(width, heads, window)

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


def joined_neighbours(x: Tensor) -> Tensor:
    """Four neighbouring patches side by side: [batch, height / 2, width / 2, 4 x channels], with a padded edge where a side is odd."""
    batch, height, width, channels = x.shape
    half = ceil_div(height, 2), ceil_div(width, 2)
    x = op.padded(x, batch, 2 * half[0], 2 * half[1], channels)
    x = op.contiguous(x)
    return x.view(batch, *half, 4 * channels)


class PatchMerging(Module):
    """Four neighbouring patches joined and projected to twice the channels."""

    def __init__(self, width: int) -> None:
        self.norm, self.reduction = LayerNorm(4 * width), Linear(4 * width, 2 * width, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        x = joined_neighbours(x)
        x = self.norm(x)
        return self.reduction(x)


class Stage(Module):
    """Patch merging but in the first stage, then blocks."""

    block: ClassVar[type[Block]] = Block
    merging: ClassVar[type[PatchMerging]] = PatchMerging

    def __init__(self, spec: SwinSpec, index: int) -> None:
        width, heads = spec.width * 2**index, spec.heads[index]
        grid = Grid.of(ceil_div(spec.image // PATCH, 2**index), spec.window)
        self.downsample = self.merging(width // 2) if index else None
        kinds = [number % 2 for number in range(spec.depths[index])]
        self.blocks = Blocks(kinds, lambda number: self.block(width, heads, grid, shifted=number % 2 == 1))

    def __call__(self, x: Tensor, *, checkpointed: bool) -> Tensor:
        x = self.downsample(x) if self.downsample is not None else x
        return self.blocks(x, checkpointed=checkpointed)


class Stages(Module):
    """The four stages."""

    def __init__(self, spec: SwinSpec, stage: type[Stage]) -> None:
        self.stages = [stage(spec, index) for index in range(len(spec.depths))]

    def __call__(self, x: Tensor, *, checkpointed: bool) -> Tensor:
        for stage in self.stages:
            x = stage(x, checkpointed=checkpointed)
        return x


class PatchEmbedding(Module):
    """Patches projected to channels, channels last, and normed."""

    def __init__(self, spec: SwinSpec) -> None:
        self.proj, self.norm = Conv2d(spec.channels, spec.width, PATCH, Window(stride=PATCH)), LayerNorm(spec.width)

    def __call__(self, x: Tensor) -> Tensor:
        x = channels_last(self.proj(x))
        return self.norm(x)


class Swin(ImageClassifier):
    """Patches, four stages of window attention, norm, global average pooling, one linear layer."""

    family: ClassVar[str] = "vision"
    stage: ClassVar[type[Stage]] = Stage

    def __init__(self, spec: SwinSpec, options: Options) -> None:
        self.spec, self.options, self.channels = spec, options, spec.channels
        self.default_image = (spec.image, spec.image)
        self.patch_embed = PatchEmbedding(spec)
        self.layers = Stages(spec, self.stage)
        features = spec.width * 2 ** (len(spec.depths) - 1)
        self.norm, self.head = LayerNorm(features), Linear(features, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.patch_embed(x)
        x = self.layers(x, checkpointed=self.options.checkpointed)
        x = self.norm(x)
        pooled = op.mean(x, x.shape[0], x.shape[-1])
        return self.head(pooled)

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of images. Raises InvalidInput where their size is not the one that the windows were laid out for."""
        if inputs.image and inputs.image != self.default_image:
            side = self.spec.image
            raise invalid_field(
                "image_size", f'this network is laid out for {side} x {side} pixels; give "options": {{"img_size": ...}} too'
            )
        return super().images(tape, inputs)


_SHALLOW, _DEEP = (2, 2, 6, 2), (2, 2, 18, 2)
SIZES: Mapping[str, SwinSpec] = {
    "tiny": SwinSpec(width=96, depths=_SHALLOW, heads=(3, 6, 12, 24)),
    "small": SwinSpec(width=96, depths=_DEEP, heads=(3, 6, 12, 24)),
    "base": SwinSpec(width=128, depths=_DEEP, heads=(4, 8, 16, 32)),
    "large": SwinSpec(width=192, depths=_DEEP, heads=(6, 12, 24, 48)),
}
SPECS = {
    **{f"swin_{size}_patch4_window7_224": spec for size, spec in SIZES.items()},
    **{f"swin_{size}_patch4_window12_384": replace(SIZES[size], window=12, image=384) for size in ("base", "large")},
}
