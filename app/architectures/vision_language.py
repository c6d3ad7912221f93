"""Decoders that read images: what an image encoder sees takes the place of some embeddings, one image in every sequence.

Written as transformers 5.23 computes them (modeling_gemma3.py, modeling_mistral3.py, modeling_llava.py).
"""

from dataclasses import replace
from typing import Protocol, Self

from app.architectures.activations import activate
from app.architectures.attention import Masks, window_kinds
from app.architectures.batch import held, weight_dtype
from app.architectures.cache import KvCache
from app.architectures.decoder import Decoder, Layer
from app.architectures.gemma import GemmaNorm
from app.architectures.image_encoder import Block, EncoderBlockSpec, ImageEncoder, PatchSpec
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.dtypes import BOOL
from app.tape.modules import Linear, Module, RMSNorm
from app.tape.tensor import Parameter, Tape, Tensor


class Tower(Protocol):
    """An image encoder: [batch, channels, height, width] to [batch, tokens, hidden]."""

    patches: PatchSpec

    def __call__(self, images: Tensor) -> Tensor: ...


class VisionLanguage(Decoder):
    """A decoder that `see` has given an image encoder and a projection of what that sees."""

    vision_tower: Tower
    multi_modal_projector: Layer
    grouped_images: bool

    def see(self, tower: Tower, projector: Layer, *, grouped_images: bool = False) -> Self:
        """This decoder with both. `grouped_images`: the tokens of one image see each other."""
        self.vision_tower, self.multi_modal_projector, self.grouped_images = tower, projector, grouped_images
        return self

    def embedded(self, tape: Tape, inputs: Inputs, cache: KvCache | None) -> Tensor:
        """Embeddings of text and images; a cache that is not empty holds the images already."""
        x = super().embedded(tape, inputs, cache)
        if cache is not None and cache.length:
            return x
        features = self.multi_modal_projector(self.vision_tower(self._images(tape, inputs)))
        return op.scattered(x, op.cast(features, x.dtype))

    def _images(self, tape: Tape, inputs: Inputs) -> Tensor:
        patches = self.vision_tower.patches
        height, width = (inputs.image if patches.any_size else None) or (patches.image, patches.image)
        return held(tape, (inputs.batch, patches.channels, height, width), weight_dtype(self))

    def masks(self, x: Tensor, cache: KvCache | None) -> Masks:
        """Masks of every sequence of its own where the tokens of an image see each other."""
        if not self.grouped_images or self.options.attention == "eager" or (cache is not None and cache.length):
            return super().masks(x, cache)
        batch, length, _ = x.shape
        return {window: x.tape.empty((batch, 1, length, length), BOOL) for window in window_kinds(self.spec.windows)}


class ClipTower(ImageEncoder):
    """CLIP's patches as they leave its last block but one. What comes after gets no gradient, so the optimizer keeps nothing for it."""

    def __init__(self, patches: PatchSpec, spec: EncoderBlockSpec, options: Options) -> None:
        super().__init__(patches, replace(spec, layers=spec.layers - 1), options, last_norm=True)
        self.last_block = Block(spec, options, causal=False)
        for parameter in (*self.last_block.parameters(), *(self.layernorm.parameters() if self.layernorm else ())):
            parameter.requires_grad = False

    def __call__(self, images: Tensor) -> Tensor:
        return self.encoder(self.embeddings(images))


class AveragingProjector(Module):
    """Gemma 3: patches averaged in squares, normed, and projected to the stream."""

    def __init__(self, patches: PatchSpec, hidden: int, tokens: int, stream: int) -> None:
        self.side = patches.image // patches.patch
        self.kernel = self.side // round(tokens**0.5)
        self.mm_input_projection_weight = Parameter(hidden, stream)
        self.mm_soft_emb_norm = GemmaNorm(hidden)

    def __call__(self, x: Tensor) -> Tensor:
        batch, _, hidden = x.shape
        grid = op.contiguous(x.transpose(1, 2)).view(batch, hidden, self.side, self.side)
        pooled = op.average_pool(grid, self.kernel, self.kernel).flatten(2).transpose(1, 2)
        normed = self.mm_soft_emb_norm(pooled)
        return op.matmul(normed, self.mm_input_projection_weight)


class MergingProjector(Module):
    """Mistral 3: a norm, squares of patches merged into one, and two projections."""

    def __init__(self, hidden: int, stream: int, *, merged: int, activation: str, bias: bool) -> None:
        self.merged, self.activation = merged, activation
        self.norm = RMSNorm(hidden)
        self.merging_layer = Linear(hidden * merged**2, hidden, bias=False)
        self.linear_1 = Linear(hidden, stream, bias=bias)
        self.linear_2 = Linear(stream, stream, bias=bias)

    def __call__(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        merged = self.merging_layer(self._squares(normed))
        wide = self.linear_1(merged)
        wide = activate(wide, self.activation)
        return self.linear_2(wide)

    def _squares(self, x: Tensor) -> Tensor:
        """[batch, patches, hidden] as rows of merged x merged patches; cut out by a copy, then joined for all images by another."""
        batch, patches, hidden = x.shape
        pieces = self.merged**2
        return op.copied(op.contiguous(op.rearranged(x, batch, patches // pieces, hidden * pieces)))


class TwoLayerProjector(Module):
    """LLaVA: two projections of the patches, without the class token."""

    def __init__(self, hidden: int, stream: int, *, activation: str, bias: bool) -> None:
        self.activation = activation
        self.linear_1 = Linear(hidden, stream, bias=bias)
        self.linear_2 = Linear(stream, stream, bias=bias)

    def __call__(self, x: Tensor) -> Tensor:
        wide = self.linear_1(op.part(x, x.shape[0], x.shape[1] - 1, x.shape[2]))
        wide = activate(wide, self.activation)
        return self.linear_2(wide)
