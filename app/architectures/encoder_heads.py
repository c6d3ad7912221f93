"""What is put on top of an encoder, each with the loss that transformers 5.23 trains it with."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.network import Inputs, Network, indices
from app.tape import operators as op
from app.tape.modules import Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """Sizes of a head. `activation` and `dropout_first` tell the sequence heads of the families apart."""

    hidden: int
    vocabulary: int
    embedding: int
    labels: int = 2
    activation: str = "tanh"
    transform_activation: str = "gelu"
    dropout: float = 0.1
    dropout_first: bool = False
    tied: bool = True
    transform_bias: bool = True
    norm_bias: bool = True
    decoder_bias: bool = True


class EncoderHead(Module, ABC):
    """Makes logits from the hidden states [batch, length, hidden], and a loss from them."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor: ...

    def loss(self, x: Tensor) -> Tensor:
        """Mean cross-entropy of the logits, in their own type."""
        logits = self(x)
        labels = indices(x.tape, *logits.shape[:-1])
        return op.cross_entropy(logits.view(-1, logits.shape[-1]), labels.flatten())


HeadMaker = Callable[[HeadSpec, Embedding], EncoderHead]


class HeadedEncoder(Network):
    """An encoder with one of its heads on top."""

    family: ClassVar[str] = "encoder"
    head: EncoderHead

    @abstractmethod
    def hidden_states(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The output of the last block, [batch, length, hidden]."""

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The loss of the head."""
        return self.head.loss(self.hidden_states(tape, inputs))

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the head gives."""
        return self.head(self.hidden_states(tape, inputs))


class MaskedLanguageHead(EncoderHead):
    """A transformed stream against the token table: logits over the vocabulary at every position."""

    def __init__(self, spec: HeadSpec, table: Embedding) -> None:
        self.activation = spec.transform_activation
        self.dense = Linear(spec.hidden, spec.embedding)
        self.norm = LayerNorm(spec.embedding)
        self.decoder = Linear(spec.embedding, spec.vocabulary)
        if spec.tied:
            self.decoder.weight = table.weight

    def __call__(self, x: Tensor) -> Tensor:
        x = self.dense(x)
        x = activate(x, self.activation)
        x = self.norm(x)
        return self.decoder(x)


class SequenceHead(EncoderHead):
    """Class scores from the first position: a projection, an activation, dropout and the classifier."""

    def __init__(self, spec: HeadSpec, _: Embedding) -> None:
        self.spec = spec
        self.dense = Linear(spec.hidden, spec.hidden)
        self.classifier = Linear(spec.hidden, spec.labels)

    def __call__(self, x: Tensor) -> Tensor:
        first = op.part(x, x.shape[0], x.shape[2])
        first = op.dropout(first, self.spec.dropout if self.spec.dropout_first else 0.0)
        first = activate(self.dense(first), self.spec.activation)
        first = op.dropout(first, self.spec.dropout)
        return self.classifier(first)


class TokenHead(EncoderHead):
    """Class scores of every position."""

    def __init__(self, spec: HeadSpec, _: Embedding) -> None:
        self.dropout = spec.dropout
        self.classifier = Linear(spec.hidden, spec.labels)

    def __call__(self, x: Tensor) -> Tensor:
        return self.classifier(op.dropout(x, self.dropout))


class SpanHead(EncoderHead):
    """Scores of every position for being the start or the end of an answer."""

    def __init__(self, spec: HeadSpec, _: Embedding) -> None:
        self.qa_outputs = Linear(spec.hidden, 2)

    def __call__(self, x: Tensor) -> Tensor:
        return self.qa_outputs(x)

    def loss(self, x: Tensor) -> Tensor:
        """Mean of the cross-entropies of start and end over the positions."""
        batch, length, _ = x.shape
        start, end = (op.contiguous(scores).view(batch, length) for scores in op.split(self(x), (1, 1)))
        labels = indices(x.tape, batch)
        return op.scaled(op.add(op.cross_entropy(start, labels), op.cross_entropy(end, labels)))


class PretrainingHead(EncoderHead):
    """BERT's two pre-training tasks: masked tokens, and whether the second sentence follows the first."""

    def __init__(self, spec: HeadSpec, table: Embedding) -> None:
        self.pooler = Linear(spec.hidden, spec.hidden)
        self.predictions = MaskedLanguageHead(spec, table)
        self.seq_relationship = Linear(spec.hidden, 2)

    def __call__(self, x: Tensor) -> Tensor:
        return self.predictions(x)

    def loss(self, x: Tensor) -> Tensor:
        """Sum of both cross-entropies."""
        pooled = op.activation(self.pooler(op.part(x, x.shape[0], x.shape[2])), "tanh")
        tokens = self.predictions.loss(x)
        following = op.cross_entropy(self.seq_relationship(pooled), indices(x.tape, x.shape[0]))
        return op.add(tokens, following)


class DiscriminatorHead(EncoderHead):
    """One score for every position: whether its token was replaced (ELECTRA's pre-training)."""

    def __init__(self, spec: HeadSpec, _: Embedding) -> None:
        self.activation = spec.transform_activation
        self.dense = Linear(spec.hidden, spec.hidden)
        self.dense_prediction = Linear(spec.hidden, 1)

    def __call__(self, x: Tensor) -> Tensor:
        return self.dense_prediction(activate(self.dense(x), self.activation))


class PooledStates(EncoderHead):
    """No head: the hidden states and, in BERT, the pooled first position."""

    def __init__(self, spec: HeadSpec, _: Embedding) -> None:
        self.pooler = Linear(spec.hidden, spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        return op.activation(self.pooler(op.part(x, x.shape[0], x.shape[2])), "tanh")


class HiddenStates(EncoderHead):
    """No head and no pooling: the hidden states themselves."""

    def __init__(self, _spec: HeadSpec, _: Embedding) -> None:
        """Holds no weights."""

    def __call__(self, x: Tensor) -> Tensor:
        return x
