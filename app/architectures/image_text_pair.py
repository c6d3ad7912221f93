"""CLIP and SigLIP: an image and a text encoder whose outputs are compared, trained on matching pairs.

Written as transformers 5.23 computes them (modeling_clip.py, modeling_siglip.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.attention import causal_mask
from app.architectures.batch import held, held_indices, weight_dtype
from app.architectures.image_encoder import EncoderBlocks, EncoderBlockSpec, FeedForward, ImageEncoder, PatchSpec
from app.architectures.network import Inputs, Network, Options, indices
from app.tape import operators as op
from app.tape.modules import Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSpec:
    """Both encoders. `projected` is the size of the vectors compared. SigLIP pools its patches by attention, has no class token, reads
    texts in both directions and judges every pair by itself.
    """

    patches: PatchSpec
    image: EncoderBlockSpec
    text: EncoderBlockSpec
    vocabulary: int
    positions: int
    projected: int
    siglip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpec:
    """A text encoder. CLIP's is causal."""

    blocks: EncoderBlockSpec
    vocabulary: int
    positions: int
    causal: bool = True


class TextEncoder(Module):
    """Token and position tables, blocks and a last norm."""

    def __init__(self, spec: TextSpec, options: Options) -> None:
        hidden = spec.blocks.hidden
        self.causal, self.options, self.positions = spec.causal, options, spec.positions
        self.token_embedding = Embedding(spec.vocabulary, hidden)
        self.position_embedding = Embedding(spec.positions, hidden)
        self.encoder = EncoderBlocks(spec.blocks, options, causal=self.causal)
        self.final_layer_norm = LayerNorm(hidden)

    def __call__(self, tokens: Tensor) -> Tensor:
        embedded = self.token_embedding(tokens)
        x = op.add(embedded, self.position_embedding(indices(tokens.tape, 1, tokens.shape[1])))
        del embedded
        mask = causal_mask(x, None, self.options.attention) if self.causal else None
        return self.final_layer_norm(self.encoder(x, mask))


class AttentionPool(Module):
    """One learned query over all patches, then a feed-forward part (torch.nn.MultiheadAttention, whose weights are not asked for)."""

    def __init__(self, spec: EncoderBlockSpec) -> None:
        hidden = spec.hidden
        self.heads = spec.heads
        self.probe = Parameter(1, 1, hidden)
        self.in_proj_weight, self.in_proj_bias = Parameter(3 * hidden, hidden), Parameter(3 * hidden)
        self.out_proj = Linear(hidden, hidden)
        self.layernorm = LayerNorm(hidden)
        self.mlp = FeedForward(spec)

    def __call__(self, x: Tensor) -> Tensor:
        batch, _, hidden = x.shape
        out = self.out_proj(self._attended(op.repeated(self.probe, batch).view(batch, 1, hidden), x))
        residual = out
        out = self.layernorm(out)
        out = op.add(residual, self.mlp(out))
        return op.part(out, batch, hidden)

    def _attended(self, query: Tensor, x: Tensor) -> Tensor:
        """Attention with plain products, since its weights could be asked for; keys and values come from one projection."""
        hidden = x.shape[2]
        query_weight, other_weights = op.split(self.in_proj_weight, (hidden, 2 * hidden), axis=0)
        query_bias, other_biases = op.split(self.in_proj_bias, (hidden, 2 * hidden), axis=0)
        query = op.linear(query, query_weight, query_bias)
        both = _projected(x, other_weights, other_biases)
        key, value = (self._heads(part) for part in op.split(both, (hidden, hidden)))
        weights = op.softmax(op.matmul(op.scaled(self._heads(query)), key.transpose(-1, -2)))
        out = op.contiguous(op.matmul(weights, value).transpose(1, 2))
        return out.view(x.shape[0], 1, hidden)

    def _heads(self, x: Tensor) -> Tensor:
        batch, length, hidden = x.shape
        return x.view(batch, length, self.heads, hidden // self.heads).transpose(1, 2)


def _projected(x: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Patches laid out with the batch second, projected and laid out anew; a copy in the type of the product is held meanwhile."""
    lowered = op.lower(x)
    return op.contiguous(op.linear(op.contiguous(lowered), weights, biases))


class ImageTextPair(Network):
    """Images and texts to the similarity of each with each, [texts, images]."""

    family: ClassVar[str] = "vision"

    def __init__(self, spec: PairSpec, options: Options) -> None:
        self.spec = spec
        self.vision_model = ImageEncoder(spec.patches, spec.image, options, last_norm=spec.siglip)
        text = TextSpec(blocks=spec.text, vocabulary=spec.vocabulary, positions=spec.positions, causal=not spec.siglip)
        self.text_model = TextEncoder(text, options)
        self.logit_scale = Parameter(1)
        if spec.siglip:
            self.pool = AttentionPool(spec.image)
            self.head = Linear(spec.text.hidden, spec.projected)
            self.logit_bias = Parameter(1)
        else:
            self.post_layernorm = LayerNorm(spec.image.hidden)
            self.visual_projection = Linear(spec.image.hidden, spec.projected, bias=False)
            self.text_projection = Linear(spec.text.hidden, spec.projected, bias=False)

    def similarities(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Scaled products of unit vectors."""
        pictures = self.vision_model(images)
        image = self._image(pictures)
        texts = self.text_model(tokens)
        text = self._text(texts)
        unit_image, unit_text = _unit(image), _unit(text)
        products = op.matmul(unit_text, unit_image.transpose(0, 1))
        return op.multiply(products, op.activation(self.logit_scale, "exp"))

    def _image(self, x: Tensor) -> Tensor:
        if self.spec.siglip:
            return self.pool(x)
        return self.visual_projection(self.post_layernorm(op.part(x, x.shape[0], x.shape[2])))

    def _text(self, x: Tensor) -> Tensor:
        last = op.part(x, x.shape[0], x.shape[2])
        return self.head(last) if self.spec.siglip else self.text_projection(op.contiguous(last))

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """CLIP: cross-entropy of each text over all images and the other way round. SigLIP: a logistic loss of every pair."""
        logits = self.similarities(*self._batch(tape, inputs))
        if self.spec.siglip:
            return op.mean(op.activation(op.add(logits, self.logit_bias), "logsigmoid"))
        pairs = indices(tape, inputs.batch)
        return op.scaled(op.add(op.cross_entropy(logits, pairs), op.cross_entropy(logits.transpose(0, 1), pairs)))

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Similarities without gradients."""
        return self.similarities(*self._batch(tape, inputs))

    def _batch(self, tape: Tape, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Images of the encoder's own size and texts of at most as many tokens as it has positions."""
        spec = self.spec
        side, length = spec.patches.image, min(inputs.text or spec.positions, spec.positions)
        images = held(tape, (inputs.batch, spec.patches.channels, side, side), weight_dtype(self))
        return images, held_indices(tape, inputs.batch, length)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads of the image encoder."""
        return self.spec.image.hidden, self.spec.image.feed_forward, self.spec.image.heads


def _unit(x: Tensor) -> Tensor:
    """x over its length, as powers and a sum."""
    squares = op.power(x)
    length = op.power(op.mean(squares, x.shape[0], 1))
    return op.multiply(x, length)
