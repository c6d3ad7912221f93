"""Disks: what a job keeps, where, and how fast it reads."""

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.estimation.service import estimate
from app.estimation.storage import (
    StorageJob,
    checkpoint_stall_seconds,
    cold_load_seconds,
    read_bytes_per_second,
    storage_need,
    tokenized_bytes,
)
from app.units import GB, MB
from app.workloads import parse_workload
from app.workloads.data import DataSet

IMAGENET = DataSet(samples=1_281_167, bytes_per_sample=114_660)


def job(**changes: Any) -> StorageJob:
    usual: dict[str, Any] = {
        "data": DataSet(size_gb=150), "model_file_bytes": 14 * GB, "checkpoint_bytes": 98 * GB, "checkpoints_kept": 3,
        "framework": "pytorch",
    }  # fmt: skip
    return StorageJob(**{**usual, **changes})


def terms(**changes: Any) -> dict[str, int]:
    return {term.key: term.bytes for term in storage_need(job(**changes)).ledger.terms}


@given(data=st.integers(0, 10**13), model=st.integers(0, 10**12), checkpoint=st.integers(0, 10**12), keep=st.integers(0, 50))
def test_hot_and_cold_sum_to_the_ledger(data: int, model: int, checkpoint: int, keep: int) -> None:
    need = storage_need(job(data=DataSet(size_gb=data / GB), model_file_bytes=model, checkpoint_bytes=checkpoint, checkpoints_kept=keep))
    assert need.ssd_bytes + need.hdd_bytes == need.ledger.total_bytes
    assert all(term.bytes > 0 and term.formula and term.source for term in need.ledger.terms)


def test_one_more_checkpoint_is_there_while_it_is_written() -> None:
    assert terms()["checkpoints"] == 4 * 98 * GB
    assert "checkpoints" not in terms(checkpoints_kept=0)


def test_a_fifth_of_the_disk_stays_free() -> None:
    need = storage_need(job())
    assert abs(need.ledger.bytes_of("free_space") - 0.2 * need.ssd_bytes) <= 1


def test_data_goes_where_the_person_keeps_it_and_archives_are_cold() -> None:
    on_ssd = storage_need(job(data=DataSet(size_gb=150, archive_gb=2000)))
    on_hdd = storage_need(job(data=DataSet(size_gb=150, archive_gb=2000, location="hdd")))
    assert on_ssd.hdd_bytes == 2000 * GB
    assert on_hdd.hdd_bytes == 2150 * GB
    assert on_ssd.ssd_bytes - on_hdd.ssd_bytes == 150 * GB * 5 // 4


def test_a_table_stands_in_where_no_data_set_is_described() -> None:
    assert terms(data=DataSet(), table_bytes=5 * GB)["data"] == 5 * GB
    assert terms(table_bytes=5 * GB)["data"] == 150 * GB


def test_a_known_corpus_is_kept_as_token_ids_beside_its_text() -> None:
    corpus = DataSet(preset="openwebtext")
    assert tokenized_bytes(corpus, 50_257) == pytest.approx(18.1 * GB, rel=0.01)  # 9.04 billion tokens of 16 bits
    assert tokenized_bytes(corpus, 128_256) == pytest.approx(2 * tokenized_bytes(corpus, 50_257), abs=2)
    assert tokenized_bytes(DataSet(preset="imagenet-1k"), 1000) == tokenized_bytes(DataSet(size_gb=40), 1000) == 0
    assert terms(prepared_copy_bytes=70 * GB)["prepared_copy"] == 70 * GB


def test_making_a_gguf_file_takes_its_source_and_a_sixteen_bit_file() -> None:
    document = {"kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "runtime": "llama.cpp", "weight_format": "q4_k_m"}
    told = [finding.message for finding in estimate(parse_workload(document)).findings if finding.code == "conversion"]
    assert told
    assert "32.1 GB" in told[0]


def test_a_native_runtime_brings_a_small_environment() -> None:
    assert terms(framework="llama.cpp")["environment"] < terms(framework="scikit-learn")["environment"] < terms()["environment"]


def test_imagenet_at_3000_images_a_second_needs_344_megabytes_a_second() -> None:
    assert round(read_bytes_per_second(IMAGENET, 3000, free_ram_bytes=0) / MB) == 344


def test_what_the_page_cache_holds_is_not_read_again() -> None:
    half = IMAGENET.bytes // 2
    assert read_bytes_per_second(IMAGENET, 3000, free_ram_bytes=half) * 2 == read_bytes_per_second(IMAGENET, 3000, free_ram_bytes=0)
    assert read_bytes_per_second(IMAGENET, 3000, free_ram_bytes=2 * IMAGENET.bytes) == 0
    assert read_bytes_per_second(DataSet(size_gb=100, samples=10**6, loading="in_memory"), 3000, free_ram_bytes=0) == 0
    assert read_bytes_per_second(DataSet(), 3000, free_ram_bytes=0) == 0


def test_a_checkpoint_of_98_gb_stalls_training_49_seconds_on_a_fast_ssd_and_minutes_on_a_hard_disk() -> None:
    assert checkpoint_stall_seconds(98 * GB, 2 * GB) == 49
    assert 500 < checkpoint_stall_seconds(98 * GB, 180 * MB) < 600
    assert cold_load_seconds(140 * GB, 7 * GB) == 20
    assert checkpoint_stall_seconds(1, 0) == cold_load_seconds(1, 0) == inf
