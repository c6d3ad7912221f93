"""The memory of training on real GPUs beside what others published, much of it on older software."""

import json
import statistics
from typing import Any

import pytest

from benchmarks.accuracy_training import FACTS, Outcome, outcomes, source_of, table

OF_TODAYS_SOFTWARE = ("llamafactory", "peft-T5", "stas")  # sources that report what today's trainers do
NEAR, FAR = 0.10, 0.25  # median errors: of those, and over all groups


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def found(facts: dict[str, Any]) -> list[Outcome]:
    return outcomes(facts)


def test_runs_of_todays_software_are_met_within_a_tenth(found: list[Outcome]) -> None:
    for source in OF_TODAYS_SOFTWARE:
        assert statistics.median(abs(row.error) for row in found if source_of(row.group) == source) <= NEAR


def test_all_groups_together_are_nearer_than_by_the_rule_of_16_bytes(facts: dict[str, Any], found: list[Outcome]) -> None:
    scored = table(facts, found)
    ours, rule = scored["totals"]
    assert ours["median"] <= FAR < rule["median"]


def test_every_source_says_what_it_reports(facts: dict[str, Any]) -> None:
    assert {source_of(row["group"]) for row in facts["rows"]} == set(facts["sources"])
    assert all(source["reported"] for source in facts["sources"].values())
