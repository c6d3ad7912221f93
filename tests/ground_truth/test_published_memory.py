"""The memory of running models stays near what others published, and nearer than simple rules."""

import json
from typing import Any

import pytest

from benchmarks.accuracy_inference import AIMS, FACTS, outcomes, table


@pytest.fixture(scope="module")
def scored() -> dict[str, Any]:
    return table(outcomes(json.loads(FACTS.read_text(encoding="utf-8"))))


def test_errors_stay_within_the_aims(scored: dict[str, Any]) -> None:
    assert scored["overall"]["runs"] >= 31
    assert scored["overall"]["median"] <= AIMS["median"]
    assert scored["overall"]["p90"] <= AIMS["p90"]


def test_caches_and_weights_that_logs_print_are_met_to_a_thousandth(scored: dict[str, Any]) -> None:
    by_id = {row["id"]: row["error"] for row in scored["rows"]}
    for name in ("llamacpp-kv-qwen3-32b-any-01", "llamacpp-kv-qwen3-30b-a3b-any-01", "llamacpp-kv-qwen3-235b-a22b-any-03"):
        assert abs(by_id[name]) < 0.001


def test_no_simple_rule_is_nearer_where_totals_are_given(scored: dict[str, Any]) -> None:
    ours, *rules = scored["totals"]
    assert ours["median"] < min(rule["median"] for rule in rules)
