"""BEiT of transformers: a vision transformer whose attention knows how far apart two patches lie.

Written as transformers 5.23 computes it (modeling_beit.py): the table of relative positions is resampled to the image in every layer,
also where it has the right size, and looked up by places that are worked out on the processor.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.attention import Attend, Attended
from app.architectures.batch import held, weight_dtype
from app.architectures.image_classifier import ImageClassifier, drop_path
from app.architectures.image_encoder import EncoderBlockSpec, FeedForward, PatchSpec
from app.architectures.network import Inputs, Options, block_kinds
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.dtypes import INT64
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tape, Tensor
from app.workloads.fields import invalid_field

TOKEN_PAIRS = 3  # rows of the table for the class token with a patch, a patch with it, and it with itself


@dataclass(frozen=True, slots=True, kw_only=True)
class BeitSpec:
    """What BEiT adds to an image encoder. `own_positions`: a table in every layer; `shared_positions`: one for all; `mean`: the mean of
    the patches is classified rather than the class token; without `labels` nothing is.
    """

    patches: PatchSpec
    blocks: EncoderBlockSpec
    absolute_positions: bool = False
    own_positions: bool = False
    shared_positions: bool = False
    drop_path: float = 0.1
    mean: bool = True
    labels: int = 1000


class RelativePositions(Module):
    """A learned summand for each head and each distance between two patches, laid out for all pairs of tokens."""

    def __init__(self, side: int, heads: int) -> None:
        self.heads, self.side = heads, side
        self.relative_position_bias_table = Parameter((2 * side - 1) ** 2 + TOKEN_PAIRS, heads)

    def __call__(self, height: int, width: int) -> Tensor:
        table, heads = self.relative_position_bias_table, self.heads
        rows, wanted = (2 * self.side - 1) ** 2, (2 * height - 1) * (2 * width - 1)
        patches = op.resampled(op.part(table, rows, heads), wanted, heads)
        whole = op.concatenate([op.copied(patches), op.part(table, TOKEN_PAIRS, heads)], axis=0)
        del patches
        tokens = height * width + 1
        places = Tensor(table.tape, (tokens, tokens), INT64, None)
        found = op.embedding(places, whole)
        return op.copied(found).view(1, heads, tokens, tokens)


class Attention(Module):
    """Multi-head self-attention whose keys have no bias."""

    def __init__(self, spec: EncoderBlockSpec, options: Options) -> None:
        self.size = spec.hidden // spec.heads
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, causal=False, style=spec.style)
        self.q_proj, self.k_proj = Linear(spec.hidden, spec.hidden), Linear(spec.hidden, spec.hidden, bias=False)
        self.v_proj, self.o_proj = Linear(spec.hidden, spec.hidden), Linear(spec.hidden, spec.hidden)

    def __call__(self, x: Tensor, positions: Tensor | None) -> Attended:
        query, key, value = (self._heads(projected) for projected in (self.q_proj(x), self.k_proj(x), self.v_proj(x)))
        out, weights = self.attend(query, key, value, positions)
        return self.o_proj(out.view(*x.shape)), weights

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], x.shape[2] // self.size, self.size).transpose(1, 2)


class Block(Module):
    """Attention, then feed-forward, each on the normed stream, times learned factors, and added to it."""

    def __init__(self, spec: BeitSpec, options: Options, *, drops: bool) -> None:
        self.spec, self.drops, blocks = spec, drops, spec.blocks
        self.attention, self.mlp = Attention(blocks, options), FeedForward(blocks)
        self.layernorm_before, self.layernorm_after = LayerNorm(blocks.hidden), LayerNorm(blocks.hidden)
        self.lambda_1 = Parameter(blocks.hidden) if blocks.factors else None
        self.lambda_2 = Parameter(blocks.hidden) if blocks.factors else None
        side = spec.patches.image // spec.patches.patch
        self.relative_position_bias = RelativePositions(side, blocks.heads) if spec.own_positions else None

    def __call__(self, x: Tensor, shared: Tensor | None, height: int, width: int) -> Tensor:
        own = self.relative_position_bias(height, width) if self.relative_position_bias is not None else None
        positions = shared if own is None else own if shared is None else op.add(own, shared)
        residual = x
        x = self.layernorm_before(x)
        x, _ = self.attention(x, positions)  # whose second part lives as long as this call
        x = self._damped(x, self.lambda_1)
        x = op.add(x, residual)
        residual = x
        x = self.layernorm_after(x)
        x = self.mlp(x)
        x = self._damped(x, self.lambda_2)
        return op.add(x, residual)

    def _damped(self, x: Tensor, factor: Parameter | None) -> Tensor:
        x = op.dropout(x, self.spec.blocks.dropout)
        x = op.scaled(x) if factor is None else op.multiply(factor, x)  # without factors a product with 1
        return drop_path(x, drops=self.drops)


class Beit(ImageClassifier):
    """Patches and a class token through the blocks; the mean of the patches or the class token is classified."""

    family: ClassVar[str] = "vision"

    def __init__(self, spec: BeitSpec, options: Options) -> None:
        patches, blocks = spec.patches, spec.blocks
        self.spec, self.options, self.channels = spec, options, patches.channels
        self.default_image = (patches.image, patches.image)
        self.class_token = Parameter(1, 1, blocks.hidden)
        self.mask_token = Parameter(1, 1, blocks.hidden) if patches.mask_token else None
        self.projection = Conv2d(patches.channels, blocks.hidden, patches.patch, Window(stride=patches.patch))
        self.position_embeddings = Parameter(1, patches.tokens, blocks.hidden) if spec.absolute_positions else None
        self.shared_position_bias = RelativePositions(patches.image // patches.patch, blocks.heads) if spec.shared_positions else None
        kinds = block_kinds(blocks.layers, options, kind=lambda layer: layer > 0)
        self.layers = Blocks(kinds, lambda layer: Block(spec, options, drops=layer > 0 and spec.drop_path > 0))
        self.layernorm = LayerNorm(blocks.hidden)
        self.classifier = Linear(blocks.hidden, spec.labels) if spec.labels else None

    def logits(self, x: Tensor) -> Tensor:
        """Class scores, or what would be classified where there is no classifier."""
        height, width = (side // self.spec.patches.patch for side in x.shape[2:])
        embedded = self._embedded(x)
        shared = self.shared_position_bias(height, width) if self.shared_position_bias is not None else None
        x = self.layers(embedded, shared, height, width, checkpointed=self.options.checkpointed)
        pooled = self._pooled(x)
        return pooled if self.classifier is None else self.classifier(pooled)

    def _embedded(self, x: Tensor) -> Tensor:
        x = self.projection(x).flatten(2).transpose(1, 2)
        token = op.expand(self.class_token, x.shape[0], 1, x.shape[2])
        x = op.promoted_concatenation([token, x], axis=1)
        if self.position_embeddings is not None:
            positions: Tensor = self.position_embeddings
            known = positions.shape[1] == x.shape[1]
            x = op.add(x, positions if known else op.resampled(positions, 1, *x.shape[1:]))
        return op.dropout(x, self.spec.blocks.dropout)

    def _pooled(self, x: Tensor) -> Tensor:
        batch, length, hidden = x.shape
        if self.spec.mean:
            return self.layernorm(op.mean(op.part(x, batch, length - 1, hidden), batch, hidden))
        return op.part(self.layernorm(x), batch, hidden)

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of images. Raises InvalidInput where they cannot be cut into patches."""
        height, width = inputs.image or self.default_image
        if height % self.spec.patches.patch or width % self.spec.patches.patch:
            field = "image_size" if inputs.image else "model.config.image_size"
            raise invalid_field(field, f"both sides must be multiples of the patch size, {self.spec.patches.patch}")
        return held(tape, (inputs.batch, self.channels, height, width), weight_dtype(self))

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.blocks.hidden, self.spec.blocks.feed_forward, self.spec.blocks.heads
