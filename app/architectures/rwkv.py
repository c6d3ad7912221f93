"""RWKV (version 4): a recurrence over weighted values in place of attention, each part mixing every position with the one before.

Source: modeling_rwkv.py (transformers 5.23), without its CUDA kernel.
"""

from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor

HELD_INPUTS, HELD_STATES = 2, 3  # of each layer: last inputs of its two parts; numerator, denominator and maximum of the recurrence


class Mix(Module):
    """A share of each position and the rest of the one before, by component."""

    def __init__(self, hidden: int) -> None:
        self.weight = Parameter(1, 1, hidden)

    def __call__(self, x: Tensor, before: Tensor) -> Tensor:
        return op.add(op.multiply(x, self.weight), op.multiply(before, op.shifted(self.weight)))


class TimeMixing(Module):
    """Keys, values and gates of mixed positions; the recurrence; the gated projection of what it gives."""

    def __init__(self, hidden: int, channels: int) -> None:
        self.time_decay, self.time_first = Parameter(channels), Parameter(channels)
        for parameter in (self.time_decay, self.time_first):
            parameter.own_dtype = parameter.dtype = FP32
        self.mixes = [Mix(hidden) for _ in range(3)]
        self.key, self.value, self.receptance = (Linear(hidden, channels, bias=False) for _ in range(3))
        self.output = Linear(channels, hidden, bias=False)

    def __call__(self, x: Tensor, cache: KvCache | None, layer: int) -> Tensor:
        before = op.copied(x)
        key, value, gate = (mix(x, before) for mix in self.mixes)
        key, value = self.key(key), self.value(value)
        gate = op.activation(self.receptance(gate), "sigmoid")
        decay = op.scaled(op.activation(self.time_decay, "exp"))
        out, last = op.weighted_key_values(decay, self.time_first, key, value)
        if cache is not None:
            cache.last_inputs(layer, op.part(x, x.shape[0], x.shape[2], 1), HELD_INPUTS)
            cache.keep_state(layer, last)
        return self.output(op.multiply(gate, out))


class ChannelMixing(Module):
    """A gated feed-forward part with squared ReLU, on mixed positions."""

    def __init__(self, hidden: int, width: int) -> None:
        self.mixes = [Mix(hidden) for _ in range(2)]
        self.key, self.value = Linear(hidden, width, bias=False), Linear(width, hidden, bias=False)
        self.receptance = Linear(hidden, hidden, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        before = op.copied(x)
        key, gate = (mix(x, before) for mix in self.mixes)
        key = activate(self.key(key), "relu2")
        value = self.value(key)
        gate = op.activation(self.receptance(gate), "sigmoid")
        return op.multiply(gate, value)


class Block(Module):
    """Both parts on the normed stream; the first block norms what enters it."""

    def __init__(self, hidden: int, channels: int, width: int, layer: int) -> None:
        self.layer, self.pre_ln = layer, LayerNorm(hidden) if layer == 0 else None
        self.ln1, self.ln2 = LayerNorm(hidden), LayerNorm(hidden)
        self.attention, self.feed_forward = TimeMixing(hidden, channels), ChannelMixing(hidden, width)

    def __call__(self, x: Tensor, cache: KvCache | None) -> Tensor:
        x = self.pre_ln(x) if self.pre_ln else x
        x = op.add(x, self.attention(self.ln1(x), cache, self.layer))
        return op.add(x, self.feed_forward(self.ln2(x)))


class Rwkv(LanguageModel):
    """RWKV with its language-model head."""

    family: ClassVar[str] = "decoder"

    def __init__(self, vocabulary: int, layers: int, widths: tuple[int, int, int], options: Options, *, tied: bool) -> None:
        hidden, channels, width = self.sizes = widths
        super().__init__(vocabulary, hidden, tied=tied, options=options)
        self.embeddings = Embedding(vocabulary, hidden)
        self.blocks = Blocks(block_kinds(layers, options), lambda layer: Block(hidden, channels, width, layer))
        self.ln_out = LayerNorm(hidden)
        self.tie(self.embeddings)

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        x = self.embeddings(indices(tape, inputs.batch, inputs.sequence))
        return self.ln_out(self.blocks(x, cache, checkpointed=self.options.checkpointed))

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and one head."""
        return self.sizes[0], self.sizes[2], 1

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """The last inputs and the state of the recurrence of every layer."""
        hidden, channels, _ = self.sizes
        return (CacheLayer(convolution=(hidden, HELD_INPUTS), state=(channels, HELD_STATES)),) * self.blocks.count
