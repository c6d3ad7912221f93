"""Swin transformers of the second version: cosine attention within windows that shift, and norms behind each part rather than before it.

Written as timm 1.0.31 computes them (timm/models/swin_transformer_v2.py), without stochastic depth.
"""

from dataclasses import replace

from app.architectures import swin
from app.architectures.cosine_attention import CosineAttention
from app.tape import operators as op
from app.tape.modules import LayerNorm, Linear, Module
from app.tape.tensor import Parameter, Tensor


class WindowAttention(Module):
    """Cosine attention within each window, from one projection whose keys have no bias."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        self.heads = heads
        self.qkv, self.proj = Linear(width, 3 * width, bias=False), Linear(width, width)
        self.q_bias, self.k_bias, self.v_bias = Parameter(width), Parameter(width, buffer=True), Parameter(width)
        self.attend = CosineAttention(window, heads)

    def __call__(self, x: Tensor, mask: Parameter | None) -> Tensor:
        count, length, width = x.shape
        qkv = op.linear(x, self.qkv.weight, op.concatenate([self.q_bias, self.k_bias, self.v_bias], axis=0))
        qkv = op.rearranged(qkv, 3, count, self.heads, length, width // self.heads)
        query, key, value = (part.view(*part.shape[1:]) for part in op.split(qkv, (1, 1, 1), axis=0))
        return self.proj(self.attend(query, key, value, () if mask is None else (mask,)))


class Block(swin.Block):
    """Window attention, then feed-forward, each normed and added to the stream."""

    def __call__(self, x: Tensor) -> Tensor:
        batch, height, width, channels = x.shape
        x = op.add(x, self.norm1(self._attend(x)))
        x = x.view(batch, -1, channels)
        x = op.add(x, self.norm2(self.mlp(x)))
        return x.view(batch, height, width, channels)

    def attention(self, width: int, heads: int, window: int) -> WindowAttention:
        """The attention within windows of this side."""
        return WindowAttention(width, heads, window)


class PatchMerging(swin.PatchMerging):
    """Four neighbouring patches joined and projected to twice the channels, then normed."""

    def __init__(self, width: int) -> None:
        self.reduction, self.norm = Linear(4 * width, 2 * width, bias=False), LayerNorm(2 * width)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.reduction(swin.joined_neighbours(x))
        return self.norm(x)


class Stage(swin.Stage):
    """Patch merging but in the first stage, then blocks."""

    block, merging = Block, PatchMerging


class SwinV2(swin.Swin):
    """As the first version, of these stages."""

    stage = Stage


_PUBLISHED = (  # size, the name's window, window, image
    *((size, str(window), window, 256) for size in ("tiny", "small", "base") for window in (8, 16)),
    *((size, "12", 12, 192) for size in ("base", "large")),
    *((size, f"12to{window}_192to", window, image) for size in ("base", "large") for window, image in ((16, 256), (24, 384))),
)
SPECS = {
    f"swinv2_{size}_window{name}{'' if name.endswith('to') else '_'}{image}": replace(swin.SIZES[size], window=window, image=image)
    for size, name, window, image in _PUBLISHED
}
SPECS |= {name: replace(SPECS[name], classes=21_841) for name in SPECS if name.endswith("_192")}  # published for ImageNet-22k
