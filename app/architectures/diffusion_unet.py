"""The U-Net of Stable Diffusion 1.x, 2.x and XL: residual blocks and cross-attention to a text at several resolutions.

Written as diffusers 0.42.1 computes UNet2DConditionModel (models/unets/unet_2d_condition.py, unet_2d_blocks.py,
models/transformers/transformer_2d.py). With checkpointing each residual block and each transformer block is recomputed by itself.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.denoiser import LATENT_SCALE, Denoiser
from app.architectures.diffusion_parts import (
    Attention,
    Downsample,
    GatedFeedForward,
    ResidualBlock,
    TimestepEmbedding,
    Upsample,
    linear_of_view,
)
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.checkpointing import checkpoint
from app.tape.convolutions import Conv2d, GroupNorm
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tape, Tensor

DEFAULT_TEXT = 77  # tokens that CLIP's text encoder reads
POOLED_TEXT, TIME_IDS = 1280, 6  # of the additional conditions of SDXL


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution: channels, residual blocks on the way down, heads and layers of a transformer, and whether one stands beside each
    residual block on the way down and up."""

    channels: int
    residual_blocks: int
    heads: int
    transformer_layers: int
    crosses_down: bool
    crosses_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionUNetSpec:
    """Levels from the finest to the coarsest. `added`: width of the additional condition's input; `latent`: side of the usual latents."""

    levels: tuple[Level, ...]
    context: tuple[int, ...]  # width of the text at each level
    middle: bool = True
    in_channels: int = 4
    out_channels: int = 4
    groups: int = 32
    linear_projection: bool = False
    added: int | None = None
    latent: int = 64

    @property
    def embedding(self) -> int:
        """Width of the time embedding."""
        return 4 * self.levels[0].channels


class TransformerBlock(Module):
    """Self-attention, attention to the text and feed-forward layers, each on the normed stream."""

    def __init__(self, width: int, heads: int, context: int) -> None:
        self.norm1, self.attn1 = LayerNorm(width), Attention(width, heads)
        self.norm2, self.attn2 = LayerNorm(width), Attention(width, heads, context=context)
        self.norm3, self.ff = LayerNorm(width), GatedFeedForward(width)

    def __call__(self, x: Tensor, context: Tensor) -> Tensor:
        normed = self.norm1(x)
        attended = self.attn1(normed)
        x = op.add(attended, x)
        normed = self.norm2(x)
        attended = self.attn2(normed, context)
        x = op.add(attended, x)
        normed = self.norm3(x)
        out = self.ff(normed)
        return op.add(out, x)


class SpatialTransformer(Module):
    """A map as a sequence of its pixels through transformer blocks, added to the map."""

    def __init__(self, width: int, level: Level, context: int, spec: DiffusionUNetSpec, options: Options) -> None:
        self.options, self.linear = options, spec.linear_projection
        self.norm = GroupNorm(spec.groups, width)
        self.proj_in: Linear | Conv2d = Linear(width, width) if self.linear else Conv2d(width, width, 1)
        self.transformer_blocks = Blocks([None] * level.transformer_layers, lambda _: TransformerBlock(width, level.heads, context))
        self.proj_out: Linear | Conv2d = Linear(width, width) if self.linear else Conv2d(width, width, 1)

    def __call__(self, x: Tensor, context: Tensor) -> Tensor:
        residual = x
        x = self.transformer_blocks.run(self._sequence(x), context, checkpointed=self.options.checkpointed)
        x = self._map(x, residual)
        return op.add(x, residual)

    def _sequence(self, x: Tensor) -> Tensor:
        """[batch, pixels, channels]: a view of the map; a linear layer copies it and adds its bias by itself."""
        batch, width, *sides = x.shape
        x = self.norm(x)
        if isinstance(self.proj_in, Conv2d):
            x = self.proj_in(x)
            return x.view(batch, sides[0] * sides[1], width)
        return linear_of_view(self.proj_in, x.view(batch, sides[0] * sides[1], width))

    def _map(self, x: Tensor, residual: Tensor) -> Tensor:
        if self.linear:
            x = self.proj_out(x)
            return op.copied(x).view(*residual.shape)
        x = op.copied(x).view(*residual.shape)
        return self.proj_out(x)


class DownBlock(Module):
    """Residual blocks, each with its transformer if any, then halving."""

    def __init__(self, inputs: int, index: int, spec: DiffusionUNetSpec, options: Options) -> None:
        level, self.options = spec.levels[index], options
        widths = (inputs, *[level.channels] * (level.residual_blocks - 1))
        self.resnets = [ResidualBlock(width, level.channels, spec.groups, spec.embedding) for width in widths]
        self.attentions = [_transformer(level, index, spec, options) for _ in widths] if level.crosses_down else []
        self.downsampler = Downsample(level.channels) if index + 1 < len(spec.levels) else None

    def __call__(self, x: Tensor, embedding: Tensor, context: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        outputs: tuple[Tensor, ...] = ()
        for number, resnet in enumerate(self.resnets):
            x = _residual(resnet, x, embedding, self.options)
            if self.attentions:
                x = self.attentions[number](x, context)
            outputs = (*outputs, x)
        if self.downsampler is not None:
            x = self.downsampler(x)
            outputs = (*outputs, x)
        return x, outputs


class MiddleBlock(Module):
    """A residual block, a transformer, and another residual block, which alone is checkpointed."""

    def __init__(self, spec: DiffusionUNetSpec, options: Options) -> None:
        level, self.options = spec.levels[-1], options
        self.resnets = [ResidualBlock(level.channels, level.channels, spec.groups, spec.embedding) for _ in range(2)]
        self.attention = _transformer(level, len(spec.levels) - 1, spec, options)

    def __call__(self, x: Tensor, embedding: Tensor, context: Tensor) -> Tensor:
        x = self.resnets[0](x, embedding)
        x = self.attention(x, context)
        return _residual(self.resnets[1], x, embedding, self.options)


class UpBlock(Module):
    """Residual blocks on the map joined with one from the way down, each with its transformer if any, then doubling."""

    def __init__(self, before: int, position: int, spec: DiffusionUNetSpec, options: Options) -> None:
        index = len(spec.levels) - 1 - position
        level, self.options = spec.levels[index], options
        count = level.residual_blocks + 1
        incoming = (before, *[level.channels] * (count - 1))
        skipped = (*[level.channels] * (count - 1), spec.levels[max(index - 1, 0)].channels)
        widths = [a + b for a, b in zip(incoming, skipped, strict=True)]
        self.resnets = [ResidualBlock(width, level.channels, spec.groups, spec.embedding) for width in widths]
        self.attentions = [_transformer(level, index, spec, options) for _ in widths] if level.crosses_up else []
        self.upsampler = Upsample(level.channels) if index else None

    def __call__(self, x: Tensor, skips: tuple[Tensor, ...], embedding: Tensor, context: Tensor, size: tuple[int, ...] | None) -> Tensor:
        for number, resnet in enumerate(self.resnets):
            skip = skips[-1]
            skips = skips[:-1]
            x = op.concatenate([x, skip], axis=1)
            x = _residual(resnet, x, embedding, self.options)
            if self.attentions:
                x = self.attentions[number](x, context)
        return self.upsampler(x, size) if self.upsampler is not None else x


def _transformer(level: Level, index: int, spec: DiffusionUNetSpec, options: Options) -> SpatialTransformer:
    return SpatialTransformer(level.channels, level, spec.context[index], spec, options)


def _residual(block: ResidualBlock, x: Tensor, embedding: Tensor, options: Options) -> Tensor:
    return checkpoint(block, x, embedding) if options.checkpointed else block(x, embedding)


class DiffusionUNet(Denoiser):
    """Latents, time step and text to the predicted noise."""

    family: ClassVar[str] = "diffusion"

    def __init__(self, spec: DiffusionUNetSpec, options: Options) -> None:
        self.spec, self.options = spec, options
        self.default_image = (LATENT_SCALE * spec.latent, LATENT_SCALE * spec.latent)
        first = spec.levels[0].channels
        self.conv_in = Conv2d(spec.in_channels, first, 3, Window.centred(3))
        self.time_embedding = TimestepEmbedding(first, spec.embedding)
        self.add_embedding = TimestepEmbedding(spec.added, spec.embedding) if spec.added else None
        widths = [level.channels for level in spec.levels]
        self.down_blocks = [DownBlock(width, index, spec, options) for index, width in enumerate((first, *widths[:-1]))]
        self.mid_block = MiddleBlock(spec, options) if spec.middle else None
        before = (widths[-1], *reversed(widths[1:]))
        self.up_blocks = [UpBlock(width, position, spec, options) for position, width in enumerate(before)]
        self.conv_norm_out, self.conv_out = GroupNorm(spec.groups, first), Conv2d(first, spec.out_channels, 3, Window.centred(3))

    def denoise(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The predicted noise for noisy latents."""
        batch, spec = inputs.batch, self.spec
        sample = self.given(tape, batch, spec.in_channels, *self.latent_size(inputs))
        context = self.given(tape, batch, inputs.text or DEFAULT_TEXT, spec.context[0])
        embedding = self._embedding(tape, batch)
        sample = self.conv_in(sample)
        skips: tuple[Tensor, ...] = (sample,)
        for down in self.down_blocks:
            sample, outputs = down(sample, embedding, context)
            skips += outputs
        if self.mid_block is not None:
            sample = self.mid_block(sample, embedding, context)
        for up in self.up_blocks:
            outputs = skips[-len(up.resnets) :]
            skips = skips[: -len(up.resnets)]
            sample = up(sample, outputs, embedding, context, skips[-1].shape[2:] if skips else None)
        sample = self.conv_norm_out(sample)
        sample = op.activation(sample, "silu")
        return self.conv_out(sample)

    def _embedding(self, tape: Tape, batch: int) -> Tensor:
        """The time step's embedding, plus that of the pooled text and the image's sizes where the model takes them."""
        self.given_indices(tape, batch)
        dtype = self.conv_in.weight.dtype
        embedding = self.time_embedding(tape.empty((batch, self.spec.levels[0].channels), dtype))
        if self.add_embedding is None:
            return embedding
        self.given(tape, batch, POOLED_TEXT)
        self.given(tape, batch, TIME_IDS)
        return op.add(embedding, self.add_embedding(tape.empty((batch, self.spec.added or 0), dtype)))

    def target(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The noise that was added."""
        return self.given(tape, inputs.batch, self.spec.out_channels, *self.latent_size(inputs))
