"""DiT: a transformer over patches of latents whose norms are modulated by time step and class.

Written as diffusers 0.42.1 computes DiTTransformer2DModel (models/transformers/dit_transformer_2d.py, models/normalization.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.denoiser import LATENT_SCALE, Denoiser
from app.architectures.diffusion_parts import Attention, FeedForward, LatentPatches, Modulation, TimestepEmbedding, modulated
from app.architectures.network import Inputs, Options, block_kinds
from app.tape import operators as op
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor

TIME_CHANNELS = 256  # sines and cosines of a time step


@dataclass(frozen=True, slots=True, kw_only=True)
class DitSpec:
    """Hyper-parameters of a DiT. `latent`: side of the usual latents, for which positions are laid out."""

    heads: int
    head_size: int
    layers: int
    in_channels: int = 4
    out_channels: int = 8
    patch: int = 2
    latent: int = 32
    classes: int = 1000
    attention_bias: bool = True
    activation: str = "gelu_tanh"

    @property
    def width(self) -> int:
        """Channels of the stream."""
        return self.heads * self.head_size


class TimeAndClass(Module):
    """The sum of a time step's and a class's embedding; one more class stands for none."""

    def __init__(self, width: int, classes: int) -> None:
        self.timestep_embedder, self.class_embedder = TimestepEmbedding(TIME_CHANNELS, width), Embedding(classes + 1, width)

    def __call__(self, timestep: Tensor, labels: Tensor, like: Tensor) -> Tensor:
        waves = like.tape.empty((timestep.shape[0], TIME_CHANNELS), like.dtype)
        return op.add(self.timestep_embedder(waves), self.class_embedder(labels))


class Block(Module):
    """Self-attention, then feed-forward, each on the normed and modulated stream, each times a gate."""

    def __init__(self, spec: DitSpec) -> None:
        self.emb = TimeAndClass(spec.width, spec.classes)
        self.modulation = Modulation(spec.width, 6)
        self.norm1, self.norm3 = (LayerNorm(spec.width, affine=False) for _ in range(2))
        self.attn1 = Attention(spec.width, spec.heads, bias=spec.attention_bias)
        self.ff = FeedForward(spec.width, spec.activation)

    def __call__(self, x: Tensor, timestep: Tensor, labels: Tensor) -> Tensor:
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = self.modulation(self.emb(timestep, labels, x))
        normed = modulated(self.norm1(x), shift, scale)
        attended = self.attn1(normed)
        attended = op.multiply(gate, attended)
        x = op.add(attended, x)
        normed = self.norm3(x)
        normed = modulated(normed, shift_mlp, scale_mlp)
        out = self.ff(normed)
        out = op.multiply(gate_mlp, out)
        return op.add(out, x)


class DiffusionTransformer(Denoiser):
    """Latents, time step and class to the predicted noise and variance."""

    family: ClassVar[str] = "diffusion"

    def __init__(self, spec: DitSpec, options: Options) -> None:
        self.spec, self.options, self.latent_multiple = spec, options, spec.patch
        self.default_image = (LATENT_SCALE * spec.latent, LATENT_SCALE * spec.latent)
        width = spec.width
        self.pos_embed = LatentPatches(spec.in_channels, width, spec.patch, spec.latent)
        self.transformer_blocks = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec))
        self.norm_out = LayerNorm(width, affine=False)
        self.proj_out_1, self.proj_out_2 = Linear(width, 2 * width), Linear(width, spec.patch**2 * spec.out_channels)

    def denoise(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The prediction for noisy latents."""
        batch, size = inputs.batch, self.latent_size(inputs)
        sample = self.given(tape, batch, self.spec.in_channels, *size)
        timestep, labels = self.given_indices(tape, batch), self.given_indices(tape, batch)
        x = self.transformer_blocks.run(self.pos_embed(sample), timestep, labels, checkpointed=self.options.checkpointed)
        shift, scale = self._output_modulation(timestep, labels, x)
        x = modulated(self.norm_out(x), shift, scale)
        x = self.proj_out_2(x)
        return op.contiguous(x).view(batch, self.spec.out_channels, *size)

    def _output_modulation(self, timestep: Tensor, labels: Tensor, x: Tensor) -> list[Tensor]:
        """Shift and scale before the last projection, from the first block's embedding."""
        first = self.transformer_blocks.periods[0].blocks[0]
        condition = first.emb(timestep, labels, x)  # type: ignore[attr-defined]
        both = self.proj_out_1(op.activation(condition, "silu"))
        return [part.view(part.shape[0], 1, self.spec.width) for part in op.split(both, (self.spec.width,) * 2)]

    def target(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the prediction is compared with."""
        return self.given(tape, inputs.batch, self.spec.out_channels, *self.latent_size(inputs))
