"""Stable Diffusion 3: image patches and text tokens in blocks of two streams that attend together.

Written as diffusers 0.42.1 computes SD3Transformer2DModel (models/transformers/transformer_sd3.py, models/attention.py,
models/attention_processor.py). Version 3.5 norms queries and keys, and its medium size attends within the image once more.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.denoiser import LATENT_SCALE, Denoiser
from app.architectures.diffusion_parts import FeedForward, Modulation, TimestepEmbedding, linear_of_view, modulated
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.checkpointing import checkpoint
from app.tape.convolutions import Conv2d
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.streams import Pair, run_rows
from app.tape.tensor import Parameter, Tape, Tensor

TIME_CHANNELS = 256  # sines and cosines of a time step
DEFAULT_TEXT = 333  # 77 tokens of CLIP and 256 of T5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sd3Spec:
    """Hyper-parameters. `positions`: side of the largest grid of patches; `dual`: blocks that attend within the image once more."""

    heads: int
    head_size: int
    layers: int
    in_channels: int = 16
    out_channels: int = 16
    patch: int = 2
    text_width: int = 4096
    pooled_width: int = 2048
    positions: int = 192
    head_norms: bool = False
    dual: frozenset[int] = frozenset()
    latent: int = 128

    @property
    def width(self) -> int:
        """Channels of the stream."""
        return self.heads * self.head_size


class HeadNorm(Module):
    """RMS norm of each head whose mean square is taken in fp32."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        return op.rms_norm_of_stream(x, self.weight)


class Projections(Module):
    """Queries, keys and values of one stream, [batch, heads, length, size]; the first two optionally normed."""

    def __init__(self, spec: Sd3Spec) -> None:
        self.heads = spec.heads
        self.to_q, self.to_k, self.to_v = (Linear(spec.width, spec.width) for _ in range(3))
        self.norm_q, self.norm_k = (HeadNorm(spec.head_size) if spec.head_norms else None for _ in range(2))

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = self.to_q(x), self.to_k(x), self.to_v(x)
        query, key, value = (part.view(*part.shape[:2], self.heads, -1).transpose(1, 2) for part in (query, key, value))
        query = self.norm_q(query) if self.norm_q is not None else query
        key = self.norm_k(key) if self.norm_k is not None else key
        return query, key, value


class JointAttention(Module):
    """Attention of both streams to both, image first. The last block projects only the image's result."""

    def __init__(self, spec: Sd3Spec, *, last: bool) -> None:
        self.image, self.text = Projections(spec), Projections(spec)
        self.to_out, self.to_add_out = Linear(spec.width, spec.width), None if last else Linear(spec.width, spec.width)

    def __call__(self, x: Tensor, context: Tensor) -> Pair:
        query, key, value = self.image(x)
        text_query, text_key, text_value = self.text(context)
        query = op.concatenate([query, text_query], axis=2)
        key = op.concatenate([key, text_key], axis=2)
        value = op.concatenate([value, text_value], axis=2)
        out = op.scaled_dot_product_attention(query, key, value, causal=False, heads_first=True)
        out = op.cast(out.view(x.shape[0], -1, x.shape[2]), query.dtype)
        image, text = (op.part(out, *part.shape) for part in (x, context))
        if self.to_add_out is not None:
            text = _projected(self.to_add_out, text)
        return _projected(self.to_out, image), text


def _projected(layer: Linear, x: Tensor) -> Tensor:
    """A linear layer on a part of each sequence, which with one sequence lies in memory as it should."""
    return layer(x) if x.shape[0] == 1 else linear_of_view(layer, x)


class ImageAttention(Module):
    """Attention of the image to itself."""

    def __init__(self, spec: Sd3Spec) -> None:
        self.projections, self.to_out = Projections(spec), Linear(spec.width, spec.width)

    def __call__(self, x: Tensor) -> Tensor:
        query, key, value = self.projections(x)
        out = op.scaled_dot_product_attention(query, key, value, causal=False)
        out = op.cast(out.view(*x.shape), query.dtype)
        return self.to_out(out)


class Block(Module):
    """Joint attention, then feed-forward layers of each stream, modulated and gated; the last block gives up the text."""

    def __init__(self, spec: Sd3Spec, *, dual: bool, last: bool) -> None:
        width = spec.width
        self.norm = LayerNorm(width, affine=False)
        self.norm1, self.norm1_context = Modulation(width, 9 if dual else 6), Modulation(width, 2 if last else 6)
        self.attn, self.attn2 = JointAttention(spec, last=last), ImageAttention(spec) if dual else None
        self.ff, self.ff_context = FeedForward(width, "gelu_tanh"), None if last else FeedForward(width, "gelu_tanh")

    def __call__(self, x: Tensor, context: Tensor, condition: Tensor) -> Pair:
        shift, scale, gate, *others = self.norm1(condition)
        normed = self.norm(x)
        once_more = None
        if self.attn2 is not None:
            once_more = modulated(normed, others[3], others[4])
        normed = modulated(normed, shift, scale)
        context_vectors = self.norm1_context(condition)
        normed_context = modulated(self.norm(context), *context_vectors[:2])
        attended, attended_context = self.attn(normed, normed_context)
        attended = op.multiply(gate, attended)
        x = op.add(x, attended)
        if self.attn2 is not None and once_more is not None:
            attended_again = op.multiply(others[5], self.attn2(once_more))
            x = op.add(x, attended_again)
        normed = self.norm(x)
        normed = modulated(normed, others[0], others[1])
        out = self.ff(normed)
        out = op.multiply(others[2], out)
        x = op.add(x, out)
        if self.ff_context is None:
            return x, context
        return x, self._context(context, attended_context, context_vectors)

    def _context(self, context: Tensor, attended: Tensor, vectors: list[Tensor]) -> Tensor:
        """The text stream after its own feed-forward layers."""
        _, _, gate, shift, scale, gate_mlp = vectors
        attended = op.multiply(gate, attended)
        context = op.add(context, attended)
        normed = self.norm(context)
        normed = modulated(normed, shift, scale)
        out = self.ff_context(normed)  # type: ignore[misc]
        return op.add(context, op.multiply(gate_mlp, out))


class StableDiffusion3(Denoiser):
    """Latents, text and time step to the predicted velocity."""

    family: ClassVar[str] = "diffusion"

    def __init__(self, spec: Sd3Spec, options: Options) -> None:
        self.spec, self.options, self.latent_multiple, width = spec, options, spec.patch, spec.width
        self.default_image = (LATENT_SCALE * spec.latent, LATENT_SCALE * spec.latent)
        self.proj = Conv2d(spec.in_channels, width, spec.patch, Window(stride=spec.patch))
        self.pos_embed = Parameter(1, spec.positions**2, width, buffer=True)
        self.timestep_embedder, self.text_embedder = TimestepEmbedding(TIME_CHANNELS, width), TimestepEmbedding(spec.pooled_width, width)
        self.context_embedder = Linear(spec.text_width, width)
        kinds = [(index in spec.dual, *(index >= bound for bound in options.split_at)) for index in range(spec.layers - 1)]
        self.transformer_blocks = Blocks(kinds, lambda index: Block(spec, dual=index in spec.dual, last=False))
        self.last_block = Block(spec, dual=spec.layers - 1 in spec.dual, last=True)
        self.norm_out, self.modulation_out = LayerNorm(width, affine=False), Modulation(width, 2)
        self.proj_out = Linear(width, spec.patch**2 * spec.out_channels)

    def denoise(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The prediction for noisy latents."""
        batch, size, checkpointed = inputs.batch, self.latent_size(inputs), self.options.checkpointed
        sample = self.given(tape, batch, self.spec.in_channels, *size)
        text = self.given(tape, batch, inputs.text or DEFAULT_TEXT, self.spec.text_width)
        condition = self._condition(tape, batch)
        rows = (self.transformer_blocks,)
        x, context = run_rows(rows, self._patches(sample), self.context_embedder(text), condition, checkpointed=checkpointed)
        x = checkpoint(self._last, x, context, condition) if checkpointed else self._last(x, context, condition)
        scale, shift = self.modulation_out(condition)
        x = modulated(self.norm_out(x), shift, scale)
        x = self.proj_out(x)
        return op.contiguous(x).view(batch, self.spec.out_channels, *size)

    def _last(self, x: Tensor, context: Tensor, condition: Tensor) -> Tensor:
        return self.last_block(x, context, condition)[0]

    def _patches(self, sample: Tensor) -> Tensor:
        """[batch, patches, channels] with the middle of the grid of positions added, copied row by row."""
        x = self.proj(sample)
        x = x.flatten(2).transpose(1, 2)
        positions = x.tape.empty((1, *x.shape[1:]), self.pos_embed.dtype)
        x = op.cast(op.add(x, positions), x.dtype)
        return op.copied(x)

    def _condition(self, tape: Tape, batch: int) -> Tensor:
        """The sum of the embeddings of time step and pooled text."""
        pooled = self.given(tape, batch, self.spec.pooled_width)
        self.given_indices(tape, batch)
        waves = tape.empty((batch, TIME_CHANNELS), pooled.dtype)
        return op.add(self.timestep_embedder(waves), self.text_embedder(pooled))

    def target(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the prediction is compared with."""
        return self.given(tape, inputs.batch, self.spec.out_channels, *self.latent_size(inputs))
