"""The estimates against what others measured and published (tests/ground_truth/published_speed.json)."""

import json
from typing import Any

import pytest

from app.catalogue.seed import catalogue_from_seed
from benchmarks.accuracy_speed import AIMS, FACTS, Outcome, by_group, coverage, medians_by_kind, outcomes, ranking

RANKED_RIGHT = 0.95
COVERED = 0.90


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """Published rows and the models they name."""
    found: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def scored(facts: dict[str, Any]) -> list[Outcome]:
    """Every row that gets an answer."""
    return outcomes(facts, catalogue_from_seed().gpus)[0]


def test_most_published_rows_get_an_answer(facts: dict[str, Any], scored: list[Outcome]) -> None:
    assert len(scored) >= 0.75 * len(facts["rows"])


@pytest.mark.parametrize("kind", AIMS)
def test_the_median_error_over_groups_is_within_its_aim(scored: list[Outcome], kind: str) -> None:
    found = medians_by_kind(by_group(scored))[kind]
    assert found["median"] <= AIMS[kind]


@pytest.mark.parametrize("kind", AIMS)
def test_the_estimates_lie_nearer_than_the_simple_rules(scored: list[Outcome], kind: str) -> None:
    found = medians_by_kind(by_group(scored))[kind]
    assert found["median"] < 0.5 * found["rule"]


def test_the_faster_of_two_cards_is_named(scored: list[Outcome]) -> None:
    right, pairs = ranking(scored)
    assert right >= RANKED_RIGHT * pairs


def test_intervals_cover_what_they_claim(scored: list[Outcome]) -> None:
    assert coverage(scored) >= COVERED


def test_every_row_names_a_source_and_a_card_of_the_catalogue(facts: dict[str, Any]) -> None:
    gpus = catalogue_from_seed().gpus
    assert all(row["source"] and row["gpu"] in gpus for row in facts["rows"])
