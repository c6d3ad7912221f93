"""Monthly moves of prices from dated observations."""

from datetime import date
from math import exp, log, sqrt
from typing import Any

import pytest

from app.catalogue.facts import PriceFact
from app.catalogue.volatility import Volatilities
from tests.recommendation.support import RATES


def seen(item: str, day: str, amount: str, **facts: Any) -> PriceFact:
    given = {"currency": "USD", "condition": "new", "kind": "retail", "source": "a shop"}
    return PriceFact.model_validate({"item": item, "amount": amount, "observed_on": date.fromisoformat(day), **given, **facts})


THREE_DAYS = [seen("a", "2026-01-01", "100"), seen("a", "2026-01-31", "120"), seen("a", "2026-03-02", "100")]


def test_a_month_moves_as_the_changes_between_observed_days_have() -> None:
    found = Volatilities({"a": "gpu"}, THREE_DAYS, RATES).of("a", "new")
    assert found is not None
    assert found.monthly == pytest.approx(log(1.2))
    assert (found.basis, found.changes) == ("own", 2)


def test_a_longer_time_for_the_same_change_is_a_smaller_monthly_move() -> None:
    slow = [seen("a", "2025-01-01", "100"), seen("a", "2025-07-01", "120"), seen("a", "2026-01-01", "100")]
    found = Volatilities({"a": "gpu"}, slow, RATES).of("a", "new")
    assert found is not None
    assert found.monthly == pytest.approx(sqrt(2 * log(1.2) ** 2 / 365 * 30))


def test_two_days_of_one_item_are_too_few_and_so_are_few_of_its_kind() -> None:
    assert Volatilities({"a": "gpu"}, THREE_DAYS[:2], RATES).of("a", "new") is None


def test_items_of_a_kind_are_taken_together_where_they_have_changes_enough() -> None:
    pairs = [fact for name in "abcde" for fact in (seen(name, "2026-01-01", "100"), seen(name, "2026-01-31", f"{100 * exp(0.1):.2f}"))]
    kinds: dict[str, Any] = {**dict.fromkeys("abcdef", "ram"), "g": "gpu"}
    known = Volatilities(kinds, [*pairs, seen("f", "2026-01-01", "50")], RATES)
    found = known.of("f", "new")
    assert found is not None
    assert (found.basis, round(found.monthly, 3)) == ("kind", 0.1)
    assert known.of("g", "new") is None


def test_launch_prices_and_other_conditions_are_left_out() -> None:
    others = [seen("a", "2025-06-01", "300", kind="list"), seen("a", "2026-02-01", "20", condition="used")]
    found = Volatilities({"a": "gpu"}, [*THREE_DAYS, *others], RATES).of("a", "new")
    assert found is not None
    assert found.monthly == pytest.approx(log(1.2))
