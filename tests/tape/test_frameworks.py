"""What graph executors and fusing compilers write, keep and reuse, on networks small enough to count by hand."""

from dataclasses import replace

import pytest

from app.architectures.gpt2 import Gpt2, Gpt2Spec
from app.architectures.network import Inputs, Options
from app.architectures.perceptron import Perceptron, PerceptronSpec
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.frameworks import EAGER_PYTORCH, JAX, KERAS_XLA, TENSORFLOW_EAGER, TENSORFLOW_GRAPH, ExecutionRule
from app.tape.modules import Linear
from app.tape.recorder import Category
from app.tape.tensor import Tape, Tensor
from app.tape.trace import Trace, TrainingRun, load, trace_training

KIB = 1024
UNIT = 16 * KIB * KIB  # activations of one hidden layer of the perceptron below

GPT = Gpt2Spec(
    vocabulary=512, positions=128, hidden=64, layers=6, heads=4, head_size=16, feed_forward=256, embedding_dropout=0.0,
    residual_dropout=0.0, attention_dropout=0.0, tied=False,
)  # fmt: skip


def tape(rule: ExecutionRule) -> Tape:
    return Tape(training=True, execution=rule)


def tensor(on: Tape, *shape: int) -> Tensor:
    made = on.empty(shape, FP32, Category.INPUTS)
    made.requires_grad = True
    return made


def live(on: Tape) -> int:
    return sum(on.record.deltas)


def perceptron(rule: ExecutionRule, **changes: object) -> Trace:
    network = Perceptron(PerceptronSpec(inputs=1024, hidden=(4096, 4096), classes=10), Options())
    run = replace(TrainingRun(precision="fp32", optimizer="adam", execution=rule), **changes)  # type: ignore[arg-type]
    return trace_training(network, lambda on: network.loss(on, Inputs(batch=1024)), run)


def gpt(rule: ExecutionRule, *, precision: str = "fp32", checkpointed: bool = False, attention: str = "eager", batch: int = 2) -> Trace:
    network = Gpt2(GPT, Options(attention=attention, checkpointed=checkpointed))
    run = TrainingRun(precision=precision, optimizer="adam", execution=rule)
    return trace_training(network, lambda on: network.loss(on, Inputs(batch=batch, sequence=128)), run, GPT.vocabulary)


def test_a_fused_chain_of_element_wise_operators_takes_no_memory() -> None:
    on = tape(KERAS_XLA)
    x = tensor(on, 256)
    before = live(on)
    y = op.scaled(op.add(op.scaled(x), x))
    assert live(on) == before
    y.written()
    assert live(on) == before + y.bytes


def test_a_deferred_result_keeps_its_sources_until_it_is_written() -> None:
    on = tape(KERAS_XLA)
    x = on.empty((256,), FP32)
    y = op.scaled(x)
    del x
    assert live(on) == KIB
    y.written()
    assert live(on) == KIB, "the result is written over the source that nobody else needs"
    assert max(moment.total_bytes for moment in on.record.moments()) == KIB


def test_a_result_of_whole_rows_cannot_be_written_over_its_source() -> None:
    on = tape(KERAS_XLA)
    weights = op.softmax(on.empty((4, 64), FP32))
    weights.written()
    assert max(moment.total_bytes for moment in on.record.moments()) == 2 * KIB


def test_a_graph_executor_hands_memory_on_from_one_operator_to_the_next() -> None:
    on = tape(TENSORFLOW_GRAPH)
    x = on.empty((256,), FP32)
    for _ in range(5):
        x = op.scaled(x)
    assert max(moment.total_bytes for moment in on.record.moments()) == KIB


def test_eager_pytorch_defers_nothing() -> None:
    on = tape(EAGER_PYTORCH)
    x = tensor(on, 256)
    before = live(on)
    y = op.scaled(x)
    assert live(on) == before + y.bytes


def test_a_fused_product_works_a_relu_out_as_it_loads_it_and_a_convolution_does_not() -> None:
    on = tape(KERAS_XLA)
    layer = Linear(256, 256, bias=False)
    load(layer, on, FP32)
    raw = layer(tensor(on, 4, 256))
    before = live(on)
    after = layer(op.activation(raw, "relu"))
    assert live(on) == before + after.bytes
    image = op.activation(tensor(on, 1, 4, 8, 8), "relu")
    before = live(on)
    out = op.convolution(image, tensor(on, 4, 4, 1, 1), None, op.Window())
    assert live(on) == before + out.bytes + 512 + image.bytes, "output, weight of 512 bytes, and the result of the ReLU"


def test_products_read_the_results_of_norms_from_memory() -> None:
    on = tape(KERAS_XLA)
    x = tensor(on, 4, 256)
    normed = op.layer_norm(x, None, None)
    before = live(on)
    normed.multiplied()
    assert live(on) == before + normed.bytes


def test_xla_keeps_the_product_before_a_relu_and_nothing_after_it() -> None:
    """Two hidden layers; at the peak the second weight's gradient (4 units), three maps and the weights: XLA's own 117.4 MB."""
    trace = perceptron(JAX)
    states = sum(trace.peak.bytes_of(category) for category in (Category.WEIGHTS, Category.OPTIMIZER_STATES, Category.INPUTS))
    assert trace.peak_bytes - states == pytest.approx(7 * UNIT, rel=0.01)


def test_updates_during_backward_leave_no_gradients_behind() -> None:
    at_once = perceptron(JAX)
    assert at_once.moments[-1].bytes_of(Category.GRADIENTS) < at_once.parameters / 100
    for change in ({"clipping": True}, {"accumulating": True}):
        assert perceptron(JAX, **change).moments[-1].bytes_of(Category.GRADIENTS) >= 4 * at_once.parameters


def test_no_framework_but_pytorch_copies_all_weights_in_the_optimizer() -> None:
    for rule in (TENSORFLOW_GRAPH, KERAS_XLA, JAX):
        assert max(moment.bytes_of(Category.OPTIMIZER_TEMPORARIES) for moment in perceptron(rule).moments) <= 4 * UNIT
    foreach = perceptron(EAGER_PYTORCH)
    assert max(moment.bytes_of(Category.OPTIMIZER_TEMPORARIES) for moment in foreach.moments) >= 4 * foreach.parameters


def test_eager_tensorflow_needs_more_than_its_graph_and_xla_less_or_as_much() -> None:
    for trace in (perceptron, gpt):
        graph, eager, fused = (trace(rule).peak_bytes for rule in (TENSORFLOW_GRAPH, TENSORFLOW_EAGER, KERAS_XLA))
        assert eager > 1.15 * graph
        assert fused < 1.05 * graph


def test_mixed_precision_keeps_the_whole_stream_in_sixteen_bits() -> None:
    full, mixed = (gpt(JAX, precision=precision, batch=16).peak.bytes_of(Category.ACTIVATIONS) for precision in ("fp32", "amp_bf16"))
    assert 0.5 * full < mixed < 0.8 * full, "scores and tanh stay in fp32"


def test_written_out_attention_grows_with_the_square_of_the_length() -> None:
    plain, flash = (gpt(KERAS_XLA, precision="amp_bf16", attention=attention, batch=16) for attention in ("eager", "sdpa"))
    scores = GPT.layers * 16 * GPT.heads * 128 * 128
    assert plain.peak_bytes - flash.peak_bytes == pytest.approx(scores * (4 + 2), rel=0.1), "fp32 scores and 16-bit weights"


def test_rematerialisation_keeps_the_inputs_of_blocks() -> None:
    plain, again = (gpt(JAX, checkpointed=checkpointed, batch=16) for checkpointed in (False, True))
    stream = 16 * 128 * GPT.hidden * 4
    states = 12 * again.parameters
    assert again.peak_bytes < plain.peak_bytes / 2
    assert again.peak_bytes - states > GPT.layers * stream


@pytest.mark.parametrize("rule", [TENSORFLOW_GRAPH, TENSORFLOW_EAGER, KERAS_XLA, JAX], ids=lambda rule: rule.name)
@pytest.mark.parametrize("checkpointed", [False, True])
def test_equal_blocks_traced_once_need_what_all_of_them_need(
    monkeypatch: pytest.MonkeyPatch, rule: ExecutionRule, checkpointed: bool
) -> None:
    once = gpt(rule, precision="amp_bf16", checkpointed=checkpointed)
    monkeypatch.setattr("app.tape.modules.plan", lambda kinds: [(index, 1, 1) for index in range(len(kinds))])
    assert once.peak_bytes == gpt(rule, precision="amp_bf16", checkpointed=checkpointed).peak_bytes


@pytest.mark.parametrize("rule", [TENSORFLOW_GRAPH, TENSORFLOW_EAGER, KERAS_XLA, JAX], ids=lambda rule: rule.name)
def test_a_larger_batch_never_needs_less(rule: ExecutionRule) -> None:
    needs = [gpt(rule, batch=batch).peak_bytes for batch in (1, 2, 3, 8)]
    assert needs == sorted(needs)
