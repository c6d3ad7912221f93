"""XGBoost on a GPU: its memory there, and the cards it runs on."""

from typing import Any

from app.catalogue.seed import catalogue_from_seed
from app.estimation.service import prepare
from app.placement import Placement, Unplaceable
from app.workloads import parse_workload

GPUS = catalogue_from_seed().gpus


def job(**hyperparameters: Any) -> Any:
    document = {
        "kind": "classical", "library": "xgboost", "algorithm": "XGBClassifier", "rows": 10_000_000, "columns": 100, "dtype": "float32",
        "hyperparameters": hyperparameters,
    }  # fmt: skip
    return prepare(parse_workload(document))


def test_on_the_processor_no_gpu_is_needed() -> None:
    assert job().estimate.gpu_memory is None
    assert isinstance(job().place(GPUS["rtx-4090"], 1), Unplaceable)


def test_on_a_gpu_the_binned_table_lies_on_the_card() -> None:
    memory = job(device="cuda").estimate.gpu_memory
    assert memory.ledger.bytes_of("binned") == 10_000_000 * 100 * 15 // 8  # 25,600 bins in all take 15 bits
    assert memory.interval.basis == "model"
    assert sum(term.bytes for term in memory.ledger.terms) == memory.required_bytes


def test_what_lies_on_the_card_does_not_lie_in_ram() -> None:
    on_cpu, on_gpu = ({term.key for term in job(**settings).estimate.host_memory.ledger.terms} for settings in ({}, {"device": "cuda"}))
    assert "histograms" in on_cpu - on_gpu
    assert "cuda_runtime" in on_gpu - on_cpu


def test_more_bins_deeper_trees_and_the_old_name_need_as_much_or_more() -> None:
    usual = job(device="cuda").estimate.gpu_memory.required_bytes
    assert job(device="cuda", max_depth=10).estimate.gpu_memory.required_bytes > usual
    assert job(device="cuda", max_bin=1024).estimate.gpu_memory.required_bytes > usual
    assert job(tree_method="gpu_hist").estimate.gpu_memory.required_bytes == usual


def test_it_runs_on_one_nvidia_card() -> None:
    boosting = job(device="cuda")
    placed = boosting.place(GPUS["rtx-4090"], 1)
    assert isinstance(placed, Placement)
    assert 0 < placed.gpu_bytes < GPUS["rtx-4090"].visible_bytes
    other = next(gpu for gpu in GPUS.values() if gpu.vendor == "AMD")
    refused = [boosting.place(gpu, count) for gpu, count in ((None, 0), (other, 1), (GPUS["rtx-4090"], 2))]
    assert [found.code for found in refused if isinstance(found, Unplaceable)] == ["no_gpu", "vendor", "gpu_count"]
