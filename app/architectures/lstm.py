"""A recurrent language model: embedding, LSTM layers, a linear layer over the vocabulary; dropout between all of them."""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.batch import held_indices
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Inputs, Network, Options
from app.tape import operators as op
from app.tape.modules import Embedding, Module
from app.tape.operators import CELLS, CellWeights
from app.tape.tensor import Parameter, Tape, Tensor

DEFAULT_DROPOUT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LstmSpec:
    """Sizes of a recurrent language model. The defaults are the medium model of Zaremba et al. 2014."""

    vocabulary: int = 10_000
    embedding_size: int = 650
    hidden_size: int = 650
    layers: int = 2
    dropout: float = DEFAULT_DROPOUT


class RecurrentCell(Module):
    """Weights of one recurrent layer and direction, as torch.nn.LSTM, GRU and RNN keep them; Keras has one bias where they have two."""

    def __init__(self, kind: str, inputs: int, hidden: int, *, second_bias: bool = True) -> None:
        self.cell = CELLS[kind]
        gates = self.cell.gates * hidden
        self.weight_ih, self.weight_hh = Parameter(gates, inputs), Parameter(gates, hidden)
        self.bias_ih = Parameter(gates)
        self.bias_hh = Parameter(gates) if second_bias else None

    def __call__(self, x: Tensor) -> Tensor:
        return op.recurrent_layer(x, CellWeights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh), self.cell)


class Recurrent(Module):
    """Recurrent layers one on the other, with dropout between them, over [batch, length, inputs]."""

    def __init__(self, kind: str, sizes: tuple[int, int], *, layers: int = 1, dropout: float = 0.0, bidirectional: bool = False) -> None:
        inputs, hidden = sizes
        self.dropout, self.hidden = dropout, hidden
        directions = 2 if bidirectional else 1
        widths = [inputs, *[hidden * directions] * (layers - 1)]
        self.layers = [[RecurrentCell(kind, width, hidden) for _ in range(directions)] for width in widths]
        self.cells = [cell for layer in self.layers for cell in layer]

    def __call__(self, x: Tensor) -> Tensor:
        first_states = self._states(x)
        for index, directions in enumerate(self.layers):
            x = op.dropout(x, self.dropout) if index else x
            outputs = [cell(x) for cell in directions]
            x = op.concatenate(outputs, axis=2) if len(outputs) > 1 else outputs[0]
            del outputs
        del first_states
        return x

    def _states(self, x: Tensor) -> list[Tensor]:
        """The states of all cells before the first step."""
        shape = (len(self.cells), x.shape[0], self.hidden)
        return [x.tape.empty(shape, x.dtype) for _ in range(self.cells[0].cell.states)]


class Projection(Module):
    """A linear layer over hidden states that lie step by step in memory, so that the bias is added to a product of its own."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.weight, self.bias = Parameter(outputs, inputs), Parameter(outputs)

    def __call__(self, x: Tensor) -> Tensor:
        product = op.linear(op.contiguous(x), self.weight)
        return op.add(product, op.lower(self.bias))


class LstmLanguageModel(Network):
    """Next-token prediction with an LSTM."""

    family: ClassVar[str] = "recurrent"

    def __init__(self, spec: LstmSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.vocabulary, self.dropout = spec.vocabulary, spec.dropout
        self.emb = Embedding(spec.vocabulary, spec.embedding_size)
        self.rnn = Recurrent("lstm", (spec.embedding_size, spec.hidden_size), layers=spec.layers, dropout=spec.dropout)
        self.out = Projection(spec.hidden_size, spec.vocabulary)

    def logits(self, tokens: Tensor) -> Tensor:
        """Scores of the next token at every position, [batch, length, vocabulary]."""
        hidden = self.rnn(op.dropout(self.emb(tokens), self.dropout))
        return self.out(op.dropout(hidden, self.dropout))

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean cross-entropy over all positions."""
        tokens, labels = (held_indices(tape, inputs.batch, inputs.sequence) for _ in range(2))
        return op.cross_entropy(self.logits(tokens).flatten(0, 1), labels)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Scores without gradients."""
        return self.logits(held_indices(tape, inputs.batch, inputs.sequence))
