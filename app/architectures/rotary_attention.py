"""Attention that differs from Llama's in how queries and keys are turned or normed.

Source: modeling_cohere.py, modeling_olmo.py, modeling_ernie4_5.py, modeling_exaone4.py, modeling_glm.py, modeling_hunyuan_v1_dense.py
(transformers 5.23).
"""

from dataclasses import replace

from app.architectures.attention import Attended, Masks
from app.architectures.cache import KvCache
from app.architectures.decoder import Attention, DecoderSpec, heads_of
from app.architectures.network import Options
from app.architectures.positions import Rotation, Turns
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Module
from app.tape.operators.casting import autocast_disabled
from app.tape.tensor import Parameter, Tensor


class WideTurnAttention(Attention):
    """Queries and keys are turned in fp32 and cast back."""

    def turn(self, x: Tensor, by: Rotation) -> Tensor:
        """In fp32, whatever the type of the stream."""
        return op.cast(op.rotary_embedding(op.cast(x, FP32), *by), x.dtype)


class PartlyTurnedAttention(Attention):
    """Only the first components of a head are turned; a copy joins them to the rest."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        self.attend = replace(self.attend, heads_first=True)

    def turn(self, x: Tensor, by: Rotation) -> Tensor:
        """The first components turned, the others as they are."""
        return op.partial_rotary_embedding(x, *by)


class NormAfterTurnAttention(Attention):
    """Each query and key head is normed after it has been turned (Hunyuan)."""

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        batch, length, size = *x.shape[:2], self.spec.head_size
        query, key, value = heads_of(self.q_proj(x), size), heads_of(self.k_proj(x), size), heads_of(self.v_proj(x), size)
        query, key = self.turn(query, turns[self.window]), self.turn(key, turns[self.window])
        query, key = self.q_norm(query), self.k_norm(key)
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self.attend(query, key, value, masks[self.window])
        return self.o_proj(out.view(batch, length, -1)), weights


class NormOfEachHeadAttention(WideTurnAttention):
    """Cohere's attention: a norm with its own weights for each head."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        if spec.norm_of_each_head:
            self.q_norm, self.k_norm = MeanFreeNorm(spec.heads, spec.head_size), MeanFreeNorm(spec.kv_heads, spec.head_size)

    def _heads(self, x: Tensor, norm: str) -> Tensor:
        size = self.spec.head_size
        if not self.spec.norm_of_each_head:
            return heads_of(x, size)
        normed: Tensor = getattr(self, norm)(x.view(*x.shape[:2], x.shape[2] // size, size))
        return normed.transpose(1, 2)


class MeanFreeNorm(Module):
    """Cohere's layer norm, written out in fp32: the mean taken off twice, no bias."""

    def __init__(self, *shape: int) -> None:
        self.weight = Parameter(*shape)

    def __call__(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        x = op.cast(x, FP32)
        mean = op.mean(x, *x.shape[:-1], 1)
        variance = op.mean(op.power(op.add(x, mean)), *x.shape[:-1], 1)
        x = op.multiply(op.add(x, mean), op.power(variance))
        return op.cast(op.multiply(op.cast(self.weight, FP32), x), dtype)


class PlainNorm(Module):
    """Layer norm in fp32 without weights (OLMo)."""

    def __init__(self, size: int) -> None:
        del size

    def __call__(self, x: Tensor) -> Tensor:
        return op.cast(op.layer_norm(op.cast(x, FP32), None, None), x.dtype)


class OffsetLayerNorm(Module):
    """Layer norm by one plus its weights, in 16 bits under autocast (Nemotron)."""

    def __init__(self, size: int) -> None:
        self.weight, self.bias = Parameter(size), Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        x, weight, bias = op.lower(x), op.lower(op.shifted(self.weight)), op.lower(self.bias)
        with autocast_disabled(x.tape):
            return op.layer_norm(x, weight, bias)
