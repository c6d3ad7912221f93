"""Estimated against measured: the bars that the formulas must keep on runs that they were not fitted on."""

import statistics

import pytest

from app.estimation.classical import estimate_classical
from app.workloads import ClassicalWorkload, parse_workload
from benchmarks.accuracy_classical import quantile, residuals, score
from benchmarks.classical_cases import classical_cases, document

MEDIAN, NINE_IN_TEN, FAR_UNDER, SHARE_FAR_UNDER = 0.04, 0.12, -0.15, 0.02
COVERED = 0.93


@pytest.fixture(scope="module")
def rows() -> list[dict]:  # type: ignore[type-arg]
    return [score(case) for case in classical_cases()]


@pytest.fixture(scope="module")
def all_rows() -> list[dict]:  # type: ignore[type-arg]
    return [score(case) for case in classical_cases(development=True)]


def test_no_held_out_run_is_refused(rows: list[dict]) -> None:  # type: ignore[type-arg]
    assert [row["id"] for row in rows if "refused" in row] == []
    assert len(rows) == 100


def test_runs_that_nothing_was_fitted_on_keep_the_bars(rows: list[dict]) -> None:  # type: ignore[type-arg]
    errors = [row["error"] for row in rows]
    assert statistics.median(abs(error) for error in errors) <= MEDIAN
    assert quantile([abs(error) for error in errors], 0.9) <= NINE_IN_TEN
    assert statistics.mean(error < FAR_UNDER for error in errors) <= SHARE_FAR_UNDER


def test_further_runs_of_other_sizes_and_settings_keep_the_bars(all_rows: list[dict]) -> None:  # type: ignore[type-arg]
    errors = [row["error"] for row in all_rows]
    assert len(errors) > 350
    assert statistics.median(abs(error) for error in errors) <= MEDIAN
    assert quantile([abs(error) for error in errors], 0.9) <= NINE_IN_TEN
    assert statistics.mean(error < FAR_UNDER for error in errors) <= SHARE_FAR_UNDER


def test_intervals_cover_the_measured_peaks(all_rows: list[dict]) -> None:  # type: ignore[type-arg]
    assert statistics.mean(row["covered"] for row in all_rows) >= COVERED


def test_formulas_beat_the_rules_of_thumb_on_every_figure(rows: list[dict]) -> None:  # type: ignore[type-arg]
    median = statistics.median(abs(row["error"]) for row in rows)
    for name in rows[0]["rules"]:
        assert median < 0.2 * statistics.median(abs(row["rules"][name]) for row in rows), name


def test_residuals_name_every_family(all_rows: list[dict]) -> None:  # type: ignore[type-arg]
    assert {row["family"] for row in all_rows} <= {line.split()[0] for line in residuals(all_rows).splitlines()[1:]}


def test_the_documents_say_what_was_measured() -> None:
    documents = {case["id"]: document(case) for case in classical_cases()}
    assert documents["xgb_csr_200k"]["density"] == 0.02
    assert documents["pipe_csv_logreg"]["steps"] == ["read", "split", "scale", "fit"]
    assert documents["pt_cnn_c10_b64"]["image_shape"] == [32, 32, 3]


def test_half_of_the_saved_models_are_within_ten_percent() -> None:
    ratios = []
    for case in classical_cases():
        if size := case["measured"].get("model_file"):
            workload = parse_workload(document(case))
            assert isinstance(workload, ClassicalWorkload)
            ratios.append(estimate_classical(workload).model_file_bytes / size - 1)
    assert len(ratios) > 60
    assert statistics.median(abs(ratio) for ratio in ratios) <= 0.10
