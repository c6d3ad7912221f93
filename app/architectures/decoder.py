"""Decoder-only transformers of the Llama kind: RMS norm, rotary positions, grouped-query attention, gated feed-forward.

Written as transformers 5.23 computes them (modeling_llama.py, modeling_mistral.py, modeling_qwen2.py, modeling_qwen3.py): what lives how
long follows from the local variables of these functions.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import Attend, Attended, Masks, causal_masks
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, Embedding, Linear, Module, RMSNorm
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderSpec:
    """Hyper-parameters of a Llama-like decoder. `windows` holds the sliding window of each layer, None where attention is full."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    activation: str = "silu"
    tied: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    feed_forward_bias: bool = False
    head_norms: bool = False  # RMS norm of each query and key head
    windows: tuple[int | None, ...] = ()

    def window(self, layer: int) -> int | None:
        """Sliding window of one layer."""
        return self.windows[layer] if self.windows else None


Rotation = tuple[Tensor, Tensor]


class Attention(Module):
    """Grouped-query self-attention with rotary positions."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        self.spec, self.layer, self.window = spec, layer, spec.window(layer)
        self.attend = Attend(implementation=options.attention)
        query, key = spec.heads * spec.head_size, spec.kv_heads * spec.head_size
        self.q_proj = Linear(spec.hidden, query, bias=spec.qkv_bias)
        self.k_proj = Linear(spec.hidden, key, bias=spec.qkv_bias)
        self.v_proj = Linear(spec.hidden, key, bias=spec.qkv_bias)
        self.o_proj = Linear(query, spec.hidden, bias=spec.output_bias)
        if spec.head_norms:
            self.q_norm, self.k_norm = RMSNorm(spec.head_size), RMSNorm(spec.head_size)

    def __call__(self, x: Tensor, rotation: Rotation, masks: Masks, cache: KvCache | None) -> Attended:
        batch, length, _ = x.shape
        query = self._heads(self.q_proj(x), "q_norm")
        key = self._heads(self.k_proj(x), "k_norm")
        value = self.v_proj(x).view(batch, length, self.spec.kv_heads, self.spec.head_size).transpose(1, 2)
        query, key = op.rotary_embedding(query, *rotation), op.rotary_embedding(key, *rotation)
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self.attend(query, key, value, masks[self.window])
        return self.o_proj(out.view(batch, length, -1)), weights

    def _heads(self, x: Tensor, norm: str) -> Tensor:
        batch, length, width = x.shape
        x = x.view(batch, length, width // self.spec.head_size, self.spec.head_size)
        return (getattr(self, norm)(x) if self.spec.head_norms else x).transpose(1, 2)


class GatedFeedForward(Module):
    """down(activation(gate(x)) x up(x))."""

    def __init__(self, hidden: int, width: int, activation: str, *, bias: bool = False) -> None:
        self.gate_proj = Linear(hidden, width, bias=bias)
        self.up_proj = Linear(hidden, width, bias=bias)
        self.down_proj = Linear(width, hidden, bias=bias)
        self.activation = activation

    def __call__(self, x: Tensor) -> Tensor:
        return self.down_proj(op.multiply(activate(self.gate_proj(x), self.activation), self.up_proj(x)))


class DecoderBlock(Module):
    """Attention, then feed-forward, each on the normed residual stream."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        self.input_layernorm = RMSNorm(spec.hidden)
        self.self_attn = Attention(spec, options, layer)
        self.post_attention_layernorm = RMSNorm(spec.hidden)
        self.mlp = GatedFeedForward(spec.hidden, spec.feed_forward, spec.activation, bias=spec.feed_forward_bias)

    def __call__(self, x: Tensor, rotation: Rotation, masks: Masks, cache: KvCache | None) -> Tensor:
        residual = x
        x = self.input_layernorm(x)
        x, _ = self.self_attn(x, rotation, masks, cache)
        x = op.add(residual, x)
        residual = x
        x = self.post_attention_layernorm(x)
        x = self.mlp(x)
        return op.add(residual, x)


class Decoder(LanguageModel):
    """A Llama-like causal language model."""

    family: ClassVar[str] = "decoder"

    def __init__(self, spec: DecoderSpec, options: Options) -> None:
        super().__init__(spec.vocabulary, spec.hidden, tied=spec.tied, options=options)
        self.spec = spec
        self.embed_tokens = Embedding(spec.vocabulary, spec.hidden)
        self.layers = Blocks(block_kinds(spec.layers, options, spec.window), lambda layer: DecoderBlock(spec, options, layer))
        self.norm = RMSNorm(spec.hidden)
        self.tie(self.embed_tokens)

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        tokens = indices(tape, inputs.batch, inputs.sequence)
        x = self.embed_tokens(tokens)
        rotation = self._rotation(tape, x)
        masks = causal_masks(x, cache, self.options.attention, self.spec.windows)
        x = self.layers(x, rotation, masks, cache, checkpointed=self.options.checkpointed)
        return self.norm(x)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and query heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads

    def heads_per_kv(self) -> int:
        """Query heads of one group."""
        return self.spec.heads // self.spec.kv_heads

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of the key-value heads, for every layer."""
        spec = self.spec
        return tuple(CacheLayer(spec.kv_heads, spec.head_size, spec.head_size, spec.window(layer)) for layer in range(spec.layers))

    def _rotation(self, tape: Tape, x: Tensor) -> Rotation:
        """Cosines and sines of all positions, one row for all sequences; computed in fp32, kept in the type of the stream."""
        shape = (1, 1, x.shape[1], self.spec.head_size)
        angles = tape.empty(shape, FP32)
        cos = op.cast(tape.empty(shape, FP32), x.dtype)
        sin = op.cast(tape.empty(shape, FP32), x.dtype)
        del angles
        return cos, sin
