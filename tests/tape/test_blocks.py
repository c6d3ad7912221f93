"""Equal blocks traced once give what tracing every one of them gives."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.architectures.decoder import Decoder, DecoderSpec
from app.architectures.network import Inputs, Options
from app.tape import modules
from app.tape.modules import plan
from app.tape.trace import Trace, TrainingRun, trace_training


def traced(layers: int, *, checkpointed: bool, precision: str, windows: tuple[int | None, ...] = ()) -> Trace:
    spec = DecoderSpec(
        vocabulary=997, hidden=64, layers=layers, heads=4, kv_heads=2, head_size=16, feed_forward=160, windows=windows
    )  # fmt: skip
    network = Decoder(spec, Options(checkpointed=checkpointed))
    run = TrainingRun(precision=precision, implementation="fused")
    return trace_training(network, lambda tape: network.loss(tape, Inputs(batch=2, sequence=48)), run, spec.vocabulary)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "amp_bf16"])
@pytest.mark.parametrize("checkpointed", [False, True])
def test_tracing_equal_blocks_once_changes_no_figure(monkeypatch: pytest.MonkeyPatch, precision: str, checkpointed: bool) -> None:
    once = traced(11, checkpointed=checkpointed, precision=precision)
    monkeypatch.setattr(modules, "plan", lambda kinds: [(index, 1, 1) for index in range(len(kinds))])
    every = traced(11, checkpointed=checkpointed, precision=precision)
    assert once.peak_bytes == every.peak_bytes
    assert once.phase_peaks == every.phase_peaks
    assert once.parameters == every.parameters
    assert once.flops == every.flops


def test_an_eighty_layer_model_costs_no_more_events_than_a_ten_layer_one() -> None:
    short, long = (len(traced(layers, checkpointed=False, precision="bf16").moments) for layers in (10, 80))
    assert long == short


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_a_plan_names_every_block_exactly_once(kinds: list[str]) -> None:
    named = [
        kinds[start + offset % length]
        for start, length, times in plan(kinds)
        for offset in range(length * times)
    ]  # fmt: skip
    assert named == kinds


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), st.integers(4, 20))
def test_a_repeated_pattern_is_planned_in_three_parts(pattern: list[str], times: int) -> None:
    assert sum(length for _, length, _ in plan(pattern * times)) <= 3 * len(pattern)


@settings(max_examples=40)
@given(batch=st.integers(1, 16), length=st.integers(1, 256), layers=st.integers(1, 12))
def test_more_samples_longer_sequences_and_more_layers_never_need_less(batch: int, length: int, layers: int) -> None:
    def peak(batch: int, length: int, layers: int) -> int:
        spec = DecoderSpec(vocabulary=499, hidden=32, layers=layers, heads=2, kv_heads=1, head_size=16, feed_forward=64)
        network = Decoder(spec, Options())
        return trace_training(network, lambda tape: network.loss(tape, Inputs(batch=batch, sequence=length)), TrainingRun()).peak_bytes

    base = peak(batch, length, layers)
    assert base <= min(peak(batch + 1, length, layers), peak(batch, length + 1, layers), peak(batch, length, layers + 1))


def test_the_decisive_moments_hold_the_peak_of_every_share_of_gradients() -> None:
    trace = traced(6, checkpointed=True, precision="bf16")
    for divisor in (1, 2, 8, 10**9):

        def need(moment: object, divisor: int = divisor) -> float:
            gradients = moment.bytes_by_category[3]  # type: ignore[attr-defined]
            return gradients / divisor + moment.total_bytes - gradients  # type: ignore[attr-defined, no-any-return]

        assert max(map(need, trace.decisive_moments)) == max(map(need, trace.moments))
