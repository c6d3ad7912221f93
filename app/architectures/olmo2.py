"""OLMo 2: norms after each part, and of whole queries and keys (modeling_olmo2.py, transformers 5.23)."""

from collections.abc import Callable
from dataclasses import replace

from app.architectures.attention import Attended, Masks
from app.architectures.cache import KvCache
from app.architectures.decoder import Attention, AttentionPart, DecoderSpec, Layer, feed_forward_of, heads_of
from app.architectures.mixture_of_experts import MixtureDecoder
from app.architectures.network import Options
from app.architectures.positions import Rotation, Turns
from app.tape import operators as op
from app.tape.modules import Module
from app.tape.tensor import Parameter, Tensor


class FloatNorm(Module):
    """Root-mean-square norm whose weight multiplies the fp32 result."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        return op.rms_norm_in_fp32(x, self.weight)


class NormedAttention(Attention):
    """Attention whose queries and keys are normed before they are cut into heads."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        self.q_norm = spec.norm(spec.heads * spec.head_size)
        self.k_norm = spec.norm(spec.kv_heads * spec.head_size)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        size = self.spec.head_size
        query = self.q_norm(self.q_proj(x))
        key = self.k_norm(self.k_proj(x))
        value = heads_of(self.v_proj(x), size)
        query, key = heads_of(query, size), heads_of(key, size)
        query, key = self._turned(query, turns[self.window]), self._turned(key, turns[self.window])
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self.attend(query, key, value, masks[self.window])
        return self.o_proj(out.flatten(2)), weights

    def _turned(self, x: Tensor, turn: Rotation) -> Tensor:
        return op.cast(op.rotary_embedding(x, *turn), x.dtype)


class PartlyTurnedNormedAttention(NormedAttention):
    """The same where only the first components of a head are turned; a copy joins them to the rest (MiniMax M2)."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        self.attend = replace(self.attend, heads_first=True)

    def _turned(self, x: Tensor, turn: Rotation) -> Tensor:
        return op.partial_rotary_embedding(x, *turn)


class PostNormBlock(Module):
    """Attention, then feed-forward, each normed before its residual sum."""

    def __init__(
        self,
        spec: DecoderSpec,
        options: Options,
        layer: int,
        attention: AttentionPart = NormedAttention,
        feed_forward: Callable[[DecoderSpec], Layer] = feed_forward_of,
    ) -> None:
        self.self_attn = attention(spec, options, layer)
        self.mlp = feed_forward(spec)
        self.post_attention_layernorm = spec.norm(spec.hidden)
        self.post_feedforward_layernorm = spec.norm(spec.hidden)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        residual = x
        x, _ = self.self_attn(x, turns, masks, cache)
        x = self.post_attention_layernorm(x)
        x = op.add(residual, x)
        residual = x
        x = self.mlp(x)
        x = self.post_feedforward_layernorm(x)
        return op.add(residual, x)


class PostNormMixture(MixtureDecoder):
    """Such blocks with experts (FlexOlmo)."""

    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One block with its experts."""
        return PostNormBlock(spec, options, layer, self.attention, self.sparse_feed_forward)
