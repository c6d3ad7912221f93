"""T5: relative position biases shared by all layers, norms without a mean, no projection biases (modeling_t5.py, transformers 5.23)."""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import IN_OWN_TYPE, Attend, Attended, causal_mask
from app.architectures.cache import DecoderCache
from app.architectures.half_range import within_half_range
from app.architectures.network import Inputs, Network, Options, block_kinds, indices
from app.tape import operators as op
from app.tape.dtypes import INT64
from app.tape.modules import Blocks, Embedding, Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class T5Spec:
    """Hyper-parameters of T5. `head_size` x `heads` need not be `hidden`."""

    vocabulary: int
    hidden: int
    feed_forward: int
    heads: int
    head_size: int
    encoder_layers: int
    decoder_layers: int
    buckets: int = 32
    activation: str = "relu"
    gated: bool = False
    dropout: float = 0.1
    tied: bool = True
    scaled_output: bool = True
    biases_by_layer: bool = False  # UMT5: position biases of every layer's own


class Norm(Module):
    """Root-mean-square norm whose product is taken with the stream as it is, not with its fp32 copy."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        return op.rms_norm_of_stream(x, self.weight)


class Attention(Module):
    """Multi-head attention, over its own stream or over the encoder's, with a bias or a mask that holds one."""

    def __init__(self, spec: T5Spec, options: Options, *, causal: bool) -> None:
        self.heads, self.size = spec.heads, spec.head_size
        self.attend = Attend(implementation=options.attention, dropout=spec.dropout, causal=causal, style=IN_OWN_TYPE)
        inner = spec.heads * spec.head_size
        self.q = Linear(spec.hidden, inner, bias=False)
        self.k = Linear(spec.hidden, inner, bias=False)
        self.v = Linear(spec.hidden, inner, bias=False)
        self.o = Linear(inner, spec.hidden, bias=False)

    def __call__(self, x: Tensor, states: Tensor, mask: Tensor | None, bias: Tensor | None) -> Attended:
        query, key, value = self._heads(self.q(x)), self._heads(self.k(states)), self._heads(self.v(states))
        out, weights = self.attend(query, key, value, mask, bias)
        return self.o(out.flatten(2)), weights

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, self.size).transpose(1, 2)


class AttentionLayer(Module):
    """Attention on the normed stream, dropout and the residual sum."""

    def __init__(self, spec: T5Spec, options: Options, *, causal: bool) -> None:
        self.dropout = spec.dropout
        self.attention = Attention(spec, options, causal=causal)
        self.layer_norm = Norm(spec.hidden)

    def __call__(self, x: Tensor, states: Tensor | None, mask: Tensor | None, bias: Tensor | None) -> Attended:
        normed = self.layer_norm(x)
        out, weights = self.attention(normed, normed if states is None else states, mask, bias)
        return within_half_range(op.add(x, op.dropout(out, self.dropout))), weights


class PlainProjections(Module):
    """Widening with an activation."""

    def __init__(self, spec: T5Spec) -> None:
        self.activation = spec.activation
        self.wi = Linear(spec.hidden, spec.feed_forward, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        hidden = self.wi(x)
        return activate(hidden, self.activation)


class GatedProjections(Module):
    """Widening with an activated gate."""

    def __init__(self, spec: T5Spec) -> None:
        self.activation = spec.activation
        self.wi_0 = Linear(spec.hidden, spec.feed_forward, bias=False)
        self.wi_1 = Linear(spec.hidden, spec.feed_forward, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        gate = activate(self.wi_0(x), self.activation)
        linear = self.wi_1(x)
        return op.multiply(gate, linear)


class FeedForward(Module):
    """Widening and narrowing of the normed stream; the last projection is fed in the type of its weight."""

    def __init__(self, spec: T5Spec) -> None:
        self.dropout = spec.dropout
        self.widen = GatedProjections(spec) if spec.gated else PlainProjections(spec)
        self.wo = Linear(spec.feed_forward, spec.hidden, bias=False)
        self.layer_norm = Norm(spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        forwarded = self.layer_norm(x)
        forwarded = self._projected(forwarded)
        return within_half_range(op.add(x, op.dropout(forwarded, self.dropout)))

    def _projected(self, x: Tensor) -> Tensor:
        hidden = self.widen(x)
        hidden = op.dropout(hidden, self.dropout)
        hidden = op.cast(hidden, self.wo.weight.dtype)
        return self.wo(hidden)


class Block(Module):
    """Self-attention, in the decoder cross-attention, then feed-forward."""

    def __init__(self, spec: T5Spec, options: Options, *, decoder: bool) -> None:
        self.self_attention = AttentionLayer(spec, options, causal=decoder)
        self.cross_attention = AttentionLayer(spec, options, causal=False) if decoder else None
        self.feed_forward = FeedForward(spec)
        self.relative_attention_bias = Embedding(spec.buckets, spec.heads) if spec.biases_by_layer else None

    def __call__(self, x: Tensor, mask: Tensor | None, bias: Tensor | None, states: Tensor | None, cross_bias: Tensor | None) -> Tensor:
        if self.relative_attention_bias is not None:
            bias = position_bias(self.relative_attention_bias, x)
        x, _ = self.self_attention(x, None, mask, bias)
        if self.cross_attention and cross_bias:
            x, _ = self.cross_attention(x, states, cross_bias, None)
        return self.feed_forward(x)


def position_bias(table: Embedding, x: Tensor) -> Tensor:
    """One number a head for each distance of two positions: [1, heads, length, length]."""
    length, heads = x.shape[1], table.weight.shape[1]
    buckets = x.tape.empty((length, length), INT64)
    return table(buckets).view(1, heads, length, length)


class Stack(Module):
    """The encoder or the decoder."""

    def __init__(self, spec: T5Spec, options: Options, embedding: Embedding, *, decoder: bool) -> None:
        self.spec, self.options, self.decoder = spec, options, decoder
        self.embed_tokens = embedding
        self.relative_attention_bias = None if spec.biases_by_layer else Embedding(spec.buckets, spec.heads)
        count = spec.decoder_layers if decoder else spec.encoder_layers
        self.block = Blocks(block_kinds(count, options), lambda layer: Block(spec, options, decoder=decoder))
        self.final_layer_norm = Norm(spec.hidden)

    def __call__(self, tokens: Tensor, states: Tensor | None = None) -> Tensor:
        embedded = self.embed_tokens(tokens)
        mask = causal_mask(embedded, None, self.options.attention) if self.decoder else None
        bias = None if self.relative_attention_bias is None else position_bias(self.relative_attention_bias, tokens)
        cross_bias = None if states is None else self._no_bias(embedded, states)
        x = self.block.run(op.dropout(embedded, self.spec.dropout), mask, bias, states, cross_bias, checkpointed=self.options.checkpointed)
        x = self.final_layer_norm(x)
        return op.dropout(x, self.spec.dropout)

    def _no_bias(self, x: Tensor, states: Tensor) -> Tensor:
        """Zeros where cross-attention expects a bias; under checkpointing they are given a gradient."""
        tape = x.tape
        zeros = tape.empty((1, self.spec.heads, x.shape[1], states.shape[1]), tape.autocast or x.dtype)
        zeros.requires_grad = tape.training and self.options.checkpointed
        return zeros


class T5(Network):
    """T5 with its language-model head."""

    family: ClassVar[str] = "encoder_decoder"

    def __init__(self, spec: T5Spec, options: Options) -> None:
        self.spec, self.options, self.vocabulary = spec, options, spec.vocabulary
        self.shared = Embedding(spec.vocabulary, spec.hidden)
        self.encoder = Stack(spec, options, self.shared, decoder=False)
        self.decoder = Stack(spec, options, self.shared, decoder=True)
        self.lm_head = Linear(spec.hidden, spec.vocabulary, bias=False)
        if spec.tied:
            self.lm_head.weight = self.shared.weight

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Logits of every target position."""
        _, decoded = self._states(tape, inputs)
        return self._logits(decoded)

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Cross-entropy of all target tokens, on logits in their own type."""
        labels = indices(tape, inputs.batch, inputs.target or inputs.sequence)
        _, decoded = self._states(tape, inputs)  # both stay alive until the loss is known
        logits = self._logits(decoded)
        return op.cross_entropy(logits.flatten(0, 1), labels.flatten())

    def _states(self, tape: Tape, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """What encoder and decoder give."""
        encoded = self.encoder(indices(tape, inputs.batch, inputs.sequence))
        return encoded, self.decoder(indices(tape, inputs.batch, inputs.target or inputs.sequence), encoded)

    def _logits(self, decoded: Tensor) -> Tensor:
        return self.lm_head(op.scaled(decoded) if self.spec.scaled_output else decoded)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads

    def decoder_cache(self, prompt: int) -> DecoderCache:
        """Keys and values of all heads."""
        return DecoderCache(layers=self.spec.decoder_layers, width=self.spec.heads * self.spec.head_size, encoder_positions=prompt)
