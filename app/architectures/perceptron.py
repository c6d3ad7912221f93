"""A multi-layer perceptron: linear layers with ReLU and dropout between them, for classification of tables or flat images."""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from app.architectures.batch import held, held_indices, weight_dtype
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Inputs, Network, Options
from app.tape import operators as op
from app.tape.modules import Linear
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceptronSpec:
    """Width of the input, of each hidden layer, and of the output. The defaults fit handwritten digits of 28 x 28 pixels."""

    inputs: int = 784
    hidden: tuple[int, ...] = (512, 512)
    classes: int = 10
    dropout: float = 0.0


class Perceptron(Network):
    """Rows of numbers [batch, inputs] to class scores [batch, classes]."""

    family: ClassVar[str] = "dense"

    def __init__(self, spec: PerceptronSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.spec = spec
        self.layers = [Linear(before, after) for before, after in pairwise((spec.inputs, *spec.hidden))]
        self.head = Linear(spec.hidden[-1] if spec.hidden else spec.inputs, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        for layer in self.layers:
            x = op.activation(layer(x), "relu")
            x = op.dropout(x, self.spec.dropout)
        return self.head(x)

    def rows(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch, in the type of the weights."""
        return held(tape, (inputs.batch, self.spec.inputs), weight_dtype(self))

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean cross-entropy of the class scores."""
        rows, labels = self.rows(tape, inputs), held_indices(tape, inputs.batch)
        return op.cross_entropy(self.logits(rows), labels)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Class scores without gradients."""
        return self.logits(self.rows(tape, inputs))
