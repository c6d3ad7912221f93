"""The library of data sets: what it fills in, what stands over it, and what follows for disks and RAM."""

import csv
import re
from typing import Any

import pytest

from app.errors import InvalidInput
from app.estimation.host_memory import listed_samples
from app.estimation.service import estimate
from app.resources import resource_path
from app.workloads import ClassicalWorkload, parse_workload
from app.workloads.data import DataSet
from app.workloads.datasets import known_datasets

RESNET = {"kind": "training", "model": {"preset": "resnet50"}, "image_size": [224, 224]}


def test_every_data_set_has_a_size_a_source_and_a_day() -> None:
    for known in known_datasets().values():
        assert known.size_gb > 0, known.id
        assert known.source, known.id
        assert known.as_of.startswith("2026-"), known.id
        assert DataSet(preset=known.id).bytes > 0


def test_every_figure_has_an_address_or_is_said_to_be_unconfirmed() -> None:
    with resource_path("seed_data/datasets.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(re.search(r"\w\.(org|com|co|io|edu|uk)\b", row["source"]) and "memory" not in row["source"] for row in rows)
    assert {row["id"] for row in rows if row["confidence"] == "low"} <= {row["id"] for row in rows if "unconfirmed" in row["source"]}


def test_a_data_set_tells_its_samples_and_size_in_a_few_words() -> None:
    known = known_datasets()
    assert known["imagenet-1k"].summary == "1.28 M images, 150 GB"
    assert known["fineweb"].summary == "44.0 TB"


@pytest.mark.parametrize(
    "name",
    ["imagenet-1k", "coco-2017", "cifar-10", "laion-400m", "c4-en", "the-pile", "fineweb", "common-voice-en", "librispeech", "wikipedia-en",
     "redpajama-1t", "open-images", "kinetics-400", "mnist", "higgs", "criteo-kaggle"],
)  # fmt: skip
def test_the_usual_data_sets_are_there(name: str) -> None:
    assert name in known_datasets()


def test_a_known_data_set_fills_samples_and_sizes() -> None:
    data = DataSet(preset="ImageNet-1k")
    assert (data.preset, data.samples) == ("imagenet-1k", 1_281_167)
    assert data.bytes_per_sample == pytest.approx(117_000, rel=0.001)
    assert data.bytes == 149_900_000_000


def test_what_is_given_stands_over_what_is_known() -> None:
    data = DataSet(preset="imagenet-1k", samples=100_000, size_gb=11.7)
    assert (data.samples, data.bytes) == (100_000, 11_700_000_000)


def test_shards_are_not_listed_file_by_file() -> None:
    assert listed_samples(DataSet(preset="laion-400m")) == 0
    assert listed_samples(DataSet(preset="imagenet-1k")) == 1_281_167


def test_documents_of_a_corpus_are_not_training_samples() -> None:
    assert DataSet(preset="c4-en").samples is None


def test_the_disk_says_which_data_set_it_holds() -> None:
    found = estimate(parse_workload({**RESNET, "data": {"preset": "imagenet-1k"}}))
    term = next(term for term in found.storage.ledger.terms if term.key == "data")
    assert term.bytes == 149_900_000_000
    assert "ImageNet-1k" in term.formula
    assert "TensorFlow Datasets" in term.source


def test_a_known_table_brings_its_rows_and_columns() -> None:
    document: dict[str, Any] = {"kind": "classical", "library": "lightgbm", "algorithm": "LGBMClassifier", "data": {"preset": "higgs"}}
    workload = parse_workload(document)
    assert isinstance(workload, ClassicalWorkload)
    assert (workload.rows, workload.columns, workload.source_format) == (11_000_000, 28, "csv")


def test_an_unknown_data_set_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(InvalidInput, match="imagenet-1k") as refused:
        parse_workload({**RESNET, "data": {"preset": "imagenet1k"}})
    assert refused.value.errors[0].path == "data.preset"


def read_csv(**data: Any) -> dict[str, int]:
    document = {
        "kind": "classical", "library": "pandas", "algorithm": "read_csv", "source_format": "csv", "rows": 11_000_000, "columns": 200,
        "data": data,
    }  # fmt: skip
    return {term.key: term.bytes for term in estimate(parse_workload(document)).host_memory.ledger.terms}


def test_a_file_is_as_large_as_it_is_said_to_be_where_that_can_be() -> None:
    assert read_csv(size_gb=40)["mapped_file"] == 40 * 10**9
    assert read_csv(size_gb=4000)["mapped_file"] == read_csv()["mapped_file"]
