"""Pixtral's image encoder: RMS norms, gated feed-forward, rotary positions in two directions (modeling_pixtral.py, transformers 5.23)."""

from app.architectures.attention import IN_FP32, Attend
from app.architectures.decoder import GatedFeedForward
from app.architectures.image_encoder import EncoderBlockSpec, PatchSpec
from app.architectures.network import Options, block_kinds
from app.architectures.positions import Rotation, rotation
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.modules import Blocks, Linear, Module, RMSNorm
from app.tape.operators import Window
from app.tape.tensor import Tensor


class Attention(Module):
    """Multi-head self-attention among the patches of one image."""

    def __init__(self, spec: EncoderBlockSpec, options: Options) -> None:
        self.size = spec.hidden // spec.heads
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, causal=False, style=IN_FP32)
        self.q_proj = Linear(spec.hidden, spec.hidden, bias=False)
        self.k_proj = Linear(spec.hidden, spec.hidden, bias=False)
        self.v_proj = Linear(spec.hidden, spec.hidden, bias=False)
        self.o_proj = Linear(spec.hidden, spec.hidden, bias=False)

    def __call__(self, x: Tensor, turn: Rotation, mask: Tensor) -> Tensor:
        query, key, value = self._heads(self.q_proj(x)), self._heads(self.k_proj(x)), self._heads(self.v_proj(x))
        query, key = op.rotary_embedding(query, *turn), op.rotary_embedding(key, *turn)
        out, _ = self.attend(query, key, value, mask)
        return self.o_proj(out.flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], x.shape[2] // self.size, self.size).transpose(1, 2)


class Block(Module):
    """Attention, then feed-forward, each on the normed stream."""

    def __init__(self, spec: EncoderBlockSpec, options: Options) -> None:
        self.attention_norm, self.ffn_norm = RMSNorm(spec.hidden), RMSNorm(spec.hidden)
        self.feed_forward = GatedFeedForward(spec.hidden, spec.feed_forward, spec.activation)
        self.attention = Attention(spec, options)

    def __call__(self, x: Tensor, turn: Rotation, mask: Tensor) -> Tensor:
        residual = x
        x = self.attention_norm(x)
        x = self.attention(x, turn, mask)
        x = op.add(residual, x)
        residual = x
        x = self.ffn_norm(x)
        x = self.feed_forward(x)
        return op.add(residual, x)


class PixtralEncoder(Module):
    """Images to patches [1, images x patches, hidden]: all images lie in one sequence, kept apart by a mask."""

    def __init__(self, patches: PatchSpec, spec: EncoderBlockSpec, options: Options) -> None:
        self.patches, self.spec, self.options = patches, spec, options
        self.patch_conv = Conv2d(patches.channels, spec.hidden, patches.patch, Window(stride=patches.patch), bias=False)
        self.ln_pre = RMSNorm(spec.hidden)
        self.layers = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec, options))

    def __call__(self, images: Tensor) -> Tensor:
        grid = self.patch_conv(images)
        x = op.copied(grid.flatten(2).transpose(1, 2)).view(1, -1, self.spec.hidden)
        x = self.ln_pre(x)
        turn = rotation(x, self.spec.hidden // self.spec.heads)
        mask = x.tape.empty((1, 1, x.shape[1], x.shape[1]), x.dtype)
        return self.layers(x, turn, mask, checkpointed=self.options.checkpointed)
