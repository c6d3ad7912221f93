"""Checkpointed functions: what they keep, how far they run again, and when."""

from app.tape import operators as op
from app.tape.autograd import backward
from app.tape.checkpointing import checkpoint
from app.tape.dtypes import FP32, INT64
from app.tape.modules import Linear, Module
from app.tape.recorder import Category, Phase
from app.tape.tensor import Tape, Tensor
from app.tape.trace import load

SIZE = 256
ROWS = 64


class Part(Module):
    """Two linear layers with an activation, added to the input."""

    def __init__(self) -> None:
        self.first, self.second = Linear(SIZE, 4 * SIZE, bias=False), Linear(4 * SIZE, SIZE, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        return op.add(x, self.second(op.activation(self.first(x), "silu")))


class TwoResults(Module):
    """A stream and its context, each through a linear layer."""

    def __init__(self) -> None:
        self.first, self.second = Linear(SIZE, SIZE, bias=False), Linear(SIZE, SIZE, bias=False)

    def __call__(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        return self.first(x), self.second(context)


def leaf(tape: Tape) -> Tensor:
    made = tape.empty((ROWS, SIZE), FP32, Category.INPUTS)
    made.requires_grad = True
    return made


def live(tape: Tape) -> int:
    return sum(tape.record.deltas)


def matmul_flops(tape: Tape, phase: Phase) -> int:
    return sum(work.flops for key, work in tape.record.work.items() if key.phase is phase and key.operator == "matmul")


def run_part() -> Tape:
    tape = Tape(training=True)
    part = Part()
    load(part, tape, FP32)
    tape.record.enter(Phase.FORWARD)
    out = checkpoint(part, op.scaled(leaf(tape)))
    tape.record.enter(Phase.BACKWARD)
    backward(op.cross_entropy(out, tape.empty((ROWS,), INT64)))
    return tape


def test_the_second_run_stops_at_the_last_operator_that_saves_something() -> None:
    one_product = 2 * ROWS * SIZE * 4 * SIZE
    assert matmul_flops(run_part(), Phase.FORWARD) == 2 * one_product
    assert matmul_flops(run_part(), Phase.RECOMPUTE) == one_product, "the second product's inputs are wanted, its result is not"


def test_a_function_of_two_results_keeps_its_two_inputs() -> None:
    tape = Tape(training=True)
    part = TwoResults()
    load(part, tape, FP32)
    x, context = op.scaled(leaf(tape)), op.scaled(leaf(tape))
    before = live(tape)
    out = op.add(*checkpoint(part, x, context))
    del x, context
    assert live(tape) == before + out.bytes
    backward(op.cross_entropy(out, tape.empty((ROWS,), INT64)))
    assert all(weight.grad is not None for weight in part.parameters())


def test_all_is_let_go_after_the_backward_pass() -> None:
    tape = Tape(training=True)
    part = Part()
    load(part, tape, FP32)
    before = live(tape)
    for _ in range(2):
        out = checkpoint(part, op.scaled(leaf(tape)))
        backward(op.cross_entropy(out, tape.empty((ROWS,), INT64)))
        del out
    assert live(tape) == before + sum(weight.bytes for weight in part.parameters())
