"""Image encoders of transformers: patches through transformer blocks that norm the stream before each part.

Written as transformers 5.23 computes them (modeling_vit.py, modeling_dinov2.py, modeling_clip.py, modeling_siglip.py).
"""

from dataclasses import dataclass

from app.architectures.activations import activate
from app.architectures.attention import IN_FP32, Attend, Attended
from app.architectures.image_classifier import RGB
from app.architectures.network import Options, block_kinds, indices
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.operators import EagerStyle, Window
from app.tape.tensor import Parameter, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderBlockSpec:
    """Sizes of the blocks. `factors`: each part is multiplied by a learned factor per channel; `gate`: a gated feed-forward part."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    activation: str = "gelu"
    dropout: float = 0.0
    attention_dropout: float = 0.0
    qkv_bias: bool = True
    factors: bool = False
    gate: bool = False
    style: EagerStyle = IN_FP32


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSpec:
    """How an image becomes a stream. `class_token` and `mask_token` are learned, and so are the `distilled` token beside the class token
    and the `registers` behind it, which have no positions; `table`: positions are looked up rather than added whole; `first_norm`: the
    stream is normed before the first block, and patches have no bias; `any_size`: positions are resampled for images of other sizes,
    which are refused elsewhere.
    """

    image: int
    patch: int
    channels: int = RGB
    class_token: bool = True
    distilled: bool = False
    registers: int = 0
    mask_token: bool = False
    table: bool = False
    first_norm: bool = False
    any_size: bool = False

    @property
    def tokens(self) -> int:
        """Positions: the length of the stream without registers."""
        return (self.image // self.patch) ** 2 + self.class_token + self.distilled


class Attention(Module):
    """Multi-head self-attention; causal for texts."""

    def __init__(self, spec: EncoderBlockSpec, options: Options, *, causal: bool) -> None:
        self.size = spec.hidden // spec.heads
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, causal=causal, style=spec.style)
        self.q_proj = Linear(spec.hidden, spec.hidden, bias=spec.qkv_bias)
        self.k_proj = Linear(spec.hidden, spec.hidden, bias=spec.qkv_bias)
        self.v_proj = Linear(spec.hidden, spec.hidden, bias=spec.qkv_bias)
        self.out_proj = Linear(spec.hidden, spec.hidden)

    def __call__(self, x: Tensor, mask: Tensor | None) -> Attended:
        batch, length, hidden = x.shape
        query, key, value = (self._heads(projected) for projected in (self.q_proj(x), self.k_proj(x), self.v_proj(x)))
        out, weights = self.attend(query, key, value, mask)
        return self.out_proj(out.view(batch, length, hidden)), weights

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], x.shape[2] // self.size, self.size).transpose(1, 2)


class FeedForward(Module):
    """Two projections with an activation between them."""

    def __init__(self, spec: EncoderBlockSpec) -> None:
        self.activation = spec.activation
        self.fc1 = Linear(spec.hidden, spec.feed_forward)
        self.fc2 = Linear(spec.feed_forward, spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        x = activate(x, self.activation)
        return self.fc2(x)


class GatedFeedForward(Module):
    """Gate, up and down projections, with biases."""

    def __init__(self, spec: EncoderBlockSpec) -> None:
        self.activation = spec.activation
        self.gate_proj = Linear(spec.hidden, spec.feed_forward)
        self.up_proj = Linear(spec.hidden, spec.feed_forward)
        self.down_proj = Linear(spec.feed_forward, spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        return self.down_proj(op.multiply(activate(self.gate_proj(x), self.activation), self.up_proj(x)))


class Block(Module):
    """Attention, then feed-forward, each on the normed stream and added to it."""

    def __init__(self, spec: EncoderBlockSpec, options: Options, *, causal: bool) -> None:
        self.dropout = spec.dropout
        self.norm1, self.norm2 = LayerNorm(spec.hidden), LayerNorm(spec.hidden)
        self.attention = Attention(spec, options, causal=causal)
        self.mlp = GatedFeedForward(spec) if spec.gate else FeedForward(spec)
        self.factor1 = Parameter(spec.hidden) if spec.factors else None
        self.factor2 = Parameter(spec.hidden) if spec.factors else None

    def __call__(self, x: Tensor, mask: Tensor | None) -> Tensor:
        residual = x
        x = self.norm1(x)
        x, _ = self.attention(x, mask)  # whose second part lives as long as this call
        x = self._damped(x, self.factor1)
        x = op.add(x, residual)
        residual = x
        x = self.norm2(x)
        x = self.mlp(x)
        x = self._damped(x, self.factor2)
        return op.add(x, residual)

    def _damped(self, x: Tensor, factor: Parameter | None) -> Tensor:
        return op.dropout(x if factor is None else op.multiply(x, factor), self.dropout)


class EncoderBlocks(Module):
    """A row of equal blocks."""

    def __init__(self, spec: EncoderBlockSpec, options: Options, *, causal: bool = False) -> None:
        self.options = options
        self.layers = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec, options, causal=causal))

    def __call__(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.layers(x, mask, checkpointed=self.options.checkpointed)


class Patches(Module):
    """Images [batch, channels, height, width] cut into patches, projected, with a class token and positions."""

    def __init__(self, spec: PatchSpec, hidden: int, dropout: float) -> None:
        self.spec, self.dropout = spec, dropout
        self.class_embedding = Parameter(hidden) if spec.class_token else None
        self.distillation_token = Parameter(hidden) if spec.distilled else None
        self.register_tokens = Parameter(1, spec.registers, hidden) if spec.registers else None
        self.mask_token = Parameter(hidden) if spec.mask_token else None
        self.patch_embedding = Conv2d(spec.channels, hidden, spec.patch, Window(stride=spec.patch), bias=not spec.first_norm)
        self.position_embedding = Embedding(spec.tokens, hidden)
        self.pre_layrnorm = LayerNorm(hidden) if spec.first_norm else None

    def __call__(self, images: Tensor) -> Tensor:
        x = self.patch_embedding(images).flatten(2).transpose(1, 2)
        tokens = [token for token in (self.class_embedding, self.distillation_token) if token is not None]
        if tokens:
            x = op.promoted_concatenation([*(op.expand(t.view(1, 1, -1), x.shape[0], 1, x.shape[2]) for t in tokens), x], axis=1)
        x = op.add(x, self._positions(x))
        x = _with_registers(x, self.register_tokens) if self.register_tokens is not None else x
        x = op.dropout(x, self.dropout)
        return self.pre_layrnorm(x) if self.pre_layrnorm is not None else x

    def _positions(self, x: Tensor) -> Tensor:
        _, length, hidden = x.shape
        if self.spec.table:
            return self.position_embedding(indices(x.tape, 1, length))
        known = self.position_embedding.weight.view(1, self.spec.tokens, hidden)
        return known if length == self.spec.tokens else op.resampled(known, 1, length, hidden)


def _with_registers(x: Tensor, registers: Parameter) -> Tensor:
    """Registers put behind the class token."""
    batch, length, hidden = x.shape
    first, patches = op.part(x, batch, 1, hidden), op.part(x, batch, length - 1, hidden)
    return op.promoted_concatenation([first, op.expand(registers, batch, *registers.shape[1:]), patches], axis=1)


class ImageEncoder(Module):
    """Images to the hidden states of their patches, [batch, tokens, hidden]; normed at the end where there is a last norm."""

    def __init__(self, patches: PatchSpec, spec: EncoderBlockSpec, options: Options, *, last_norm: bool) -> None:
        self.patches, self.spec = patches, spec
        self.embeddings = Patches(patches, spec.hidden, spec.dropout)
        self.encoder = EncoderBlocks(spec, options)
        self.layernorm = LayerNorm(spec.hidden) if last_norm else None

    def __call__(self, images: Tensor) -> Tensor:
        embedded = self.embeddings(images)
        x = self.encoder(embedded)
        return self.layernorm(x) if self.layernorm is not None else x
