"""Swin transformers of the second version in transformers: cosine attention within windows, norms behind each part.

Written as transformers 5.23 computes them (modeling_swinv2.py), which adds the mask of shifted windows twice.
"""

from app.architectures.cosine_attention import CosineAttention
from app.architectures.image_classifier import drop_path
from app.architectures.network import Options
from app.architectures.transformers_swin import FeedForward, ShiftedWindowSpec, WindowedImages, joined_neighbours, window_mask
from app.tape import operators as op
from app.tape.checkpointing import checkpoint
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.tensor import Tensor
from app.units import ceil_div, round_up


class WindowAttention(Module):
    """Cosine attention within each window; keys have no bias."""

    def __init__(self, spec: ShiftedWindowSpec, width: int, heads: int, window: int) -> None:
        self.heads, self.dropout = heads, spec.attention_dropout
        self.query, self.value = Linear(width, width, bias=spec.qkv_bias), Linear(width, width, bias=spec.qkv_bias)
        self.key, self.dense = Linear(width, width, bias=False), Linear(width, width)
        self.attend = CosineAttention(window, heads, dropout=spec.attention_dropout)

    def __call__(self, x: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (self._heads(projected) for projected in (self.query(x), self.key(x), self.value(x)))
        context = self.attend(query, key, value, () if mask is None else (mask, mask))
        return op.dropout(self.dense(context), self.dropout)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, x.shape[2] // self.heads).transpose(1, 2)


class Block(Module):
    """Window attention, then feed-forward, each normed and added to the stream."""

    def __init__(self, spec: ShiftedWindowSpec, index: int, *, shifted: bool, drops: bool) -> None:
        width, side = spec.width * 2**index, spec.image // spec.patch // 2**index
        self.spec, self.drops, self.window = spec, drops, min(side, spec.window)
        self.shifted = shifted and side > self.window and spec.window > 1
        self.attention, self.mlp = WindowAttention(spec, width, spec.heads[index], self.window), FeedForward(spec, width)
        self.layernorm_before, self.layernorm_after = LayerNorm(width), LayerNorm(width)

    def __call__(self, x: Tensor, height: int, width: int) -> Tensor:
        shortcut = x
        held, attended = self._attended(x, height, width)
        x = self.layernorm_before(attended.view(*shortcut.shape))
        x = op.add(shortcut, drop_path(x, drops=self.drops))
        out = self.mlp(x)
        out = op.dropout(out, self.spec.dropout)
        out = op.add(x, drop_path(self.layernorm_after(out), drops=self.drops))
        del held
        return out

    def _attended(self, x: Tensor, height: int, width: int) -> tuple[object, Tensor]:
        """The attended map, behind all that the reference holds in local variables until the block is done."""
        batch, _, channels = x.shape
        sides = round_up(height, self.window), round_up(width, self.window)
        x = op.padded(x.view(batch, height, width, channels), batch, *sides, channels)
        shifted = op.contiguous(x) if self.shifted else x
        windows = op.contiguous(shifted).view(-1, self.window**2, channels)
        mask = window_mask(x, self.window) if self.shifted else None
        del x
        attended = self.attention(windows, mask)
        merged = op.contiguous(attended).view(batch, *sides, channels)
        rolled = op.contiguous(merged) if self.shifted else merged
        if sides != (height, width):
            rolled = op.copied(op.part(rolled, batch, height, width, channels))
        return (shifted, windows, mask, attended, merged), rolled


class PatchMerging(Module):
    """Four neighbouring patches joined and projected to twice the channels, then normed."""

    def __init__(self, width: int) -> None:
        self.reduction, self.norm = Linear(4 * width, 2 * width, bias=False), LayerNorm(2 * width)

    def __call__(self, x: Tensor, height: int, width: int) -> Tensor:
        x = self.reduction(joined_neighbours(x, height, width))
        return self.norm(x)


class Stage(Module):
    """Blocks, then patch merging but in the last stage."""

    def __init__(self, spec: ShiftedWindowSpec, index: int) -> None:
        first = index == 0

        def block(number: int) -> Block:
            return Block(spec, index, shifted=number % 2 == 1, drops=spec.drop_path > 0 and not (first and number == 0))

        self.blocks = Blocks([(number % 2, first and number == 0) for number in range(spec.depths[index])], block)
        self.downsample = PatchMerging(spec.width * 2**index) if index < len(spec.depths) - 1 else None

    def __call__(self, x: Tensor, height: int, width: int, before: list[Tensor]) -> Tensor:
        x = self.blocks(x, height, width)
        if not x.tape.training:  # where autograd keeps more
            before[:] = [x]
        return x if self.downsample is None else self.downsample(x, height, width)


class ShiftedWindowsV2(WindowedImages):
    """Swin of the second version."""

    def __init__(self, spec: ShiftedWindowSpec, options: Options) -> None:
        super().__init__(spec, options)
        self.stages = [Stage(spec, index) for index in range(len(spec.depths))]

    def logits(self, x: Tensor) -> Tensor:
        """Class scores, or the mean of the patches where there is no classifier."""
        height, width = (ceil_div(side, self.spec.patch) for side in x.shape[2:])
        embedded = self.embedded(x)
        x = embedded
        before: list[Tensor] = []  # merging: held until the next stage is done
        for stage in self.stages:
            given = (x, height, width, before)
            x = checkpoint(stage, *given) if self.options.checkpointed else stage(*given)
            height, width = ceil_div(height, 2), ceil_div(width, 2)
        before.clear()
        return self.classified(x)
