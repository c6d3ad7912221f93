"""ModernBERT: rotary positions, local and global attention in turn, gated feed-forward, norms before each part.

Source: modeling_modernbert.py (transformers 5.23).
"""

from dataclasses import dataclass

from app.architectures.activations import activate
from app.architectures.attention import Attend, Attended, Masks, bidirectional_mask, window_kinds
from app.architectures.decoder import heads_of
from app.architectures.encoder_heads import EncoderHead, HeadedEncoder, HeadMaker, HeadSpec
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.architectures.positions import Rotation, Turns, rotation
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class ModernBertSpec:
    """Hyper-parameters of ModernBERT. `windows` holds how far each layer looks to both sides, None where it looks everywhere."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    windows: tuple[int | None, ...]
    activation: str = "gelu"
    norm_bias: bool = False
    attention_bias: bool = False
    feed_forward_bias: bool = False
    embedding_dropout: float = 0.0
    attention_dropout: float = 0.0
    feed_forward_dropout: float = 0.0

    @property
    def head_size(self) -> int:
        """Components of one head."""
        return self.hidden // self.heads


class Attention(Module):
    """Multi-head self-attention from one projection, positions turned in fp32."""

    def __init__(self, spec: ModernBertSpec, options: Options, layer: int) -> None:
        self.spec, self.window = spec, spec.windows[layer]
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, causal=False)
        self.Wqkv = Linear(spec.hidden, 3 * spec.hidden, bias=spec.attention_bias)
        self.Wo = Linear(spec.hidden, spec.hidden, bias=spec.attention_bias)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks) -> Attended:
        qkv = self.Wqkv(x)
        query, key, value = (heads_of(third, self.spec.head_size) for third in op.split(qkv, (self.spec.hidden,) * 3))
        turn = turns[self.window]
        query, key = self._turned(query, turn), self._turned(key, turn)
        out, weights = self.attend(query, key, value, masks[self.window])
        return op.dropout(self.Wo(out.flatten(2)), self.spec.attention_dropout), weights

    @staticmethod
    def _turned(x: Tensor, turn: Rotation) -> Tensor:
        cos, sin = turn
        turned = op.add(op.multiply(op.cast(x, FP32), cos), op.multiply(op.rotate_half(op.cast(x, FP32)), sin))
        return op.cast(turned, x.dtype)


class FeedForward(Module):
    """Wo(activation(input) x gate) with input and gate from one projection."""

    def __init__(self, spec: ModernBertSpec) -> None:
        self.spec = spec
        self.Wi = Linear(spec.hidden, 2 * spec.feed_forward, bias=spec.feed_forward_bias)
        self.Wo = Linear(spec.feed_forward, spec.hidden, bias=spec.feed_forward_bias)

    def __call__(self, x: Tensor) -> Tensor:
        value, gate = op.split(self.Wi(x), (self.spec.feed_forward,) * 2)
        gated = op.multiply(activate(value, self.spec.activation), gate)
        return self.Wo(op.dropout(gated, self.spec.feed_forward_dropout))


class Block(Module):
    """Attention, then feed-forward, each on the normed stream; the first block's attention takes the normed embeddings as they are."""

    def __init__(self, spec: ModernBertSpec, options: Options, layer: int) -> None:
        self.attn_norm = LayerNorm(spec.hidden, bias=spec.norm_bias) if layer else None
        self.attn = Attention(spec, options, layer)
        self.mlp_norm = LayerNorm(spec.hidden, bias=spec.norm_bias)
        self.mlp = FeedForward(spec)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks) -> Tensor:
        attended, _ = self.attn(self.attn_norm(x) if self.attn_norm else x, turns, masks)
        x = op.add(x, attended)
        return op.add(x, self.mlp(self.mlp_norm(x)))


class ModernBert(HeadedEncoder):
    """ModernBERT with one of its heads."""

    def __init__(self, spec: ModernBertSpec, options: Options, head: HeadMaker, head_spec: HeadSpec) -> None:
        self.spec, self.options, self.vocabulary = spec, options, spec.vocabulary
        self.tok_embeddings = Embedding(spec.vocabulary, spec.hidden)
        self.norm = LayerNorm(spec.hidden, bias=spec.norm_bias)
        kinds = block_kinds(spec.layers, options, lambda layer: (spec.windows[layer], layer == 0))
        self.layers = Blocks(kinds, lambda layer: Block(spec, options, layer))
        self.final_norm = LayerNorm(spec.hidden, bias=spec.norm_bias)
        self.head = head(head_spec, self.tok_embeddings)

    def hidden_states(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        embedded = self.tok_embeddings(indices(tape, inputs.batch, inputs.sequence))
        return self.final_norm(self.layers.run(*self._start(embedded), checkpointed=self.options.checkpointed))

    def _start(self, embedded: Tensor) -> tuple[Tensor, Turns, Masks]:
        x = op.dropout(self.norm(embedded), self.spec.embedding_dropout)
        windows = window_kinds(self.spec.windows)
        masks = {window: bidirectional_mask(x, self.options.attention, window) for window in windows}
        return x, {window: rotation(x, self.spec.head_size) for window in windows}, masks

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads


class PredictionHead(Module):
    """A projection, an activation and a norm."""

    def __init__(self, spec: HeadSpec) -> None:
        self.activation = spec.transform_activation
        self.dense = Linear(spec.hidden, spec.hidden, bias=spec.transform_bias)
        self.norm = LayerNorm(spec.hidden, bias=spec.norm_bias)

    def __call__(self, x: Tensor) -> Tensor:
        return self.norm(activate(self.dense(x), self.activation))


class MaskedLanguage(EncoderHead):
    """Logits over the vocabulary at every position; the loss is taken of their fp32 copy."""

    def __init__(self, spec: HeadSpec, table: Embedding) -> None:
        self.head = PredictionHead(spec)
        self.decoder = Linear(spec.hidden, spec.vocabulary, bias=spec.decoder_bias)
        if spec.tied:
            self.decoder.weight = table.weight

    def __call__(self, x: Tensor) -> Tensor:
        return self.decoder(self.head(x))

    def loss(self, x: Tensor) -> Tensor:
        """Mean cross-entropy of the logits in fp32."""
        logits = self(x)
        labels = indices(x.tape, *logits.shape[:-1])
        return op.cross_entropy(op.cast(logits, FP32).flatten(0, 1), labels.flatten())


class Classification(EncoderHead):
    """Class scores of the first position, or of every one."""

    def __init__(self, spec: HeadSpec, *, of_sequence: bool) -> None:
        self.dropout, self.of_sequence = spec.dropout, of_sequence
        self.head = PredictionHead(spec)
        self.classifier = Linear(spec.hidden, spec.labels)

    def __call__(self, x: Tensor) -> Tensor:
        pooled = op.part(x, x.shape[0], x.shape[2]) if self.of_sequence else x
        return self.classifier(op.dropout(self.head(pooled), self.dropout))
