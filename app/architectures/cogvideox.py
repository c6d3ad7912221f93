"""CogVideoX: a transformer over the patches of video latents and a text in one sequence, each modulated by the time step on its own.

Written as diffusers 0.42.1 computes CogVideoXTransformer3DModel (models/transformers/cogvideox_transformer_3d.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.denoiser import LATENT_SCALE, Denoiser
from app.architectures.diffusion_parts import FeedForward, TimestepEmbedding, modulated
from app.architectures.network import Inputs, Options, block_kinds
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.streams import Pair, run_rows
from app.tape.tensor import Parameter, Tape, Tensor
from app.workloads.fields import invalid_field

FRAMES_PER_LATENT = 4  # after the first frame, which has a latent of its own

Rotation = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class CogVideoXSpec:
    """Hyper-parameters. `rotary`: positions turn queries and keys; otherwise they are added to the sequence. `usual` are the latents of
    the videos it was trained on: frames, height and width.
    """

    heads: int = 30
    head_size: int = 64
    layers: int = 30
    in_channels: int = 16
    out_channels: int = 16
    text_width: int = 4096
    time_width: int = 512
    text_length: int = 226
    patch: int = 2
    attention_bias: bool = True
    affine: bool = True
    activation: str = "gelu_tanh"
    rotary: bool = False
    usual: tuple[int, int, int] = (13, 60, 90)

    @property
    def width(self) -> int:
        """Channels of the stream."""
        return self.heads * self.head_size


class PairNorm(Module):
    """Norm and modulation of both streams, and a gate for each."""

    def __init__(self, spec: CogVideoXSpec) -> None:
        self.linear = Linear(spec.time_width, 6 * spec.width)
        self.norm = LayerNorm(spec.width, affine=spec.affine)

    def __call__(self, x: Tensor, text: Tensor, time: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        batch, width = x.shape[0], x.shape[2]
        parts = op.split(self.linear(op.activation(time, "silu")), (width,) * 6, axis=1)
        shift, scale, gate, text_shift, text_scale, text_gate = (part.view(batch, 1, width) for part in parts)
        x = modulated(self.norm(x), shift, scale)
        text = modulated(self.norm(text), text_shift, text_scale)
        return x, text, gate, text_gate


class JointAttention(Module):
    """Attention of text and video to both; positions turn the video's queries and keys in place."""

    def __init__(self, spec: CogVideoXSpec) -> None:
        self.heads = spec.heads
        self.to_q, self.to_k, self.to_v = (Linear(spec.width, spec.width, bias=spec.attention_bias) for _ in range(3))
        self.norm_q, self.norm_k = LayerNorm(spec.head_size), LayerNorm(spec.head_size)
        self.to_out = Linear(spec.width, spec.width)

    def __call__(self, x: Tensor, text: Tensor, rotation: Rotation | None) -> list[Tensor]:
        lengths = (text.shape[1], x.shape[1])
        x = op.concatenate([text, x], axis=1)
        query, key, value = self.to_q(x), self.to_k(x), self.to_v(x)
        query, key, value = self._heads(query), self._heads(key), self._heads(value)
        query = self.norm_q(query)
        key = self.norm_k(key)
        if rotation is not None:
            query = _turned(query, rotation)
            key = _turned(key, rotation)
        x = op.scaled_dot_product_attention(query, key, value, causal=False)
        x = op.copied(x) if x.dtype.half else x  # flash attention lays it out head by head, as the norms left the queries
        x = x.view(x.shape[0], sum(lengths), -1)
        x = self.to_out(x)
        return op.split(x, lengths, axis=1)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


def _turned(x: Tensor, rotation: Rotation) -> Tensor:
    """The video's part of queries or keys, turned and written back."""
    batch, heads, _, size = x.shape
    video = op.part(x, batch, heads, rotation[0].shape[2], size)
    return op.overwritten(x, op.paired_rotary_embedding(video, *rotation))


class Block(Module):
    """Attention and feed-forward layers over both streams together, each stream normed, modulated and gated."""

    def __init__(self, spec: CogVideoXSpec) -> None:
        self.norm1, self.attn1 = PairNorm(spec), JointAttention(spec)
        self.norm2, self.ff = PairNorm(spec), FeedForward(spec.width, spec.activation)

    def __call__(self, x: Tensor, text: Tensor, time: Tensor, rotation: Rotation | None) -> Pair:
        lengths = (text.shape[1], x.shape[1])
        normed, normed_text, gate, text_gate = self.norm1(x, text, time)
        attended_text, attended = self.attn1(normed, normed_text, rotation)
        x = op.add(x, op.multiply(gate, attended))
        text = op.add(text, op.multiply(text_gate, attended_text))
        normed, normed_text, gate, text_gate = self.norm2(x, text, time)
        normed = op.concatenate([normed_text, normed], axis=1)
        out = self.ff(normed)
        batch, width = x.shape[0], x.shape[2]
        x = op.add(x, op.multiply(gate, op.part(out, batch, lengths[1], width)))
        text = op.add(text, op.multiply(text_gate, op.part(out, batch, lengths[0], width)))
        return x, text


class CogVideoX(Denoiser):
    """Video latents, time step and text to the predicted noise."""

    family: ClassVar[str] = "diffusion"

    def __init__(self, spec: CogVideoXSpec, options: Options) -> None:
        self.spec, self.options, self.latent_multiple = spec, options, spec.patch
        self.default_image = (LATENT_SCALE * spec.usual[1], LATENT_SCALE * spec.usual[2])
        width = spec.width
        self.proj = Conv2d(spec.in_channels, width, spec.patch, Window(stride=spec.patch))
        self.text_proj = Linear(spec.text_width, width)
        positions = spec.text_length + spec.usual[0] * (spec.usual[1] // spec.patch) * (spec.usual[2] // spec.patch)
        self.pos_embedding = None if spec.rotary else Parameter(1, positions, width, buffer=True)
        self.time_embedding = TimestepEmbedding(width, spec.time_width)
        self.transformer_blocks = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec))
        self.norm_final = LayerNorm(width, affine=spec.affine)
        self.norm_out, self.norm_out_linear = LayerNorm(width, affine=spec.affine), Linear(spec.time_width, 2 * width)
        self.proj_out = Linear(width, spec.patch**2 * spec.out_channels)

    def denoise(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The prediction for noisy video latents."""
        batch, (frames, *sides) = inputs.batch, self._latents(inputs)
        sample = self.given(tape, batch, frames, self.spec.in_channels, *sides)
        text = self.given(tape, batch, inputs.text or self.spec.text_length, self.spec.text_width)
        self.given_indices(tape, batch)
        rotation = self._rotation(tape, frames, sides)
        time = self.time_embedding(tape.empty((batch, self.spec.width), self.proj.weight.dtype))
        x = self._streams(sample, text, time, rotation)
        x = self.norm_final(x)
        parts = op.split(self.norm_out_linear(op.activation(time, "silu")), (self.spec.width,) * 2, axis=1)
        shift, scale = (part.view(batch, 1, self.spec.width) for part in parts)
        x = modulated(self.norm_out(x), shift, scale)
        x = self.proj_out(x)
        return op.contiguous(x).view(batch, frames, self.spec.out_channels, *sides)

    def _streams(self, sample: Tensor, text: Tensor, time: Tensor, rotation: Rotation | None) -> Tensor:
        """The video's stream after all blocks."""
        joined, width = self._joined(sample, text), self.spec.width
        batch, length, _ = joined.shape
        streams = [op.part(joined, batch, text.shape[1], width), op.part(joined, batch, length - text.shape[1], width)]
        del joined
        rows = [self.transformer_blocks]
        x, _ = run_rows(rows, streams.pop(), streams.pop(), time, rotation, checkpointed=self.options.checkpointed)
        return x

    def _joined(self, sample: Tensor, text: Tensor) -> Tensor:
        """The text and the patches of all frames in one sequence, with positions added where they are not turned in."""
        batch, frames, *shape = sample.shape
        text = self.text_proj(text)
        patches = self.proj(sample.view(batch * frames, *shape))
        patches = patches.flatten(2).transpose(1, 2).view(batch, -1, self.spec.width)
        x = op.concatenate([text, patches], axis=1)
        del text, patches
        if self.pos_embedding is None:
            return x
        positions: Tensor = self.pos_embedding
        if positions.shape[1] != x.shape[1]:
            positions = x.tape.empty((1, *x.shape[1:]), positions.dtype)
        return op.add(x, op.cast(positions, x.dtype))

    def _rotation(self, tape: Tape, frames: int, sides: list[int]) -> Rotation | None:
        """Cosines and sines of all patches."""
        if not self.spec.rotary:
            return None
        length = frames * (sides[0] // self.spec.patch) * (sides[1] // self.spec.patch)
        shape = (1, 1, length, self.spec.head_size)
        return tape.empty(shape, FP32), tape.empty(shape, FP32)

    def _latents(self, inputs: Inputs) -> tuple[int, int, int]:
        """Frames, height and width of the latents."""
        usual = FRAMES_PER_LATENT * (self.spec.usual[0] - 1) + 1
        frames = (inputs.frames or usual) - 1
        if frames < 0:
            raise invalid_field("frames", "must be at least 1")
        return frames // FRAMES_PER_LATENT + 1, *self.latent_size(inputs)

    def target(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the prediction is compared with."""
        frames, *sides = self._latents(inputs)
        return self.given(tape, inputs.batch, frames, self.spec.out_channels, *sides)
