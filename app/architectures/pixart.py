"""PixArt-alpha and PixArt-Sigma: a transformer over patches of latents that attends to a text; all blocks share one modulation.

Written as diffusers 0.42.1 computes PixArtTransformer2DModel (models/transformers/pixart_transformer_2d.py, models/attention.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.denoiser import LATENT_SCALE, Denoiser
from app.architectures.diffusion_parts import Attention, FeedForward, LatentPatches, TimestepEmbedding, modulated
from app.architectures.network import Inputs, Options, block_kinds
from app.tape import operators as op
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor

TIME_CHANNELS = 256  # sines and cosines of a time step
DEFAULT_TEXT = 300  # tokens that the pipeline of PixArt-Sigma reads
PARTS = 6  # shift, scale and gate of attention and of the feed-forward layers


@dataclass(frozen=True, slots=True, kw_only=True)
class PixartSpec:
    """Hyper-parameters. `sizes`: the image's size and proportions are conditions too; `latent`: side of the usual latents."""

    heads: int
    head_size: int
    layers: int
    context: int
    text_width: int | None = None
    in_channels: int = 4
    out_channels: int = 8
    patch: int = 2
    latent: int = 128
    attention_bias: bool = True
    activation: str = "gelu_tanh"
    sizes: bool = False

    @property
    def width(self) -> int:
        """Channels of the stream."""
        return self.heads * self.head_size


class Block(Module):
    """Self-attention, attention to the text and feed-forward layers; the first and the last on the normed and modulated stream."""

    def __init__(self, spec: PixartSpec) -> None:
        width = spec.width
        self.scale_shift_table = Parameter(PARTS, width)
        self.norm1, self.norm2 = (LayerNorm(width, affine=False) for _ in range(2))
        self.attn1 = Attention(width, spec.heads, bias=spec.attention_bias)
        self.attn2 = Attention(width, spec.heads, context=spec.context, bias=spec.attention_bias)
        self.ff = FeedForward(width, spec.activation)

    def __call__(self, x: Tensor, context: Tensor, modulation: Tensor) -> Tensor:
        batch, width = x.shape[0], x.shape[2]
        parts = op.add(self.scale_shift_table.view(1, PARTS, width), modulation.view(batch, PARTS, width))
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = op.split(parts, (1,) * PARTS, axis=1)
        del parts
        normed = self.norm1(x)
        normed = modulated(normed, shift, scale)
        attended = self.attn1(normed)
        attended = op.multiply(gate, attended)
        x = op.add(attended, x)
        normed = x
        attended = self.attn2(normed, context)
        x = op.add(attended, x)
        normed = self.norm2(x)
        normed = modulated(normed, shift_mlp, scale_mlp)
        out = self.ff(normed)
        out = op.multiply(gate_mlp, out)
        return op.add(out, x)


class TextProjection(Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.linear_1, self.linear_2 = Linear(inputs, outputs), Linear(outputs, outputs)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.linear_1(x)
        x = op.activation(x, "gelu_tanh")
        return self.linear_2(x)


class SharedModulation(Module):
    """Shifts, scales and gates from the time step, and from the image's size and proportions where the model takes them."""

    def __init__(self, spec: PixartSpec) -> None:
        self.timestep_embedder = TimestepEmbedding(TIME_CHANNELS, spec.width)
        third = spec.width // 3
        self.resolution_embedder = TimestepEmbedding(TIME_CHANNELS, third) if spec.sizes else None
        self.aspect_ratio_embedder = TimestepEmbedding(TIME_CHANNELS, third) if spec.sizes else None
        self.linear = Linear(spec.width, PARTS * spec.width)

    def __call__(self, like: Tensor) -> tuple[Tensor, Tensor]:
        batch = like.shape[0]
        embedded = self.timestep_embedder(like.tape.empty((batch, TIME_CHANNELS), like.dtype))
        if self.resolution_embedder is not None and self.aspect_ratio_embedder is not None:
            sizes = self.resolution_embedder(like.tape.empty((2 * batch, TIME_CHANNELS), like.dtype)).view(batch, -1)
            proportions = self.aspect_ratio_embedder(like.tape.empty((batch, TIME_CHANNELS), like.dtype))
            embedded = op.add(embedded, op.concatenate([sizes, proportions], axis=1))
        return self.linear(op.activation(embedded, "silu")), embedded


class Pixart(Denoiser):
    """Latents, time step and text to the predicted noise and variance."""

    family: ClassVar[str] = "diffusion"

    def __init__(self, spec: PixartSpec, options: Options) -> None:
        self.spec, self.options, self.latent_multiple = spec, options, spec.patch
        self.default_image = (LATENT_SCALE * spec.latent, LATENT_SCALE * spec.latent)
        width = spec.width
        self.pos_embed = LatentPatches(spec.in_channels, width, spec.patch, spec.latent)
        self.transformer_blocks = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec))
        self.norm_out = LayerNorm(width, affine=False)
        self.scale_shift_table = Parameter(2, width)
        self.proj_out = Linear(width, spec.patch**2 * spec.out_channels)
        self.adaln_single = SharedModulation(spec)
        self.caption_projection = TextProjection(spec.text_width, width) if spec.text_width else None

    def denoise(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The prediction for noisy latents."""
        batch, size = inputs.batch, self.latent_size(inputs)
        sample = self.given(tape, batch, self.spec.in_channels, *size)
        context = self.given(tape, batch, inputs.text or DEFAULT_TEXT, self.spec.text_width or self.spec.context)
        self.given_indices(tape, batch)
        modulation, embedded = self.adaln_single(sample)
        if self.caption_projection is not None:
            context = self.caption_projection(context)
        x = self.transformer_blocks.run(self.pos_embed(sample), context, modulation, checkpointed=self.options.checkpointed)
        width = self.spec.width
        both = op.add(self.scale_shift_table.view(1, 2, width), embedded.view(batch, 1, width))
        shift, scale = op.split(both, (1, 1), axis=1)
        del both
        x = self.norm_out(x)
        x = modulated(x, shift, scale)
        x = self.proj_out(x)
        x = op.contiguous(x)
        return x.view(batch, self.spec.out_channels, *size)

    def target(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the prediction is compared with."""
        return self.given(tape, inputs.batch, self.spec.out_channels, *self.latent_size(inputs))
