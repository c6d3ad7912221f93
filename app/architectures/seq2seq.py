"""Encoder-decoders with learned positions: BART, mBART and, over audio, Whisper.

Written as transformers 5.23 computes them (modeling_bart.py, modeling_mbart.py, modeling_whisper.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import IN_OWN_TYPE, Attend, Attended, causal_mask
from app.architectures.cache import DecoderCache
from app.architectures.half_range import within_half_range
from app.architectures.network import Inputs, Network, Options, block_kinds, indices
from app.tape import operators as op
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor

POSITION_OFFSET = 2  # rows of BART's position tables that no position uses


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSpec:
    """One of the two rows of blocks. `heads_first`: queries, keys and values are copied to lie heads first."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    activation: str = "gelu"
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0
    norm_first: bool = False
    norm_embeddings: bool = True
    final_norm: bool = False
    key_bias: bool = True
    heads_first: bool = False
    learned_positions: bool = True  # else a fixed table of sines
    counted_positions: bool = True  # whether that table is among the parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Seq2SeqSpec:
    """An encoder-decoder over text."""

    vocabulary: int
    encoder: StackSpec
    decoder: StackSpec
    scaled_embeddings: bool = False
    tied: bool = True
    offset: int = POSITION_OFFSET
    biased_logits: bool = True


class Attention(Module):
    """Multi-head attention over its own stream or over the encoder's."""

    def __init__(self, spec: StackSpec, options: Options, *, causal: bool) -> None:
        self.spec, self.size = spec, spec.hidden // spec.heads
        self.attend = Attend(
            implementation=options.attention, dropout=spec.attention_dropout, causal=causal,
            style=IN_OWN_TYPE, heads_first=spec.heads_first,
        )  # fmt: skip
        self.k_proj = Linear(spec.hidden, spec.hidden, bias=spec.key_bias)
        self.v_proj = Linear(spec.hidden, spec.hidden)
        self.q_proj = Linear(spec.hidden, spec.hidden)
        self.out_proj = Linear(spec.hidden, spec.hidden)

    def __call__(self, x: Tensor, states: Tensor, mask: Tensor | None) -> Attended:
        query = self.q_proj(x)
        query = self._heads(op.scaled(query) if self.spec.heads_first else query)
        key, value = self._heads(self.k_proj(states)), self._heads(self.v_proj(states))
        out, weights = self.attend(query, key, value, mask)
        return self.out_proj(out.flatten(2)), weights

    def _heads(self, x: Tensor) -> Tensor:
        heads = x.view(*x.shape[:2], self.spec.heads, self.size).transpose(1, 2)
        return op.contiguous(heads) if self.spec.heads_first else heads


class Block(Module):
    """Self-attention, in the decoder cross-attention, and feed-forward, each with a norm before it or after its residual sum."""

    def __init__(self, spec: StackSpec, options: Options, *, decoder: bool) -> None:
        self.spec = spec
        self.self_attn = Attention(spec, options, causal=decoder)
        self.self_attn_layer_norm = LayerNorm(spec.hidden)
        self.encoder_attn = Attention(spec, options, causal=False) if decoder else None
        self.encoder_attn_layer_norm = LayerNorm(spec.hidden) if decoder else None
        self.fc1 = Linear(spec.hidden, spec.feed_forward)
        self.fc2 = Linear(spec.feed_forward, spec.hidden)
        self.final_layer_norm = LayerNorm(spec.hidden)

    def __call__(self, x: Tensor, mask: Tensor | None, states: Tensor | None) -> Tensor:
        x = self._attended(x, None, mask, self.self_attn, self.self_attn_layer_norm)
        if self.encoder_attn and self.encoder_attn_layer_norm:
            x = self._attended(x, states, None, self.encoder_attn, self.encoder_attn_layer_norm)
        return self._fed_forward(x)

    def _attended(self, x: Tensor, states: Tensor | None, mask: Tensor | None, attention: Attention, norm: LayerNorm) -> Tensor:
        first = self.spec.norm_first
        residual = x
        x = norm(x) if first else x
        x, _ = attention(x, x if states is None else states, mask)
        x = op.dropout(x, self.spec.dropout)
        x = op.add(residual, x)
        return x if first else norm(x)

    def _fed_forward(self, x: Tensor) -> Tensor:
        first = self.spec.norm_first
        residual = x
        x = self.final_layer_norm(x) if first else x
        x = activate(self.fc1(x), self.spec.activation)
        x = op.dropout(x, self.spec.activation_dropout)
        x = self.fc2(x)
        x = op.dropout(x, self.spec.dropout)
        x = op.add(residual, x)
        if not first:
            return self.final_layer_norm(x)
        return x if self.encoder_attn else within_half_range(x)


class Stack(Module):
    """The encoder or the decoder over token embeddings."""

    def __init__(self, spec: StackSpec, options: Options, *, decoder: bool, offset: int = POSITION_OFFSET) -> None:
        self.spec, self.options, self.decoder = spec, options, decoder
        self.embed_positions = Embedding(spec.positions + offset, spec.hidden)
        if not spec.learned_positions:
            self.embed_positions.weight.requires_grad = False
            self.embed_positions.weight.buffer = not spec.counted_positions
        self.layernorm_embedding = LayerNorm(spec.hidden) if spec.norm_embeddings else None
        self.layers = Blocks(block_kinds(spec.layers, options), lambda layer: Block(spec, options, decoder=decoder))
        self.layer_norm = LayerNorm(spec.hidden) if spec.final_norm else None

    def __call__(self, embedded: Tensor, states: Tensor | None = None) -> Tensor:
        batch, length, _ = embedded.shape
        mask = causal_mask(embedded, None, self.options.attention) if self.decoder else None
        positions = self.embed_positions(indices(embedded.tape, 1 if self.decoder else batch, length))
        x = self.layers.run(self._start(embedded, positions), mask, states, checkpointed=self.options.checkpointed)
        return self.layer_norm(x) if self.layer_norm else x

    def _start(self, embedded: Tensor, positions: Tensor) -> Tensor:
        x = op.add(embedded, positions)
        x = self.layernorm_embedding(x) if self.layernorm_embedding else x
        return op.dropout(x, self.spec.dropout)


class Bart(Network):
    """BART or mBART with its language-model head, whose logits are given a constant bias."""

    family: ClassVar[str] = "encoder_decoder"

    def __init__(self, spec: Seq2SeqSpec, options: Options) -> None:
        self.spec, self.options, self.vocabulary = spec, options, spec.vocabulary
        self.shared = Embedding(spec.vocabulary, spec.encoder.hidden)
        self.encoder = Stack(spec.encoder, options, decoder=False, offset=spec.offset)
        self.decoder = Stack(spec.decoder, options, decoder=True, offset=spec.offset)
        self.final_logits_bias = Parameter(1, spec.vocabulary, buffer=True) if spec.biased_logits else None
        self.lm_head = Linear(spec.decoder.hidden, spec.vocabulary, bias=False)
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
        encoded = self.encoder(self._embedded(indices(tape, inputs.batch, inputs.sequence)))
        return encoded, self.decoder(self._embedded(indices(tape, inputs.batch, inputs.target or inputs.sequence)), encoded)

    def _embedded(self, tokens: Tensor) -> Tensor:
        return op.scaled(self.shared(tokens))

    def _logits(self, decoded: Tensor) -> Tensor:
        logits = self.lm_head(decoded)
        return op.add(logits, self.final_logits_bias) if self.final_logits_bias is not None else logits

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads of the decoder."""
        return self.spec.decoder.hidden, self.spec.decoder.feed_forward, self.spec.decoder.heads

    def decoder_cache(self, prompt: int) -> DecoderCache:
        """Keys and values of the decoder's width."""
        decoder = self.spec.decoder
        return DecoderCache(layers=decoder.layers, width=decoder.hidden, encoder_positions=prompt, positions=decoder.positions)
