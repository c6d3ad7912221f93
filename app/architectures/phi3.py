"""Phi-3 and Phi-4: one projection for queries, keys and values, one for gate and value (modeling_phi3.py, transformers 5.23)."""

from app.architectures.activations import activate
from app.architectures.attention import Attend, Attended, Masks
from app.architectures.cache import KvCache
from app.architectures.decoder import DecoderBlock, DecoderSpec, heads_of
from app.architectures.network import Options
from app.architectures.positions import Turns
from app.tape import operators as op
from app.tape.modules import Linear, Module
from app.tape.tensor import Tensor


class FusedAttention(Module):
    """Grouped-query self-attention from one projection; the turned part of each head is joined to the rest by a copy."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        self.spec, self.layer, self.window = spec, layer, spec.window(layer)
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, heads_first=True)
        self.query, self.key = spec.heads * spec.head_size, spec.kv_heads * spec.head_size
        self.qkv_proj = Linear(spec.hidden, self.query + 2 * self.key, bias=False)
        self.o_proj = Linear(self.query, spec.hidden, bias=False)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        shape, size = x.shape[:2], self.spec.head_size
        qkv = self.qkv_proj(x)
        query, key, value = (heads_of(op.part(qkv, *shape, width), size) for width in (self.query, self.key, self.key))
        turn = turns[self.window]
        query, key = op.partial_rotary_embedding(query, *turn), op.partial_rotary_embedding(key, *turn)
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self.attend(query, key, value, masks[self.window])
        return self.o_proj(out.flatten(2)), weights


class FusedFeedForward(Module):
    """down(up x activation(gate)) with gate and up from one projection."""

    def __init__(self, spec: DecoderSpec) -> None:
        self.spec = spec
        self.gate_up_proj = Linear(spec.hidden, 2 * spec.feed_forward, bias=False)
        self.down_proj = Linear(spec.feed_forward, spec.hidden, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        up = self.gate_up_proj(x)
        gate, up = op.split(up, (self.spec.feed_forward,) * 2)
        up = op.multiply(up, activate(gate, self.spec.activation))
        return self.down_proj(up)


def phi3_block(spec: DecoderSpec, options: Options, layer: int) -> DecoderBlock:
    """A Llama block with fused projections."""
    return DecoderBlock(spec, options, layer, FusedAttention, FusedFeedForward)
