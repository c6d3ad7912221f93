"""Vision transformers: ViT, DeiT, DeiT III, DINOv2 and CLIP's image encoders as classifiers.

Written as timm 1.0.31 computes them (timm/models/vision_transformer.py, deit.py; timm/layers/attention.py, mlp.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from app.architectures.image_classifier import RGB, ImageClassifier
from app.architectures.network import Inputs, Options, block_kinds
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tape, Tensor
from app.workloads.fields import invalid_field


@dataclass(frozen=True, slots=True, kw_only=True)
class VitSpec:
    """Hyper-parameters of a vision transformer. `prefix` counts class and register tokens; no `classes`: the class token itself."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    patch: int = 16
    image: int = 224
    prefix: int = 1
    positions_for_prefix: bool = True
    layer_scale: bool = False
    norm_first: bool = False  # a norm before the blocks, and no bias in the patch embedding
    activation: str = "gelu"
    packed_gate: bool = False  # SwiGLU with one projection for gate and value
    distilled: bool = False  # the second prefix token has a classifier of its own; both scores are averaged
    classes: int = 1000
    channels: int = RGB


class Attention(Module):
    """Multi-head self-attention from one projection."""

    def __init__(self, spec: VitSpec, options: Options) -> None:
        self.heads, self.implementation = spec.heads, options.attention
        self.qkv = Linear(spec.hidden, 3 * spec.hidden)
        self.proj = Linear(spec.hidden, spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        batch, length, hidden = x.shape
        size = hidden // self.heads
        qkv = op.rearranged(self.qkv(x), 3, batch, self.heads, length, size)
        query, key, value = (part.view(*part.shape[1:]) for part in op.split(qkv, (1, 1, 1), axis=0))
        if self.implementation == "eager":
            out = _written_out(query, key, value)
        else:
            out = op.scaled_dot_product_attention(query, key, value, causal=False)
        return self.proj(out.view(batch, length, hidden))


def _written_out(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention in two products, the queries scaled first."""
    query = op.scaled(query)
    weights = op.attention_products(query, key)
    weights = op.softmax(weights)
    return op.attended_values(weights, value)


class FeedForward(Module):
    """Two projections with an activation between them, or a gate in its place."""

    def __init__(self, spec: VitSpec) -> None:
        self.activation, self.gated = spec.activation, spec.packed_gate
        self.fc1 = Linear(spec.hidden, spec.feed_forward)
        self.fc2 = Linear(spec.feed_forward // (2 if spec.packed_gate else 1), spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        x = self._gate(x) if self.gated else op.activation(x, self.activation)
        return self.fc2(x)

    def _gate(self, x: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        gate, value = op.split(x, (half, half))
        return op.multiply(op.activation(gate, self.activation), value)


class LayerScale(Module):
    """A learned factor for each channel."""

    def __init__(self, size: int) -> None:
        self.gamma = Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        return op.multiply(x, self.gamma)


class Block(Module):
    """Attention, then feed-forward, each on the normed residual stream and optionally scaled."""

    def __init__(self, spec: VitSpec, options: Options) -> None:
        self.norm1, self.norm2 = LayerNorm(spec.hidden), LayerNorm(spec.hidden)
        self.attn = Attention(spec, options)
        self.mlp = FeedForward(spec)
        self.ls1 = LayerScale(spec.hidden) if spec.layer_scale else None
        self.ls2 = LayerScale(spec.hidden) if spec.layer_scale else None

    def __call__(self, x: Tensor) -> Tensor:
        x = op.add(x, scaled_by(self.ls1, self.attn(self.norm1(x))))
        return op.add(x, scaled_by(self.ls2, self.mlp(self.norm2(x))))


def scaled_by(scale: LayerScale | None, x: Tensor) -> Tensor:
    """The branch, times its factors where it has any."""
    return x if scale is None else scale(x)


class VisionTransformer(ImageClassifier):
    """Patches and a class token through transformer blocks; the class token is classified."""

    family: ClassVar[str] = "vision"

    def __init__(self, spec: VitSpec, options: Options) -> None:
        self.spec, self.options, self.channels = spec, options, spec.channels
        self.default_image = (spec.image, spec.image)
        patches = (spec.image // spec.patch) ** 2
        self.patch_embed = Conv2d(spec.channels, spec.hidden, spec.patch, Window(stride=spec.patch), bias=not spec.norm_first)
        self.cls_token = Parameter(1, 1, spec.hidden)
        self.reg_token = Parameter(1, spec.prefix - 1, spec.hidden) if spec.prefix > 1 else None
        self.pos_embed = Parameter(1, patches + (spec.prefix if spec.positions_for_prefix else 0), spec.hidden)
        self.norm_pre = LayerNorm(spec.hidden) if spec.norm_first else None
        self.blocks = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec, options))
        self.norm = LayerNorm(spec.hidden)
        self.head = Linear(spec.hidden, spec.classes) if spec.classes else None
        self.head_dist = Linear(spec.hidden, spec.classes) if spec.distilled else None

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self._patches(x)
        x = self._with_positions(x)
        x = self.norm_pre(x) if self.norm_pre is not None else x
        x = self.blocks(x, checkpointed=self.options.checkpointed)
        x = self.norm(x)
        first = op.part(x, x.shape[0], x.shape[2])
        if self.head is None:
            return first
        if self.head_dist is None:
            del x
            return self.head(first)
        second = op.part(x, x.shape[0], x.shape[2])
        return op.scaled(op.add(self.head(first), self.head_dist(second)))

    def _patches(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)
        return x.flatten(2).transpose(1, 2)

    def _with_positions(self, x: Tensor) -> Tensor:
        """Class and register tokens put before the patches, and positions added, in the order the model does it."""
        tokens = [op.expand(t, x.shape[0], *t.shape[1:]) for t in (self.cls_token, self.reg_token) if t is not None]
        if not self.spec.positions_for_prefix:
            x = op.add(x, self._positions(x.shape[1]))
            return op.promoted_concatenation([*tokens, x], axis=1)
        x = op.promoted_concatenation([*tokens, x], axis=1)
        return op.add(x, self._positions(x.shape[1]))

    def _positions(self, length: int) -> Tensor:
        """The learned positions, interpolated for another image size."""
        return self.pos_embed if self.pos_embed.shape[1] == length else op.resampled(self.pos_embed, 1, length, self.spec.hidden)

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of images. Raises InvalidInput where they cannot be cut into patches."""
        if inputs.image and any(side % self.spec.patch for side in inputs.image):
            raise invalid_field("image_size", f"both sides must be multiples of the patch size, {self.spec.patch}")
        return super().images(tape, inputs)


_SIZES = {
    "tiny": VitSpec(hidden=192, layers=12, heads=3, feed_forward=768),
    "small": VitSpec(hidden=384, layers=12, heads=6, feed_forward=1536),
    "medium": VitSpec(hidden=512, layers=12, heads=8, feed_forward=2048),
    "base": VitSpec(hidden=768, layers=12, heads=12, feed_forward=3072),
    "large": VitSpec(hidden=1024, layers=24, heads=16, feed_forward=4096),
    "huge": VitSpec(hidden=1280, layers=32, heads=16, feed_forward=5120),
    "giant": VitSpec(hidden=1408, layers=40, heads=16, feed_forward=6144),
    "gigantic": VitSpec(hidden=1664, layers=48, heads=16, feed_forward=8192),
}
_PLAIN: Mapping[str, Mapping[int, tuple[int, ...]]] = {  # size: {patch: image sizes}
    "tiny": {16: (224, 384)},
    "small": {32: (224, 384), 16: (224, 384), 8: (224,)},
    "base": {32: (224, 384), 16: (224, 384), 8: (224,)},
    "large": {32: (224, 384), 16: (224, 384), 14: (224,)},
    "huge": {14: (224,)},
    "giant": {14: (224,)},
    "gigantic": {14: (224,)},
}
_WITHOUT_HEAD = ("vit_small_patch8_224", "vit_large_patch32_224", "vit_huge_patch14_224")  # published for ImageNet-21k without one
_CLIP = (
    ("base", 32, 224),
    ("base", 32, 256),
    ("base", 32, 384),
    ("base", 16, 224),
    ("base", 16, 384),
    ("large", 14, 224),
    ("large", 14, 336),
)
_DINO_IMAGE = 518


def _specs() -> dict[str, VitSpec]:
    specs = {
        f"vit_{size}_patch{patch}_{image}": replace(_SIZES[size], patch=patch, image=image)
        for size, patches in _PLAIN.items()
        for patch, images in patches.items()
        for image in images
    }
    specs |= {name: replace(specs[name], classes=0) for name in _WITHOUT_HEAD}
    for size, image in (("tiny", 224), ("small", 224), ("base", 224), ("base", 384)):
        specs[f"deit_{size}_patch16_{image}"] = replace(_SIZES[size], image=image)
    for size in ("tiny", "small", "base"):
        specs[f"deit_{size}_distilled_patch16_224"] = replace(_SIZES[size], prefix=2, distilled=True)
    for size, patch, image in (
        *((s, 16, i) for s in ("small", "base", "large") for i in (224, 384)),
        ("medium", 16, 224),
        ("huge", 14, 224),
    ):
        specs[f"deit3_{size}_patch{patch}_{image}"] = replace(
            _SIZES[size], patch=patch, image=image, positions_for_prefix=False, layer_scale=True
        )
    for size, patch, image in (*_CLIP, ("huge", 14, 224)):
        specs[f"vit_{size}_patch{patch}_clip_{image}"] = replace(_SIZES[size], patch=patch, image=image, norm_first=True)
    specs["vit_base_patch32_clip_256"] = replace(specs["vit_base_patch32_clip_256"], classes=512)
    return specs | _dino_specs()


def _dino_specs() -> dict[str, VitSpec]:
    giant = VitSpec(hidden=1536, layers=40, heads=24, feed_forward=8192, activation="silu", packed_gate=True)
    specs: dict[str, VitSpec] = {}
    sizes = {size: _SIZES[size] for size in ("small", "base", "large")} | {"giant": giant}
    for size, spec in sizes.items():
        plain = replace(spec, patch=14, image=_DINO_IMAGE, layer_scale=True, classes=0)
        specs[f"vit_{size}_patch14_dinov2"] = plain
        specs[f"vit_{size}_patch14_reg4_dinov2"] = replace(plain, prefix=5, positions_for_prefix=False)
    return specs


SPECS = _specs()
