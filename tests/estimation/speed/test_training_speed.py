"""Training speed: what must hold for every card and every job."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.seed import catalogue_from_seed
from app.estimation.speed import DataFeed, TrainingPass, training_speed
from app.hardware import Gpu
from app.placement import Sharding
from tests.estimation.speed.builders import GIGA, card, geforce, training, work

ROUNDING = 1 - 1e-9
rates = st.floats(min_value=10, max_value=5000)
factors = st.floats(min_value=1, max_value=20)


def rate(job: TrainingPass, gpu: Gpu, spread: Sharding | None = None) -> float:
    found = training_speed(job, gpu, spread or Sharding()).samples_or_tokens_per_second
    assert found is not None
    return found


def replicas(count: int, stage: int = 0) -> Sharding:
    return Sharding(gpus=count, data=count, zero_stage=stage)


@given(rates, factors)
def test_more_flops_never_train_slower(tflops: float, factor: float) -> None:
    slow, fast = (card(fp16_tflops=value) for value in (tflops, tflops * factor))
    assert rate(training(), fast) >= rate(training(), slow) * ROUNDING


@given(rates, factors)
def test_more_bandwidth_never_trains_slower(bandwidth: float, factor: float) -> None:
    slow, fast = (card(bandwidth_gb_s=value) for value in (bandwidth, bandwidth * factor))
    assert rate(training(), fast) >= rate(training(), slow) * ROUNDING


@given(st.integers(2, 512), st.sampled_from([card(), geforce()]))
def test_n_cards_are_never_more_than_n_times_as_fast_as_one(count: int, gpu: Gpu) -> None:
    assert rate(training(), gpu, replicas(count)) <= count * rate(training(), gpu) / ROUNDING


@given(st.integers(1, 64), st.integers(2, 16))
def test_accumulating_more_micro_batches_never_lowers_the_rate(few: int, times: int) -> None:
    spread = replicas(8)
    assert rate(training(accumulation=few * times), geforce(), spread) >= rate(training(accumulation=few), geforce(), spread) * ROUNDING


@pytest.mark.parametrize("gpu", catalogue_from_seed().gpus.values(), ids=lambda gpu: gpu.id)
def test_every_card_of_the_catalogue_has_a_finite_positive_rate(gpu: Gpu) -> None:
    for precision in ("fp32", "tf32", "amp_fp16", "bf16", "fp8", "fp64"):
        found = training_speed(training(precision=precision), gpu, Sharding(gpus=4, data=4))
        assert found.samples_or_tokens_per_second
        assert math.isfinite(found.samples_or_tokens_per_second)
        assert found.interval_factor > 1
        assert found.basis in ("measured on this card", "same class", "model")


def test_recomputing_the_forward_pass_costs_time() -> None:
    assert rate(training(work=work(recomputed=True)), card()) < rate(training(), card())


def test_unpacking_4_bit_weights_costs_time() -> None:
    assert rate(training(packed_weight_bytes=4 * GIGA), card()) < rate(training(), card())


def test_compilation_never_trains_slower() -> None:
    assert rate(training(compiled=True), card()) >= rate(training(), card())


def test_nvlink_beats_pcie_where_gradients_are_large() -> None:
    assert rate(training(), card(), replicas(8)) > rate(training(), card(link_gb_s=0.0, form_factor="pcie"), replicas(8))


def test_gathering_weights_over_pcie_makes_the_interconnect_the_bottleneck() -> None:
    found = training_speed(training(weight_bytes=140 * GIGA), geforce(), replicas(8, stage=3))
    assert found.bottleneck == "interconnect"


def test_many_small_operators_are_bound_by_their_launches() -> None:
    small = training(work=work(flops=10**9, bytes_moved=10**6, calls=5000))
    assert training_speed(small, card(), Sharding()).bottleneck == "fixed overhead"


def test_a_pipeline_waits_less_with_more_micro_batches() -> None:
    spread = Sharding(gpus=4, pipeline=4)
    assert rate(training(accumulation=32), card(), spread) > 1.3 * rate(training(accumulation=2), card(), spread)


def test_a_slow_drive_holds_training_back_and_is_named() -> None:
    feed = DataFeed(samples=1_000_000, bytes_per_sample=100_000, loader_workers=64, read_mb_s=10)
    found = training_speed(training(is_text=False, units=256, feed=feed), card(), Sharding())
    assert found.samples_or_tokens_per_second == pytest.approx(100)
    assert found.bottleneck == "disk"
    assert found.epoch_seconds == pytest.approx(10_000)


def test_few_decoding_processes_hold_training_back_and_are_named() -> None:
    feed = DataFeed(bytes_per_sample=117_000, loader_workers=1)
    quick = training(is_text=False, units=256, feed=feed, work=work(flops=10**12, bytes_moved=GIGA))
    assert training_speed(quick, card(), Sharding()).bottleneck == "data loading"


def test_data_kept_in_memory_is_not_held_back_by_the_drive() -> None:
    slow, kept = (DataFeed(bytes_per_sample=100_000, loader_workers=64, read_mb_s=1, in_memory=held) for held in (False, True))
    assert rate(training(is_text=False, feed=kept), card()) > rate(training(is_text=False, feed=slow), card())


def test_a_card_of_a_class_without_measurements_says_model_and_is_less_certain() -> None:
    measured, unmeasured = card(id="a100-80gb-sxm"), card(id="mi300x", vendor="AMD", architecture="CDNA 3.0")
    found, guessed = (training_speed(training(), gpu, Sharding()) for gpu in (measured, unmeasured))
    assert (found.basis, guessed.basis) == ("measured on this card", "model")
    assert guessed.interval_factor > found.interval_factor
