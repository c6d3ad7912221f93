"""Encoders with rotary positions and gated feed-forward parts: NomicBERT with norms after each part, EuroBERT built as a Llama.

Source: modeling_nomic_bert.py, modeling_eurobert.py (transformers 5.23).
"""

from abc import abstractmethod
from dataclasses import replace

from app.architectures.attention import IN_OWN_TYPE, Masks, bidirectional_mask
from app.architectures.cache import KvCache
from app.architectures.decoder import Attention, DecoderBlock, DecoderSpec, feed_forward_of
from app.architectures.encoder_heads import EncoderHead, HeadedEncoder, HeadMaker, HeadSpec
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.architectures.positions import Turns, rotation
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor


class TwoWayAttention(Attention):
    """Attention to all positions, before and after."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        self.attend = replace(self.attend, causal=False)


class OwnTypeAttention(TwoWayAttention):
    """The same with a softmax in the type of the scores where it is written out."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        self.attend = replace(self.attend, style=IN_OWN_TYPE)


class PostNormBlock(Module):
    """Attention, then feed-forward, each added to the stream before its norm."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        self.dropout = spec.residual_dropout
        self.self_attn = OwnTypeAttention(spec, options, layer)
        self.mlp = feed_forward_of(spec)
        self.post_attention_layernorm, self.post_mlp_layernorm = LayerNorm(spec.hidden), LayerNorm(spec.hidden)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        attended, _ = self.self_attn(x, turns, masks, cache)
        x = op.add(x, op.dropout(attended, self.dropout))
        x = self.post_attention_layernorm(x)
        residual = x
        x = self.mlp(x)
        x = op.add(residual, op.dropout(x, self.dropout))
        return self.post_mlp_layernorm(x)


class RotaryEncoder(HeadedEncoder):
    """What both have in common. Subclasses say how tokens are embedded, what a block is, and what comes after the last."""

    def __init__(self, spec: DecoderSpec, options: Options, head: HeadMaker, head_spec: HeadSpec) -> None:
        self.spec, self.options, self.vocabulary = spec, options, spec.vocabulary
        self.word_embeddings = Embedding(spec.vocabulary, spec.hidden)
        self.layers = Blocks(block_kinds(spec.layers, options), lambda layer: self.block(spec, options, layer))
        self.head = head(head_spec, self.word_embeddings)

    @abstractmethod
    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One block."""

    def embedded(self, tokens: Tensor) -> Tensor:
        """The stream that enters the first block."""
        return self.word_embeddings(tokens)

    def finished(self, x: Tensor) -> Tensor:
        """The stream after the last block."""
        return x

    def hidden_states(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the head is applied to, [batch, length, hidden]."""
        x = self.embedded(indices(tape, inputs.batch, inputs.sequence))
        mask = bidirectional_mask(x, self.options.attention)
        turns = {None: rotation(x, self.spec.head_size)}
        return self.finished(self.layers(x, turns, {None: mask}, None, checkpointed=self.options.checkpointed))

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads


class NomicBert(RotaryEncoder):
    """NomicBERT with one of its heads: token types are embedded too."""

    def __init__(self, spec: DecoderSpec, types: int, options: Options, head: HeadMaker, head_spec: HeadSpec) -> None:
        super().__init__(spec, options, head, head_spec)
        self.token_type_embeddings, self.norm = Embedding(types, spec.hidden), LayerNorm(spec.hidden)

    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One block with norms after its parts."""
        return PostNormBlock(spec, options, layer)

    def embedded(self, tokens: Tensor) -> Tensor:
        """Tokens and types, normed."""
        x = super().embedded(tokens)
        types = self.token_type_embeddings(indices(tokens.tape, *tokens.shape))
        x = op.add(x, types)
        x = self.norm(x)
        return op.dropout(x, self.spec.embedding_dropout)


class EuroBert(RotaryEncoder):
    """EuroBERT with one of its heads."""

    def __init__(self, spec: DecoderSpec, options: Options, head: HeadMaker, head_spec: HeadSpec) -> None:
        super().__init__(spec, options, head, head_spec)
        self.norm = spec.norm(spec.hidden)

    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One block of a Llama that looks both ways."""
        return DecoderBlock(spec, options, layer, TwoWayAttention)

    def finished(self, x: Tensor) -> Tensor:
        """The normed stream."""
        return self.norm(x)


class FloatMaskedLanguage(EncoderHead):
    """Logits straight from the stream, handed to the loss in fp32."""

    def __init__(self, spec: HeadSpec, table: Embedding) -> None:
        self.lm_head = Linear(spec.hidden, spec.vocabulary, bias=spec.decoder_bias)
        if spec.tied:
            self.lm_head.weight = table.weight

    def __call__(self, x: Tensor) -> Tensor:
        return self.lm_head(x)

    def loss(self, x: Tensor) -> Tensor:
        """Mean cross-entropy over all positions."""
        logits = self(x)
        return op.cross_entropy(op.cast(logits, FP32).flatten(0, 1), indices(x.tape, *logits.shape[:-1]).flatten())


class PooledScores(EncoderHead):
    """Class scores of a sequence, averaged over all positions (`late`) or from one vector that stands for it."""

    def __init__(self, spec: HeadSpec, _: Embedding, *, pooling: str) -> None:
        self.pooling = pooling
        self.dense, self.classifier = Linear(spec.hidden, spec.hidden), Linear(spec.hidden, spec.labels)

    def __call__(self, x: Tensor) -> Tensor:
        batch, _, hidden = x.shape
        if self.pooling != "late":
            x = op.part(x, batch, hidden) if self.pooling == "bos" else op.mean(x, batch, hidden)
        scores = self.classifier(op.activation(self.dense(x), "gelu"))
        return op.mean(scores, batch, scores.shape[-1]) if self.pooling == "late" else scores
