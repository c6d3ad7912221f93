"""System RAM of deep-learning jobs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.estimation.baselines import IMPORT_BYTES, OS_BYTES, cuda_process_bytes, import_baseline
from app.estimation.host_memory import (
    HostJob,
    comfort_rules,
    deep_learning_host_memory,
    listed_samples,
    pinned_bytes,
    recommended_gb,
)  # fmt: skip
from app.units import GB, GIB, MB
from app.workloads.data import DataSet

IMAGENET = DataSet(samples=1_281_167, bytes_per_sample=117_000, loader_workers=8)


def job(**changes: Any) -> HostJob:
    data = changes.get("data", DataSet())
    usual: dict[str, Any] = {
        "framework": "pytorch", "on_gpu": True, "ranks": 1, "weights_file_bytes": 16 * GB, "offloaded_bytes": 0, "compute_bytes": 0,
        "batch_bytes": 256 * 224 * 224 * 12, "data": data, "loader_workers": data.loader_workers or 0, "checkpoint_bytes": 0,
    }  # fmt: skip
    return HostJob(**{**usual, **changes})


def terms(**changes: Any) -> dict[str, int]:
    return {term.key: term.bytes for term in deep_learning_host_memory(job(**changes)).ledger.terms}


@given(
    ranks=st.integers(1, 8),
    weights=st.integers(0, 10**12),
    offloaded=st.integers(0, 10**12),
    batch=st.integers(0, 10**10),
    workers=st.integers(0, 64),
    on_gpu=st.booleans(),
)
def test_the_ledger_sums_to_the_need_and_the_interval_holds_the_peak(
    ranks: int, weights: int, offloaded: int, batch: int, workers: int, on_gpu: bool
) -> None:
    data = DataSet(samples=10_000, bytes_per_sample=100_000, loader_workers=workers)
    memory = deep_learning_host_memory(
        job(ranks=ranks, weights_file_bytes=weights, offloaded_bytes=offloaded, batch_bytes=batch, data=data, on_gpu=on_gpu)
    )
    assert sum(term.bytes for term in memory.ledger.terms) == memory.required_bytes == memory.peak_process_bytes + OS_BYTES
    assert all(term.bytes >= 0 and term.formula and term.source for term in memory.ledger.terms)
    assert memory.interval.low_bytes <= memory.peak_process_bytes <= memory.interval.high_bytes
    assert memory.recommended_gb * GIB >= memory.required_bytes


@pytest.mark.parametrize(
    "more",
    [
        {"ranks": 2},
        {"weights_file_bytes": 4 * GB},
        {"offloaded_bytes": GB},
        {"checkpoint_bytes": GB},
        {"weights_file_bytes": 9 * GB, "loads_whole": True},
    ],
)
def test_asking_more_of_the_host_needs_more(more: dict[str, Any]) -> None:
    base = {"weights_file_bytes": 0 if more.keys() & {"checkpoint_bytes", "weights_file_bytes"} else 3 * GB}
    assert deep_learning_host_memory(job(**{**base, **more})).required_bytes > deep_learning_host_memory(job(**base)).required_bytes


def test_every_rank_has_a_process_with_cuda() -> None:
    assert terms(ranks=4)["processes"] == 4 * 2 * GB
    assert terms(on_gpu=False)["processes"] == IMPORT_BYTES["pytorch"]


def test_mapped_files_pass_through_and_whole_files_are_held() -> None:
    assert terms(weights_file_bytes=140 * GB)["model_loading"] == GB
    assert terms(weights_file_bytes=140 * GB, loads_whole=True, ranks=2)["model_loading"] == 280 * GB


def test_loader_workers_bring_processes_batches_and_lists_of_files() -> None:
    found = terms(data=IMAGENET)
    batch = 256 * 224 * 224 * 12
    assert found["loader_workers"] == 8 * 350 * MB
    assert found["prefetched_batches"] == 16 * batch
    assert found["pinned_batches"] == 2 * 2**28
    assert found["sample_index"] == 9 * 1_281_167 * 120


def test_records_of_a_text_corpus_are_not_listed_one_by_one() -> None:
    assert listed_samples(DataSet(samples=10**9, size_gb=500)) == 0
    assert listed_samples(IMAGENET) == IMAGENET.samples
    assert listed_samples(DataSet(samples=10**6, bytes_per_sample=10**5, loading="in_memory")) == 0


def test_a_data_set_kept_in_memory_is_counted_once() -> None:
    assert terms(data=DataSet(size_gb=150, loading="in_memory", loader_workers=0))["data_in_memory"] == 150 * GB


def test_offloading_has_the_buffers_of_deepspeed() -> None:
    assert terms(offloaded_bytes=112 * GB)["offloaded"] == 168 * GB  # 7 billion parameters x 16 B x 1.5, DeepSpeed's own estimate


@pytest.mark.parametrize(("count", "taken"), [(0, 0), (1, 1), (1025, 2048), (2**28, 2**28)])
def test_pinned_memory_comes_in_powers_of_two(count: int, taken: int) -> None:
    assert pinned_bytes(count) == taken


def test_tensorflow_starts_larger_than_pytorch_and_native_runtimes_smaller() -> None:
    assert cuda_process_bytes("tensorflow") > cuda_process_bytes("pytorch") == 2 * GB > cuda_process_bytes("llama.cpp")
    assert cuda_process_bytes("vllm") == 2 * GB
    assert import_baseline("llama.cpp") < import_baseline("transformers")


@pytest.mark.parametrize(("need", "kit"), [(1, 8), (8 * GIB, 8), (8 * GIB + 1, 16), (50 * GIB, 64), (600 * GIB, 768)])
def test_the_recommendation_is_a_usual_amount_of_memory(need: int, kit: int) -> None:
    assert recommended_gb(need) == kit


def test_four_cards_of_24_gb_by_the_rules_of_thumb() -> None:
    largest, twice = comfort_rules([24 * GIB] * 4, 60 * GIB)
    assert (largest.gib, largest.enough) == (30, False)
    assert (twice.gib, twice.enough) == (192, True)
    assert comfort_rules([], GIB) == ()


def test_a_frozen_base_in_ram_takes_little_more_than_its_weights() -> None:
    trained, frozen = (terms(offloaded_bytes=52 * GB, frozen=frozen)["offloaded"] for frozen in (False, True))
    assert trained == 78 * GB
    assert frozen + terms()["processes"] == pytest.approx(52 * GIB, rel=0.05)  # PEFT's table: LoRA on mt0-xxl with ZeRO-3 offload
