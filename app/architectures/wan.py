"""Wan 2.1: a transformer over patches of video latents, with attention to a text and norms modulated by the time step, in fp32.

Written as diffusers 0.42.1 computes WanTransformer3DModel (models/transformers/transformer_wan.py).
"""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from app.architectures.denoiser import Denoiser
from app.architectures.diffusion_parts import FeedForward, TimestepEmbedding, modulated
from app.architectures.network import Inputs, Options, block_kinds
from app.tape import operators as op
from app.tape.convolutions import Conv3d
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tape, Tensor

DEFAULT_TEXT = 512  # tokens of the UMT5 encoder
DEFAULT_FRAMES = 81
FRAMES_PER_LATENT = 4  # after the first frame, which has a latent of its own

Rotation = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class WanSpec:
    """Hyper-parameters. `patch` and the grid of positions are (frames, height, width) and one length for all three."""

    heads: int = 40
    head_size: int = 128
    layers: int = 40
    feed_forward: int = 13_824
    in_channels: int = 16
    out_channels: int = 16
    text_width: int = 4096
    time_channels: int = 256
    patch: tuple[int, int, int] = (1, 2, 2)
    cross_norm: bool = True
    positions: int = 1024

    @property
    def width(self) -> int:
        """Channels of the stream."""
        return self.heads * self.head_size


class WideNorm(Module):
    """RMS norm over all heads at once, in fp32 and cast back; autocast leaves the result in fp32."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        return op.native_rms_norm(x, self.weight)


class Attention(Module):
    """Attention of the video to itself, with rotary positions, or to the text."""

    def __init__(self, spec: WanSpec) -> None:
        self.heads = spec.heads
        self.to_q, self.to_k, self.to_v, self.to_out = (Linear(spec.width, spec.width) for _ in range(4))
        self.norm_q, self.norm_k = WideNorm(spec.width), WideNorm(spec.width)

    def __call__(self, x: Tensor, context: Tensor | None, rotation: Rotation | None) -> Tensor:
        source = x if context is None else context
        query, key, value = self.to_q(x), self.to_k(source), self.to_v(source)
        query = self.norm_q(query)
        key = self.norm_k(key)
        query, key, value = (part.view(*part.shape[:2], self.heads, -1) for part in (query, key, value))
        if rotation is not None:
            query = op.strided_rotary_embedding(query, *rotation)
            key = op.strided_rotary_embedding(key, *rotation)
        out = op.scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), causal=False)
        out = op.cast(out.view(*x.shape), query.dtype)
        return self.to_out(out)


class Block(Module):
    """Self-attention, attention to the text, feed-forward layers; the first and the last modulated and gated in fp32."""

    def __init__(self, spec: WanSpec) -> None:
        width = spec.width
        self.norm, self.norm2 = LayerNorm(width, affine=False), LayerNorm(width) if spec.cross_norm else None
        self.attn1, self.attn2 = Attention(spec), Attention(spec)
        self.ffn = FeedForward(width, "gelu_tanh", spec.feed_forward)
        self.scale_shift_table = Parameter(1, 6, width)

    def __call__(self, x: Tensor, context: Tensor, condition: Tensor, rotation: Rotation) -> Tensor:
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = self._vectors(condition)
        normed = self._modulated(x, shift, scale)
        attended = self.attn1(normed, None, rotation)
        x = op.cast(op.add(op.cast(x, FP32), op.multiply(attended, gate)), x.dtype)
        normed = op.cast(self._normed(op.cast(x, FP32)), x.dtype)
        attended = self.attn2(normed, context, None)
        x = op.add(x, attended)
        normed = self._modulated(x, shift_mlp, scale_mlp)
        out = self.ffn(normed)
        return op.cast(op.add(op.cast(x, FP32), op.multiply(op.cast(out, FP32), gate_mlp)), x.dtype)

    def _vectors(self, condition: Tensor) -> list[Tensor]:
        """Shifts, scales and gates of this block, [batch, 1, channels], in fp32."""
        vectors = op.add(self.scale_shift_table, op.cast(condition, FP32))
        return op.split(vectors, (1,) * 6, axis=1)

    def _modulated(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return op.cast(modulated(self.norm(op.cast(x, FP32)), shift, scale), x.dtype)

    def _normed(self, x: Tensor) -> Tensor:
        if self.norm2 is None or self.norm2.weight is None or self.norm2.bias is None:
            return x
        return op.layer_norm(x, self.norm2.weight, self.norm2.bias)


class Wan(Denoiser):
    """Video latents, text and time step to the predicted velocity."""

    family: ClassVar[str] = "diffusion"
    default_image = (480, 832)

    def __init__(self, spec: WanSpec, options: Options) -> None:
        self.spec, self.options, width = spec, options, spec.width
        self.latent_multiple = max(spec.patch[1:])
        self.freqs_cos, self.freqs_sin = (Parameter(spec.positions, spec.head_size, buffer=True) for _ in range(2))
        self.patch_embedding = Conv3d(spec.in_channels, width, spec.patch, Window(stride=spec.patch))
        self.time_embedder, self.time_proj = TimestepEmbedding(spec.time_channels, width), Linear(width, 6 * width)
        self.text_in, self.text_out = Linear(spec.text_width, width), Linear(width, width)
        self.blocks = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec))
        self.norm_out, self.proj_out = LayerNorm(width, affine=False), Linear(width, spec.out_channels * prod(spec.patch))
        self.scale_shift_table = Parameter(1, 2, width)

    def denoise(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The prediction for noisy video latents."""
        batch, size = inputs.batch, self._latents(inputs)
        sample = self.given(tape, batch, self.spec.in_channels, *size)
        text = self.given(tape, batch, inputs.text or DEFAULT_TEXT, self.spec.text_width)
        rotation = self._rotation(tape, size)
        time, condition = self._time(tape, batch)
        context = self.text_out(op.activation(self.text_in(text), "gelu_tanh"))
        x = self.blocks.run(self._patches(sample), context, condition, rotation, checkpointed=self.options.checkpointed)
        shift, scale = op.split(op.add(self.scale_shift_table, time.view(batch, 1, self.spec.width)), (1, 1), axis=1)
        x = op.cast(modulated(self.norm_out(op.cast(x, FP32)), shift, scale), x.dtype)
        x = self.proj_out(x)
        return op.contiguous(x).view(batch, self.spec.out_channels, *size)

    def _latents(self, inputs: Inputs) -> tuple[int, int, int]:
        """Frames, height and width of the latents."""
        frames = (inputs.frames or DEFAULT_FRAMES) - 1
        return frames // FRAMES_PER_LATENT + 1, *self.latent_size(inputs)

    def _rotation(self, tape: Tape, size: tuple[int, int, int]) -> Rotation:
        """Cosines and sines of all positions, one row for all sequences and heads."""
        length = prod(side // step for side, step in zip(size, self.spec.patch, strict=True))
        shape, dtype = (1, length, 1, self.spec.head_size), self.freqs_cos.dtype
        return tape.empty(shape, dtype), tape.empty(shape, dtype)

    def _patches(self, sample: Tensor) -> Tensor:
        """[batch, patches, channels], copied row by row."""
        x = self.patch_embedding(sample)
        x = x.flatten(2).transpose(1, 2)
        return op.copied(x)

    def _time(self, tape: Tape, batch: int) -> tuple[Tensor, Tensor]:
        """The embedding of the time step, and six vectors from it for every block."""
        self.given_indices(tape, batch)
        time = self.time_embedder(tape.empty((batch, self.spec.time_channels), self.time_proj.weight.dtype))
        condition = self.time_proj(op.activation(time, "silu"))
        return time, condition.view(batch, 6, self.spec.width)

    def target(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the prediction is compared with."""
        return self.given(tape, inputs.batch, self.spec.out_channels, *self._latents(inputs))
