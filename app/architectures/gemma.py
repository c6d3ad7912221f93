"""Gemma 1 to 4: norms computed and scaled in fp32, scaled embeddings, from Gemma 2 on a norm on both sides of each part.

Source: modeling_gemma.py, modeling_gemma2.py, modeling_gemma3.py (transformers 5.23).
"""

from collections.abc import Callable

from app.architectures.attention import Masks
from app.architectures.cache import KvCache
from app.architectures.decoder import Attention, AttentionPart, DecoderSpec, Layer, feed_forward_of
from app.architectures.network import Options
from app.architectures.positions import Turns
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Module
from app.tape.tensor import Parameter, Tensor


class GemmaNorm(Module):
    """Root-mean-square norm in fp32 throughout, times one plus the weight."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        return op.stepwise_rms_norm_in_fp32(x, op.shifted(op.cast(self.weight, FP32)))


class UnshiftedNorm(Module):
    """The same times the weight alone (Gemma 3n, Gemma 4)."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        return op.stepwise_rms_norm_in_fp32(x, op.cast(self.weight, FP32))


class SandwichBlock(Module):
    """Attention, then feed-forward, each with a norm before it and one after it."""

    def __init__(
        self,
        spec: DecoderSpec,
        options: Options,
        layer: int,
        attention: AttentionPart = Attention,
        feed_forward: Callable[[DecoderSpec], Layer] = feed_forward_of,
    ) -> None:
        self.self_attn = attention(spec, options, layer)
        self.mlp = feed_forward(spec)
        self.input_layernorm = spec.norm(spec.hidden)
        self.post_attention_layernorm = spec.norm(spec.hidden)
        self.pre_feedforward_layernorm = spec.norm(spec.hidden)
        self.post_feedforward_layernorm = spec.norm(spec.hidden)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        residual = x
        x = self.input_layernorm(x)
        x, _ = self.self_attn(x, turns, masks, cache)
        x = self.post_attention_layernorm(x)
        x = op.add(residual, x)
        residual = x
        x = self.pre_feedforward_layernorm(x)
        x = self.mlp(x)
        x = self.post_feedforward_layernorm(x)
        return op.add(residual, x)
