"""What a job would need at other sizes, and where each card ends."""

from typing import Any

import pytest

from app.estimation.service import estimate
from app.estimation.what_if import Curve, curves
from app.workloads import parse_workload

GIB = 2**30
ROOMS = {sold: sold * GIB for sold in (4, 8, 12, 16, 24, 32, 48, 80)}
RESNET = {
    "kind": "training", "model": {"preset": "resnet50"}, "precision": "amp_fp16", "micro_batch_size": 64, "image_size": [224, 224],
    "optimizer": "sgd_momentum",
}  # fmt: skip
CHAT = {
    "kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "runtime": "llama.cpp", "weight_format": "q4_k_m",
    "kv_cache_format": "fp16", "context_length": 8192,
}  # fmt: skip
FOREST = {
    "kind": "classical", "library": "scikit-learn", "algorithm": "RandomForestClassifier", "rows": 1_000_000, "columns": 80,
}  # fmt: skip


def curve_of(document: dict[str, Any], name: str) -> Curve:
    return next(curve for curve in curves(parse_workload(document), ROOMS) if curve.name == name)


def needed(document: dict[str, Any], name: str, size: int) -> int:
    found = estimate(parse_workload({**document, name: size}))
    return found.gpu_memory.required_bytes if found.gpu_memory else found.host_memory.required_bytes


@pytest.mark.parametrize(
    ("document", "names"),
    [(RESNET, ["micro_batch_size"]), (CHAT, ["context_length", "concurrent_sequences"]), (FOREST, ["rows"])],
)
def test_each_kind_of_job_grows_in_its_own_sizes(document: dict[str, Any], names: list[str]) -> None:
    assert [curve.name for curve in curves(parse_workload(document), ROOMS)] == names


@pytest.mark.parametrize(("document", "name"), [(RESNET, "micro_batch_size"), (CHAT, "context_length"), (FOREST, "rows")])
def test_every_point_is_the_estimate_of_that_size_inside_its_interval(document: dict[str, Any], name: str) -> None:
    curve = curve_of(document, name)
    assert curve.asked in [point.size for point in curve.points]
    for point in curve.points[::3]:
        assert point.required == needed(document, name, point.size)
    assert all(point.low <= point.required <= point.high for point in curve.points)
    sizes = [point.size for point in curve.points]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(("document", "name"), [(RESNET, "micro_batch_size"), (CHAT, "context_length"), (FOREST, "rows")])
def test_a_card_ends_at_the_largest_size_that_fits_it(document: dict[str, Any], name: str) -> None:
    curve = curve_of(document, name)
    assert curve.ends
    for sold, end in curve.ends.items():
        assert needed(document, name, end) <= ROOMS[sold] < needed(document, name, end + 1)
