"""Swin transformers of transformers: attention within windows that shift from block to block, handed to an attention implementation.

Written as transformers 5.23 computes them (modeling_swin.py). The maps travel as sequences of patches; every stage also lays its output
out as a map, which is held until the next stage is done.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import Attend, Attended, PreviousWeights
from app.architectures.image_classifier import RGB, ImageClassifier, drop_path
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.checkpointing import checkpoint
from app.tape.convolutions import Conv2d
from app.tape.dtypes import INT64
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.recorder import Category
from app.tape.tensor import Parameter, Tensor
from app.units import ceil_div, round_up


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedWindowSpec:
    """Channels of the first stage, doubled at each further one; blocks and heads of each stage; no `labels`: no classifier."""

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int = 7
    patch: int = 4
    expansion: float = 4.0
    qkv_bias: bool = True
    activation: str = "gelu"
    dropout: float = 0.0
    attention_dropout: float = 0.0
    drop_path: float = 0.1
    positions: bool = False
    image: int = 224
    labels: int = 1000
    channels: int = RGB


class WindowAttention(Module):
    """Multi-head attention within each window, with a learned bias for every relative position."""

    def __init__(self, spec: ShiftedWindowSpec, width: int, heads: int, options: Options) -> None:
        self.heads, self.size = heads, width // heads
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, causal=False)
        self.q_proj, self.k_proj, self.v_proj = (Linear(width, width, bias=spec.qkv_bias) for _ in range(3))
        self.o_proj = Linear(width, width)
        self.relative_position_bias_table = Parameter((2 * spec.window - 1) ** 2, heads)
        self.relative_position_index = Parameter(spec.window**4, buffer=True)
        self.relative_position_index.own_dtype = self.relative_position_index.dtype = INT64

    def __call__(self, x: Tensor, mask: Tensor | None) -> Attended:
        count, length, width = x.shape
        query, key, value = (self._heads(projected) for projected in (self.q_proj(x), self.k_proj(x), self.v_proj(x)))
        positions = op.embedding(self.relative_position_index, self.relative_position_bias_table)
        positions = op.copied(positions).view(1, self.heads, length, length)
        spread = None if mask is None else _for_all_images(mask, count)
        biases = positions if spread is None else op.add(positions, spread)
        out, weights = self.attend(query, key, value, biases)
        return self.o_proj(out.view(count, length, width)), weights

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, self.size).transpose(1, 2)


def _for_all_images(mask: Tensor, count: int) -> Tensor:
    """The mask of one image's windows copied for the `count` windows of all images."""
    windows, length, _ = mask.shape
    spread = op.expand(mask.view(1, windows, 1, length, length), count // windows, windows, 1, length, length)
    return op.copied(spread).view(count, 1, length, length)


class FeedForward(Module):
    """Two projections with an activation between them."""

    def __init__(self, spec: ShiftedWindowSpec, width: int) -> None:
        inner, self.activation = int(spec.expansion * width), spec.activation
        self.fc1, self.fc2 = Linear(width, inner), Linear(inner, width)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        x = activate(x, self.activation)
        return self.fc2(x)


class Block(Module):
    """Window attention, then feed-forward, each on the normed stream and added to it."""

    def __init__(self, spec: ShiftedWindowSpec, width: int, heads: int, options: Options, *, shifted: bool, drops: bool) -> None:
        self.spec, self.shifted, self.drops = spec, shifted, drops
        self.layernorm_before, self.layernorm_after = LayerNorm(width), LayerNorm(width)
        self.attention, self.mlp = WindowAttention(spec, width, heads, options), FeedForward(spec, width)

    def __call__(self, x: Tensor, height: int, width: int, previous: PreviousWeights) -> Tensor:
        shortcut = x
        window, shift = self._window(height, width)
        x = self.layernorm_before(x)
        x = op.padded(x.view(x.shape[0], height, width, x.shape[2]), *self._padded(x, window, height, width))
        windows = op.contiguous(op.contiguous(x) if shift else x).view(-1, window**2, x.shape[3])
        mask = window_mask(x, window) if shift else None
        attended, weights = self.attention(windows, mask)
        attended = op.dropout(attended, self.spec.dropout)
        merged = self._merged(attended, x, shortcut, cropped=x.shape[1:3] != (height, width), shift=shift)
        x = op.add(shortcut, drop_path(merged, drops=self.drops))
        residual = x
        x = self.layernorm_after(x)
        x = self.mlp(x)
        x = op.add(op.dropout(x, self.spec.dropout), residual)
        previous.hold(weights)
        return x

    def _window(self, height: int, width: int) -> tuple[int, bool]:
        """Side of the windows and whether they are shifted: not where one window covers the map."""
        side = min(height, width)
        return min(side, self.spec.window), self.shifted and side > self.spec.window

    @staticmethod
    def _padded(x: Tensor, window: int, height: int, width: int) -> tuple[int, int, int, int]:
        return x.shape[0], round_up(height, window), round_up(width, window), x.shape[2]

    @staticmethod
    def _merged(attended: Tensor, padded: Tensor, stream: Tensor, *, cropped: bool, shift: bool) -> Tensor:
        """The windows as a map again, rolled back and cut to the size before the padding."""
        merged = op.contiguous(attended).view(*padded.shape)
        merged = op.contiguous(merged) if shift else merged
        return op.copied(op.part(merged, *stream.shape)) if cropped else merged.view(*stream.shape)


def window_mask(x: Tensor, window: int) -> Tensor:
    """What the windows of a shifted map may look at, in the type of the stream."""
    windows = x.shape[1] * x.shape[2] // window**2
    return x.tape.empty((windows, window**2, window**2), x.dtype, Category.ACTIVATIONS)


def joined_neighbours(x: Tensor, height: int, width: int) -> Tensor:
    """Four neighbouring patches side by side: [batch, patches / 4, 4 x channels], with a padded edge where a side is odd."""
    batch, _, channels = x.shape
    half = ceil_div(height, 2), ceil_div(width, 2)
    x = x.view(batch, height, width, channels)
    x = op.padded(x, batch, 2 * half[0], 2 * half[1], channels) if height % 2 or width % 2 else x
    x = op.concatenate([op.part(x, batch, *half, channels) for _ in range(4)], axis=-1)
    return x.view(batch, half[0] * half[1], 4 * channels)


class PatchMerging(Module):
    """Four neighbouring patches joined and projected to twice the channels."""

    def __init__(self, width: int) -> None:
        self.norm, self.reduction = LayerNorm(4 * width), Linear(4 * width, 2 * width, bias=False)

    def __call__(self, x: Tensor, height: int, width: int) -> Tensor:
        x = self.norm(joined_neighbours(x, height, width))
        return self.reduction(x)


class Stage(Module):
    """Blocks, then patch merging but in the last stage."""

    def __init__(self, spec: ShiftedWindowSpec, index: int, options: Options) -> None:
        width, heads, self.checkpointed = spec.width * 2**index, spec.heads[index], options.checkpointed
        first = index == 0

        def block(number: int) -> Block:
            drops = spec.drop_path > 0 and not (first and number == 0)
            return Block(spec, width, heads, options, shifted=number % 2 == 1, drops=drops)

        self.blocks = Blocks([(number % 2, first and number == 0) for number in range(spec.depths[index])], block)
        self.downsample = PatchMerging(width) if index < len(spec.depths) - 1 else None

    def __call__(self, x: Tensor, height: int, width: int, previous: PreviousWeights) -> Tensor:
        x = self.blocks(x, height, width, previous, checkpointed=self.checkpointed)
        return x if self.downsample is None else self.downsample(x, height, width)


class WindowedImages(ImageClassifier):
    """What is before and behind the stages of both versions: patches; norm, the mean over all patches, one linear layer."""

    family: ClassVar[str] = "vision"

    def __init__(self, spec: ShiftedWindowSpec, options: Options) -> None:
        self.spec, self.options, self.channels = spec, options, spec.channels
        self.default_image = (spec.image, spec.image)
        self.projection = Conv2d(spec.channels, spec.width, spec.patch, Window(stride=spec.patch))
        self.norm = LayerNorm(spec.width)
        self.position_embeddings = Parameter(1, (spec.image // spec.patch) ** 2, spec.width) if spec.positions else None
        features = spec.width * 2 ** (len(spec.depths) - 1)
        self.layernorm = LayerNorm(features)
        self.classifier = Linear(features, spec.labels) if spec.labels else None

    def embedded(self, x: Tensor) -> Tensor:
        """The stream of normed patches."""
        x = self.projection(x).flatten(2).transpose(1, 2)
        x = self.norm(x)
        if self.position_embeddings is not None:
            x = op.add(x, self.position_embeddings)
        return op.dropout(x, self.spec.dropout)

    def classified(self, x: Tensor) -> Tensor:
        """Class scores of the last stage's stream, or its mean where there is no classifier."""
        x = self.layernorm(x)
        pooled = op.mean(x, x.shape[0], x.shape[2])
        return pooled if self.classifier is None else self.classifier(pooled)


class ShiftedWindows(WindowedImages):
    """Swin of the first version."""

    def __init__(self, spec: ShiftedWindowSpec, options: Options) -> None:
        super().__init__(spec, options)
        self.stages = [Stage(spec, index, options) for index in range(len(spec.depths))]

    def logits(self, x: Tensor) -> Tensor:
        """Class scores, or the mean of the patches where there is no classifier."""
        height, width = (ceil_div(side, self.spec.patch) for side in x.shape[2:])
        embedded = self.embedded(x)
        x = embedded
        laid_out: Tensor | None = None
        previous = PreviousWeights()
        for stage in self.stages:
            given = (x, height, width, previous)
            x = checkpoint(stage, *given) if self.options.checkpointed else stage(*given)
            if stage.downsample is not None:
                height, width = ceil_div(height, 2), ceil_div(width, 2)
            laid_out = op.contiguous(x)
        del laid_out
        return self.classified(x)
