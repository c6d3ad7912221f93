"""What detectors share that predict a set of boxes: the box head, and a loss over the best match of predictions with objects.

Written as transformers 5.23 computes them (loss/loss_for_object_detection.py). The loss itself works on as many rows as there are objects,
a few kilobytes; the costs of matching each prediction with each object are the only large tensors.
"""

from app.architectures.batch import held, held_indices
from app.architectures.detection_parts import BOXES_PER_IMAGE
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Linear, Module
from app.tape.recorder import Category
from app.tape.tensor import Tape, Tensor

COORDINATES = 4
COSTS_HELD = (
    12  # numbers for each pair while overlaps are worked out: costs of class and corners, overlap, union, and four pairs of corners
)

Answer = tuple[Tensor, Tensor]  # scores of the classes and boxes, [batch, queries, ...]


class Perceptron(Module):
    """Three projections with ReLU between them."""

    def __init__(self, hidden: int, outputs: int) -> None:
        self.layers = [Linear(hidden, hidden), Linear(hidden, hidden), Linear(hidden, outputs)]

    def __call__(self, x: Tensor) -> Tensor:
        first, second, last = self.layers
        x = op.activation(first(x), "relu")
        x = op.activation(second(x), "relu")
        return last(x)


class BoxPredictor(Perceptron):
    """A box for each row of the stream, as shares of the picture's sides."""

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden, COORDINATES)

    def __call__(self, x: Tensor) -> Tensor:
        return op.activation(super().__call__(x), "sigmoid")


def targets(tape: Tape, batch: int) -> Tensor:
    """Classes and boxes of the objects in each picture; gives the boxes of the last."""
    for _ in range(batch):
        held_indices(tape, BOXES_PER_IMAGE)
    boxes = [held(tape, (BOXES_PER_IMAGE, COORDINATES), FP32) for _ in range(batch)]
    return boxes[-1]


def matching_loss(answers: list[Answer], truth: Tensor) -> Tensor:
    """The sum of the losses of some answers: cross-entropy of the classes, absolute and overlap differences of the matched boxes."""
    losses: list[Tensor] = []
    for scores, boxes in answers:
        match(scores, boxes.shape[0])
        batch, queries, classes = scores.shape
        losses.append(op.cross_entropy(scores.view(batch * queries, classes), truth.tape.empty((batch * queries,), truth.dtype)))
        losses.append(op.mean(op.part(boxes, batch * BOXES_PER_IMAGE, COORDINATES)))
    total = losses[0]
    for loss in losses[1:]:
        total = op.add(total, loss)
    return total


def match(scores: Tensor, batch: int) -> None:
    """The costs of giving each prediction to each object of the batch, worked out and dropped."""
    tape, rows = scores.tape, scores.shape[0] * scores.shape[1]
    probabilities = tape.empty((rows, scores.shape[-1]), FP32 if tape.autocast is not None else scores.dtype)
    costs = tape.empty((COSTS_HELD, rows, batch * BOXES_PER_IMAGE), FP32, Category.WORKSPACE)
    del probabilities, costs
