"""BEiT and BEiT v2 of timm: a vision transformer whose attention knows how far apart two patches lie.

Written as timm 1.0.31 computes them (timm/models/beit.py), with fused attention and without stochastic depth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.image_classifier import RGB, ImageClassifier
from app.architectures.network import Inputs, Options, block_kinds
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.dtypes import INT64
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tape, Tensor
from app.workloads.fields import invalid_field

PATCH = 16
EXPANSION = 4
TOKEN_PAIRS = 3  # rows of the table for the class token with a patch, a patch with it, and it with itself


@dataclass(frozen=True, slots=True, kw_only=True)
class BeitSpec:
    """Hyper-parameters of a BEiT."""

    hidden: int
    layers: int
    heads: int
    image: int = 224
    classes: int = 1000
    channels: int = RGB


class Attention(Module):
    """Multi-head self-attention from one projection, with a summand for every distance between two patches; keys have no bias."""

    def __init__(self, spec: BeitSpec) -> None:
        self.heads, hidden, side = spec.heads, spec.hidden, spec.image // PATCH
        self.qkv, self.proj = Linear(hidden, 3 * hidden, bias=False), Linear(hidden, hidden)
        self.q_bias, self.k_bias, self.v_bias = Parameter(hidden), Parameter(hidden, buffer=True), Parameter(hidden)
        self.relative_position_bias_table = Parameter((2 * side - 1) ** 2 + TOKEN_PAIRS, spec.heads)
        self.relative_position_index = Parameter(side**2 + 1, side**2 + 1, buffer=True)
        self.relative_position_index.own_dtype = self.relative_position_index.dtype = INT64

    def __call__(self, x: Tensor) -> Tensor:
        batch, length, hidden = x.shape
        qkv = op.linear(x, self.qkv.weight, op.concatenate([self.q_bias, self.k_bias, self.v_bias], axis=0))
        qkv = op.rearranged(qkv, 3, batch, self.heads, length, hidden // self.heads)
        query, key, value = (part.view(*part.shape[1:]) for part in op.split(qkv, (1, 1, 1), axis=0))
        out = op.scaled_dot_product_attention(query, key, value, mask=self._positions(length), causal=False)
        return self.proj(out.view(batch, length, hidden))

    def _positions(self, length: int) -> Tensor:
        found = op.embedding(self.relative_position_index.view(-1), self.relative_position_bias_table)
        return op.copied(found).view(1, self.heads, length, length)


class FeedForward(Module):
    """Two projections with GELU between them."""

    def __init__(self, hidden: int) -> None:
        self.fc1, self.fc2 = Linear(hidden, EXPANSION * hidden), Linear(EXPANSION * hidden, hidden)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        x = op.activation(x, "gelu")
        return self.fc2(x)


class Block(Module):
    """Attention, then feed-forward, each on the normed stream and times learned factors."""

    def __init__(self, spec: BeitSpec) -> None:
        self.norm1, self.norm2 = LayerNorm(spec.hidden), LayerNorm(spec.hidden)
        self.attn, self.mlp = Attention(spec), FeedForward(spec.hidden)
        self.gamma_1, self.gamma_2 = Parameter(spec.hidden), Parameter(spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        x = op.add(x, op.multiply(self.gamma_1, self.attn(self.norm1(x))))
        return op.add(x, op.multiply(self.gamma_2, self.mlp(self.norm2(x))))


class Beit(ImageClassifier):
    """Patches and a class token through transformer blocks; the normed mean of the patches is classified."""

    family: ClassVar[str] = "vision"

    def __init__(self, spec: BeitSpec, options: Options) -> None:
        self.spec, self.options, self.channels = spec, options, spec.channels
        self.default_image = (spec.image, spec.image)
        self.patch_embed = Conv2d(spec.channels, spec.hidden, PATCH, Window(stride=PATCH))
        self.cls_token = Parameter(1, 1, spec.hidden)
        self.blocks = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec))
        self.fc_norm, self.head = LayerNorm(spec.hidden), Linear(spec.hidden, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.blocks.run(self._tokens(x), checkpointed=self.options.checkpointed)
        batch, length, hidden = x.shape
        x = op.mean(op.part(x, batch, length - 1, hidden), batch, hidden)
        x = self.fc_norm(x)
        return self.head(x)

    def _tokens(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        return op.promoted_concatenation([op.expand(self.cls_token, x.shape[0], 1, x.shape[2]), x], axis=1)

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of images. Raises InvalidInput where their size is not the one that positions are laid out for."""
        side = self.spec.image
        if inputs.image and inputs.image != self.default_image:
            raise invalid_field(
                "image_size", f'this network is laid out for {side} x {side} pixels; give "options": {{"img_size": ...}} too'
            )
        if side % PATCH:
            raise invalid_field("model.options.img_size", f"must be a multiple of the patch size, {PATCH}")
        return super().images(tape, inputs)


_BASE, _LARGE = {"hidden": 768, "layers": 12, "heads": 12}, {"hidden": 1024, "layers": 24, "heads": 16}
SPECS: Mapping[str, BeitSpec] = {
    **{f"{kind}_base_patch16_224": BeitSpec(**_BASE) for kind in ("beit", "beitv2")},
    **{f"{kind}_large_patch16_224": BeitSpec(**_LARGE) for kind in ("beit", "beitv2")},
    "beit_base_patch16_384": BeitSpec(**_BASE, image=384),
    **{f"beit_large_patch16_{image}": BeitSpec(**_LARGE, image=image) for image in (384, 512)},
}
