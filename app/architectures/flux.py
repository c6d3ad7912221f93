"""FLUX.1: image and text tokens in blocks of two streams that attend together, then in blocks of one joined stream.

Written as diffusers 0.42.1 computes FluxTransformer2DModel (models/transformers/transformer_flux.py, models/normalization.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.denoiser import Denoiser
from app.architectures.diffusion_parts import FeedForward, Modulation, TimestepEmbedding, modulated
from app.architectures.half_range import within_half_range
from app.architectures.network import Inputs, Options, block_kinds
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.streams import Pair, run_rows
from app.tape.tensor import Parameter, Tape, Tensor

TIME_CHANNELS = 256  # sines and cosines of a time step
DEFAULT_TEXT = 512  # tokens of the T5 encoder
LATENTS_PER_TOKEN = 2  # along each side
POSITION_AXES = 3

Rotation = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class FluxSpec:
    """Hyper-parameters of FLUX.1: blocks of two streams, blocks of one, and the widths of what it is conditioned on."""

    heads: int = 24
    head_size: int = 128
    double_layers: int = 19
    single_layers: int = 38
    in_channels: int = 64
    out_channels: int = 64
    text_width: int = 4096
    pooled_width: int = 768
    guided: bool = False

    @property
    def width(self) -> int:
        """Channels of the stream."""
        return self.heads * self.head_size


class HeadNorm(Module):
    """RMS norm of each head, in fp32 and cast back; autocast leaves the result in fp32."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        return op.native_rms_norm(x, self.weight)


class Projections(Module):
    """Queries, keys and values of one stream, [batch, length, heads, size], the first two normed."""

    def __init__(self, spec: FluxSpec) -> None:
        self.heads = spec.heads
        self.to_q, self.to_k, self.to_v = (Linear(spec.width, spec.width) for _ in range(3))
        self.norm_q, self.norm_k = HeadNorm(spec.head_size), HeadNorm(spec.head_size)

    def projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Before the norms, split into heads."""
        query, key, value = self.to_q(x), self.to_k(x), self.to_v(x)
        return self._heads(query), self._heads(key), self._heads(value)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1)


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    out = op.scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), causal=False)
    return op.cast(out.view(*query.shape[:2], -1), query.dtype)


class JointAttention(Module):
    """Attention of both streams to both, text first."""

    def __init__(self, spec: FluxSpec) -> None:
        self.image, self.text = Projections(spec), Projections(spec)
        self.to_out, self.to_add_out = Linear(spec.width, spec.width), Linear(spec.width, spec.width)

    def __call__(self, x: Tensor, context: Tensor, rotation: Rotation) -> Pair:
        query, key, value = self.image.projected(x)
        text_query, text_key, text_value = self.text.projected(context)
        query = self.image.norm_q(query)
        key = self.image.norm_k(key)
        text_query = self.text.norm_q(text_query)
        text_key = self.text.norm_k(text_key)
        query = op.concatenate([text_query, query], axis=1)
        key = op.concatenate([text_key, key], axis=1)
        value = op.concatenate([text_value, value], axis=1)
        query = op.paired_rotary_embedding(query, *rotation)
        key = op.paired_rotary_embedding(key, *rotation)
        out = _attend(query, key, value)
        text, image = op.split(out, (context.shape[1], x.shape[1]), axis=1)
        image_out = self.to_out(_contiguous(image))
        return image_out, self.to_add_out(_contiguous(text))


def _contiguous(x: Tensor) -> Tensor:
    """A part of each sequence as a tensor of its own; with one sequence it is one already."""
    return x if x.shape[0] == 1 else op.copied(x)


class DoubleBlock(Module):
    """Joint attention, then feed-forward layers of each stream, modulated and gated."""

    def __init__(self, spec: FluxSpec) -> None:
        width = spec.width
        self.norm1, self.norm1_context = Modulation(width, 6), Modulation(width, 6)
        self.attn = JointAttention(spec)
        self.norm = LayerNorm(width, affine=False)
        self.ff, self.ff_context = FeedForward(width, "gelu_tanh"), FeedForward(width, "gelu_tanh")

    def __call__(self, x: Tensor, context: Tensor, condition: Tensor, rotation: Rotation) -> Pair:
        normed, gate, *mlp = self._modulated(self.norm1, x, condition)
        normed_context, context_gate, *context_mlp = self._modulated(self.norm1_context, context, condition)
        outputs = self.attn(normed, normed_context, rotation)
        attended, attended_context = outputs
        attended = op.multiply(gate, attended)
        x = op.add(x, attended)
        normed = self.norm(x)
        normed = modulated(normed, mlp[0], mlp[1])
        out = self.ff(normed)
        out = op.multiply(mlp[2], out)
        x = op.add(x, out)
        attended_context = op.multiply(context_gate, attended_context)
        context = op.add(context, attended_context)
        normed_context = self.norm(context)
        normed_context = modulated(normed_context, context_mlp[0], context_mlp[1])
        out_context = self.ff_context(normed_context)
        context = op.add(context, op.multiply(context_mlp[2], out_context))
        return x, within_half_range(context)

    def _modulated(self, modulation: Modulation, x: Tensor, condition: Tensor) -> list[Tensor]:
        """The normed and modulated stream, the gate of attention; shift, scale and gate of the feed-forward layers."""
        shift, scale, *others = modulation(condition)
        return [modulated(self.norm(x), shift, scale), *others]


class SingleBlock(Module):
    """Attention and feed-forward layers side by side on the joined streams, text first."""

    def __init__(self, spec: FluxSpec) -> None:
        width = spec.width
        self.norm, self.modulation = LayerNorm(width, affine=False), Modulation(width, 3)
        self.proj_mlp, self.proj_out = Linear(width, 4 * width), Linear(5 * width, width)
        self.attn = Projections(spec)

    def __call__(self, x: Tensor, context: Tensor, condition: Tensor, rotation: Rotation) -> Pair:
        lengths = (context.shape[1], x.shape[1])
        x = op.concatenate([context, x], axis=1)
        residual = x
        normed, gate = self._modulated(x, condition)
        inner = op.activation(self.proj_mlp(normed), "gelu_tanh")
        attended = self._attend(normed, rotation)
        x = op.promoted_concatenation([attended, inner], axis=2)
        x = op.multiply(gate, self.proj_out(x))
        x = op.add(residual, x)
        x = within_half_range(x)
        text, image = (op.part(x, x.shape[0], length, x.shape[2]) for length in lengths)
        return image, text

    def _modulated(self, x: Tensor, condition: Tensor) -> Pair:
        shift, scale, gate = self.modulation(condition)
        return modulated(self.norm(x), shift, scale), gate

    def _attend(self, x: Tensor, rotation: Rotation) -> Tensor:
        query, key, value = self.attn.projected(x)
        query = self.attn.norm_q(query)
        key = self.attn.norm_k(key)
        query = op.paired_rotary_embedding(query, *rotation)
        key = op.paired_rotary_embedding(key, *rotation)
        return _attend(query, key, value)


class Flux(Denoiser):
    """Packed latents, text and time step to the predicted velocity of every token."""

    family: ClassVar[str] = "diffusion"
    default_image = (1024, 1024)
    latent_multiple = LATENTS_PER_TOKEN

    def __init__(self, spec: FluxSpec, options: Options) -> None:
        self.spec, self.options, width = spec, options, spec.width
        self.timestep_embedder = TimestepEmbedding(TIME_CHANNELS, width)
        self.guidance_embedder = TimestepEmbedding(TIME_CHANNELS, width) if spec.guided else None
        self.text_embedder = TimestepEmbedding(spec.pooled_width, width)
        self.context_embedder, self.x_embedder = Linear(spec.text_width, width), Linear(spec.in_channels, width)
        self.transformer_blocks = Blocks(block_kinds(spec.double_layers, options), lambda _: DoubleBlock(spec))
        self.single_transformer_blocks = Blocks([None] * spec.single_layers, lambda _: SingleBlock(spec))
        self.norm_out, self.modulation_out = LayerNorm(width, affine=False), Modulation(width, 2)
        self.proj_out = Linear(width, spec.out_channels)

    def denoise(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The prediction for every token of the packed latents."""
        batch, length, text_length = inputs.batch, self._tokens(inputs), inputs.text or DEFAULT_TEXT
        tokens = self.given(tape, batch, length, self.spec.in_channels)
        text = self.given(tape, batch, text_length, self.spec.text_width)
        condition = self._condition(tape, batch)
        rotation = self._rotation(tape, text_length + length)
        rows = (self.transformer_blocks, self.single_transformer_blocks)
        checkpointed = self.options.checkpointed
        x, _context = run_rows(rows, self.x_embedder(tokens), self.context_embedder(text), condition, rotation, checkpointed=checkpointed)
        scale, shift = self.modulation_out(condition)
        x = modulated(self.norm_out(x), shift, scale)
        return self.proj_out(x)

    def _condition(self, tape: Tape, batch: int) -> Tensor:
        """The sum of the embeddings of time step, guidance and pooled text."""
        dtype = self.x_embedder.weight.dtype
        pooled = self.given(tape, batch, self.spec.pooled_width)
        condition = self.timestep_embedder(self._waves(tape, batch))
        if self.guidance_embedder is not None:
            condition = op.add(condition, self.guidance_embedder(self._waves(tape, batch)))
        return op.cast(op.add(condition, self.text_embedder(pooled)), dtype if tape.autocast is None else condition.dtype)

    def _waves(self, tape: Tape, batch: int) -> Tensor:
        """Sines and cosines of a number that is given for each sample."""
        self.given(tape, batch)
        return tape.empty((batch, TIME_CHANNELS), self.x_embedder.weight.dtype)

    def _rotation(self, tape: Tape, length: int) -> Rotation:
        """Cosines and sines of all positions, one row for all sequences and heads, in fp32; ids of positions are given."""
        self.given(tape, length, POSITION_AXES)
        shape = (1, length, 1, self.spec.head_size)
        return tape.empty(shape, FP32), tape.empty(shape, FP32)

    def _tokens(self, inputs: Inputs) -> int:
        height, width = self.latent_size(inputs)
        return height * width // LATENTS_PER_TOKEN**2

    def target(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the prediction is compared with."""
        return self.given(tape, inputs.batch, self._tokens(inputs), self.spec.out_channels)
