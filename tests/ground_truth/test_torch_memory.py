"""Estimates of eager PyTorch's peaks against measured ones (`torch_memory*.json`), through the estimator as requests go."""

import statistics
from collections import defaultdict

import pytest

from benchmarks.accuracy import Row, held_out, quantile, score
from benchmarks.measured_cases import torch_cases

MEDIAN_ERROR, LARGE_ERROR = 0.01, 0.04  # of the middle case and of nine in ten
WORST_UNDERESTIMATE = -0.06
RIGHT_PHASE = 0.98  # share; two phases may come within a percent of each other
WIDEST_MEDIAN = 0.04  # of the interval's half-widths
COVERED = 0.95  # share of measured peaks that must lie in the interval given


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Every measured run beside its estimate."""
    return [score(case) for case in torch_cases()]


def by_family(rows: list[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["family"]].append(row)
    return groups


def test_no_measured_run_is_refused(rows: list[Row]) -> None:
    assert [row["id"] for row in rows if "refused" in row] == []


def test_parameters_are_counted_exactly(rows: list[Row]) -> None:
    assert [row["id"] for row in rows if not row["parameters_exact"]] == []


def test_half_of_each_familys_peaks_are_within_one_percent(rows: list[Row]) -> None:
    medians = {family: statistics.median(abs(row["error"]) for row in group) for family, group in by_family(rows).items()}
    assert {family: error for family, error in medians.items() if error > MEDIAN_ERROR} == {}


def test_nine_in_ten_peaks_are_within_four_percent(rows: list[Row]) -> None:
    assert quantile([abs(row["error"]) for row in rows], 0.9) <= LARGE_ERROR


def test_no_peak_is_far_underestimated(rows: list[Row]) -> None:
    assert {row["id"]: row["error"] for row in rows if row["error"] < WORST_UNDERESTIMATE} == {}


def test_the_peak_falls_in_the_measured_phase(rows: list[Row]) -> None:
    assert statistics.mean(row["phase_right"] for row in rows) >= RIGHT_PHASE


def test_intervals_cover_the_measured_peaks(rows: list[Row]) -> None:
    assert statistics.mean(row["covered"] for row in rows) >= COVERED


def test_intervals_are_no_wider_than_they_need_be(rows: list[Row]) -> None:
    assert statistics.median(row["half_width"] for row in rows) <= WIDEST_MEDIAN


def test_intervals_from_other_families_errors_alone_would_cover_a_family(rows: list[Row]) -> None:
    assert statistics.mean(held_out(rows).values()) >= COVERED


def test_the_largest_errors_are_explained_or_small(rows: list[Row]) -> None:
    largest = sorted(rows, key=lambda row: -abs(row["error"]))[:10]
    assert [row["id"] for row in largest if "explanation" not in row and abs(row["error"]) > LARGE_ERROR] == []
