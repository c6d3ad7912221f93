"""The tape on networks small enough to count by hand."""

from app.tape import operators as op
from app.tape.autograd import backward
from app.tape.checkpointing import checkpoint
from app.tape.dtypes import BF16, FP32, INT64
from app.tape.modules import Linear, Module
from app.tape.recorder import Category, Phase
from app.tape.tensor import Tape, Tensor
from app.tape.trace import TrainingRun, load, trace_training

KIB = 1024


def tensor(tape: Tape, *shape: int, gradient: bool = False) -> Tensor:
    made = tape.empty(shape, FP32, Category.INPUTS)
    made.requires_grad = gradient
    return made


def live(tape: Tape) -> int:
    return sum(tape.record.deltas)


def test_a_tensor_counts_in_when_made_and_out_when_dropped() -> None:
    tape = Tape()
    x = tensor(tape, 256)
    assert live(tape) == KIB
    del x
    assert live(tape) == 0


def test_sizes_round_up_to_512_bytes() -> None:
    tape = Tape()
    x = tensor(tape, 1)
    assert live(tape) == 512
    assert x.bytes == 4


def test_views_share_one_storage() -> None:
    tape = Tape()
    x = tensor(tape, 16, 16)
    seen = x.view(256).view(4, 64)
    del x
    assert live(tape) == KIB
    assert seen.shape == (4, 64)


def test_a_linear_layer_keeps_its_input_for_the_weight_gradient() -> None:
    tape = Tape(training=True)
    layer = Linear(256, 256, bias=False)
    load(layer, tape, FP32)
    before = live(tape)
    x = tensor(tape, 1, 256)
    out = layer(x)
    del x
    assert live(tape) - before == 2 * KIB, "input and output"
    assert out.requires_grad


def test_a_frozen_linear_layer_keeps_nothing() -> None:
    tape = Tape(training=True)
    layer = Linear(256, 256, bias=False)
    layer.weight.requires_grad = False
    load(layer, tape, FP32)
    before = live(tape)
    x = op.add(tensor(tape, 1, 256, gradient=True), tensor(tape, 1, 256))
    out = layer(x)
    del x
    assert live(tape) - before == out.bytes + 1024, "the output, and the leaf that the gradient goes to"


def test_in_place_relu_adds_nothing_and_a_fused_activation_adds_its_output() -> None:
    tape = Tape(training=True)
    x = op.add(tensor(tape, 256, gradient=True), tensor(tape, 256))
    before = live(tape)
    x = op.relu_(x)
    assert live(tape) == before
    kept = op.activation(x, "silu")
    assert live(tape) == before + kept.bytes


def test_backward_frees_what_was_saved_and_leaves_gradients() -> None:
    tape = Tape(training=True)
    layer = Linear(256, 256, bias=False)
    load(layer, tape, FP32)
    before = live(tape)
    loss = op.cross_entropy(layer(tensor(tape, 4, 256)), tape.empty((4,), INT64))
    tape.record.enter(Phase.BACKWARD)
    backward(loss)
    del loss
    assert live(tape) - before == layer.weight.bytes
    assert layer.weight.grad is not None


def test_autocast_makes_one_copy_of_each_weight_and_one_of_each_input() -> None:
    tape = Tape(training=True, autocast=BF16)
    layer = Linear(256, 256, bias=False)
    load(layer, tape, FP32)
    x = tensor(tape, 256, 256)
    before = live(tape)
    first = layer(x)
    copies = layer.weight.size * 2
    assert live(tape) - before == copies + x.size * 2 + first.bytes
    second = layer(x)
    assert live(tape) - before == copies + 2 * x.size * 2 + first.bytes + second.bytes, "the weight's copy is cached, the input's is not"


class TwoLayers(Module):
    def __init__(self) -> None:
        self.first, self.second = Linear(256, 256, bias=False), Linear(256, 256, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        return self.second(op.activation(self.first(x), "silu"))


def test_checkpointing_keeps_only_the_input_and_gives_the_same_gradients() -> None:
    def run(checkpointed: bool) -> tuple[int, int]:
        tape = Tape(training=True)
        block = TwoLayers()
        load(block, tape, FP32)
        x = op.add(tensor(tape, 64, 256, gradient=True), tensor(tape, 64, 256))
        before = live(tape)
        out = checkpoint(block, x) if checkpointed else block(x)
        kept = live(tape) - before - out.bytes
        tape.record.enter(Phase.BACKWARD)
        backward(op.cross_entropy(out, tape.empty((64,), INT64)))
        gradients = sum(p.grad.bytes for p in block.parameters() if p.grad is not None)
        return kept, gradients

    plain, with_checkpoint = run(checkpointed=False), run(checkpointed=True)
    assert with_checkpoint[0] == 0 < plain[0]
    assert with_checkpoint[1] == plain[1]


def test_adamw_holds_two_states_and_makes_one_copy_in_its_step() -> None:
    layer = Linear(256, 256, bias=False)
    weight = 256 * 256 * 4

    def loss(tape: Tape) -> Tensor:
        return op.cross_entropy(layer(tape.empty((1, 256), FP32)), tape.empty((1,), INT64))

    trace = trace_training(layer, loss, TrainingRun(precision="fp32"))
    step = max((m for m in trace.moments if m.phase is Phase.OPTIMIZER), key=lambda m: m.total_bytes)
    assert step.bytes_of(Category.OPTIMIZER_STATES) == 2 * weight
    assert step.bytes_of(Category.OPTIMIZER_TEMPORARIES) == weight
    assert step.bytes_of(Category.GRADIENTS) == weight
