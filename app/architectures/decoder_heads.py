"""Decoders that end in something else than words: class scores of a sequence or of every token, or their hidden states.

Written as transformers 5.23 computes them (modeling_layers.py).
"""

from typing import ClassVar

from app.architectures.cache import KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Network, indices
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Linear
from app.tape.tensor import Tape, Tensor


class HeadlessDecoder(Network):
    """A decoder without its table of words: the hidden states."""

    family: ClassVar[str] = "decoder"

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.hidden = model, model.lm_head.weight.shape[1]
        del model.lm_head

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Something that all hidden states have a gradient of."""
        return op.mean(self.forward(tape, inputs))

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The hidden states, [batch, length, hidden]."""
        return self.states(tape, inputs, self.cache(tape))

    def cache(self, tape: Tape) -> KvCache | None:
        """What decoders fill by default where they are not trained, though nothing will be decoded."""
        return None if tape.training else KvCache(tape)

    def states(self, tape: Tape, inputs: Inputs, cache: KvCache | None) -> Tensor:
        """The hidden states, [batch, length, hidden]."""
        return self.model.hidden_states(tape, inputs, cache)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.model.widths()

    def heads_per_kv(self) -> int:
        """Query heads of one group."""
        return self.model.heads_per_kv()

    def active_parameters(self) -> int | None:
        """Parameters that one token passes through, None where it passes through all."""
        active = self.model.active_parameters()
        return active and active + self.parameter_count() - self.model.parameter_count()


class SequenceClassifier(HeadlessDecoder):
    """Class scores, of which those of the last token count."""

    def __init__(self, model: LanguageModel, labels: int) -> None:
        super().__init__(model)
        self.score = Linear(self.hidden, labels, bias=False)

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Cross-entropy of each sequence's scores."""
        labels = indices(tape, inputs.batch)
        return op.cross_entropy(self.forward(tape, inputs), labels)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The last token's scores, [batch, classes]."""
        cache = self.cache(tape)
        scores = self.score(self.states(tape, inputs, cache))
        return op.contiguous(op.part(scores, inputs.batch, scores.shape[2]))


class TokenClassifier(HeadlessDecoder):
    """Class scores of every token."""

    def __init__(self, model: LanguageModel, labels: int, dropout: float) -> None:
        super().__init__(model)
        self.dropout = dropout
        self.score = Linear(self.hidden, labels)

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Cross-entropy of all tokens' scores, in fp32."""
        labels = indices(tape, inputs.batch, inputs.sequence)
        scores = self.forward(tape, inputs)
        return op.cross_entropy(op.cast(scores.flatten(0, 1), FP32), labels.flatten())

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Scores of every token, [batch, length, classes]."""
        cache = self.cache(tape)
        return self.score(op.dropout(self.states(tape, inputs, cache), self.dropout))
