"""Recurrent layers, step by step: what each cell keeps, and the gradients that pile up over the steps.

Source: aten/src/ATen/native/RNN.cpp (fused cells of PyTorch 2.13): two products and one cell for each step. cuDNN keeps about the same
in its reserve space. Equal steps in the middle are run once and stand for all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from app.tape.autograd import Gradients, attach, needs_grad
from app.tape.operators.casting import lower
from app.tape.operators.linear import FLOPS_PER_MAC
from app.tape.tensor import Meta, Parameter, Tape, Tensor

_STEPS_APART = 2  # steps at each end that are run one by one


@dataclass(frozen=True, slots=True)
class Cell:
    """Sizes of a recurrent cell in multiples of the hidden size. `keeps_products`: whether backward needs both gate products."""

    gates: int
    workspace: int
    states: int
    keeps_products: bool


CELLS = {"lstm": Cell(4, 4, 2, True), "gru": Cell(3, 5, 1, False), "rnn": Cell(1, 0, 1, False)}


class CellWeights(NamedTuple):
    """Weights of one layer and direction: input and hidden products, and their biases."""

    input: Parameter
    hidden: Parameter
    input_bias: Parameter | None
    hidden_bias: Parameter | None


def recurrent_layer(x: Tensor, weights: CellWeights, cell: Cell) -> Tensor:
    """All hidden states [batch, length, hidden] of one layer over x [batch, length, inputs]."""
    input_weight, hidden_weight = lower(weights.input), lower(weights.hidden)
    run = _Run(x.tape, cell, Meta(x.shape, input_weight.dtype), hidden_weight.shape[1])
    inputs = [x, input_weight, hidden_weight, weights.input_bias, weights.hidden_bias]
    recorded = needs_grad(x.tape, *inputs)
    kept = run.forward(recorded)
    out = x.tape.empty((*x.shape[:2], run.hidden), run.x.dtype)
    if not recorded:
        return out
    wanted = [t.meta if t is not None and t.requires_grad else None for t in inputs]

    def backward(gradient: Tensor) -> Gradients:
        return run.backward(kept, wanted)

    return attach(out, inputs, [x, input_weight, hidden_weight], backward)


class _Run:
    """One layer's pass over the sequence, forward and backward."""

    def __init__(self, tape: Tape, cell: Cell, x: Meta, hidden: int) -> None:
        self.tape, self.cell, self.x, self.hidden = tape, cell, x, hidden
        self.batch, self.length, self.inputs = x.shape

    def _empty(self, width: int) -> Tensor:
        return self.tape.empty((self.batch, width), self.x.dtype)

    def _steps(self) -> Iterator[int]:
        """How many equal steps each one that is run stands for; marks the stretches of the record."""
        ends = min(_STEPS_APART, self.length // 2)
        middle = self.length - 2 * ends
        for times in (*[1] * ends, *([middle] if middle else []), *[1] * ends):
            if times > 1:
                self.tape.record.begin_segment(times)
            yield times
            if times > 1:
                self.tape.record.end_segment()

    def forward(self, recorded: bool) -> list[list[Tensor]]:
        """Runs the cells; gives what each step keeps for backward, or only the hidden states."""
        kept: list[list[Tensor]] = []
        for times in self._steps():
            products = [self._empty(self.cell.gates * self.hidden) for _ in range(2)]
            states = [self._empty(self.hidden) for _ in range(self.cell.states)]
            workspace = self._empty(self.cell.workspace * self.hidden)
            self._charge(1)
            if recorded:
                kept.append([workspace, *states, *(products if self.cell.keeps_products else [])])
            else:
                kept.append([_outliving(states[0], times)])
            del products, states, workspace
        return kept

    def backward(self, kept: list[list[Tensor]], wanted: list[Meta | None]) -> list[Tensor | None]:
        """Runs the cells backward, dropping what each one kept; the weight gradients of each step are summed into a new tensor."""
        sums: list[Tensor | None] = [None] * len(wanted)
        step_gradients: list[Tensor] = []
        for times in self._steps():
            gates, state = self._empty(self.cell.gates * self.hidden), self._empty(self.hidden)
            kept.pop()
            self._charge(2)
            for index in (3, 4, 2, 1):
                sums[index] = self._summed(sums[index], wanted[index])
            if wanted[0]:
                step_gradients.append(_outliving(self._empty(self.inputs), times))
            del gates, state
        sums[0] = self.tape.like(wanted[0]) if wanted[0] else None
        return sums

    def _summed(self, held: Tensor | None, wanted: Meta | None) -> Tensor | None:
        if wanted is None:
            return None
        arriving = self.tape.like(wanted)
        return arriving if held is None else self.tape.like(wanted)

    def _charge(self, passes: int) -> None:
        weight = self.cell.gates * self.hidden * (self.inputs + self.hidden)
        flops, moved = FLOPS_PER_MAC * self.batch * weight, weight * self.x.dtype.bytes
        self.tape.record.charge("matmul", self.x.dtype, passes * flops, passes * moved)


def _outliving(tensor: Tensor, times: int) -> Tensor:
    """The tensor marked as one for each of so many steps, because it is dropped after all of them."""
    if tensor.storage is not None:
        tensor.storage.times = times
    return tensor
