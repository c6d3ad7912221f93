"""What a shared result says about today: which of price, catalogue and formula matters."""

from datetime import UTC, date, datetime
from typing import Any

from app.money import Money
from app.results.permalinks import StoredResult
from app.results.receipts import LineThenAndNow, PickThenAndNow, Receipt
from app.web.contexts.result import ReceiptView, Replay, receipt_view
from tests.web.builders import GIB, advice, estimate, machine, request

FROZEN = machine("rtx-5090")
OTHER = machine("rtx-4090", "2100.00")


def line(then: int, now: int | None, **changes: Any) -> LineThenAndNow:
    seen = date(2026, 11, 18)
    values = {"quantity": 1, "condition": "new", "observed_then": seen, "observed_now": seen, "age_days": 2, "cause": "price"}
    money = {"then": Money(then, "GBP"), "now": None if now is None else Money(now, "GBP")}
    return LineThenAndNow(**{"part": "rtx-5090", "name": "RTX 5090", **values, **money, **changes})


def told(today: Any, of_then: Any = None, *lines: LineThenAndNow, version: str = "0.1.0", now: int | None = 265200) -> ReceiptView:
    stored = StoredResult(
        id="x" * 22, created_at=datetime(2026, 11, 18, tzinfo=UTC), revision=214, estimator_version=version, schema_version=1,
        request=request(objective="value"), advice=advice(("value", FROZEN)), fingerprint="f" * 64,
    )  # fmt: skip
    pick = PickThenAndNow(
        role="value", machine=FROZEN["id"], then=Money(254000, "GBP"), now=None if now is None else Money(now, "GBP"), lines=lines
    )
    receipt = Receipt(revision_then=214, revision_now=220, picks=(pick,))
    view = receipt_view(receipt, stored, Replay(today=today, with_catalogue_of_then=of_then))
    assert view is not None
    return view


def needing(count: int, version: str, picked: Any = FROZEN) -> Any:
    found = estimate(version={"estimator": version})
    found["gpu_memory"]["required_bytes"] = count
    return advice(("value", picked), estimate=found)


def test_the_same_machine_at_other_prices() -> None:
    lines = (line(198000, 206000), line(21000, 23600), line(8800, 8800, cause=""))
    view = told(advice(("value", FROZEN)), None, *lines)
    assert view.headline == "With today's prices: \u00a32,652 (+\u00a3112). The pick would be the same."
    assert view.sentences == "2 parts changed. No formula has changed."
    assert [one.change for one in view.lines] == ["+\u00a380", "+\u00a326", "no change"]


def test_other_formulas_tell_what_they_change() -> None:
    view = told(needing(round(23.52 * GIB), "1.5.0"), needing(round(23.52 * GIB), "1.5.0"), version="1.3.0")
    assert "With the formulas of 1.5.0 in place of 1.3.0, the GPU memory that it needs changed by \u22122.0 %" in view.sentences
    assert "from 24.0 GiB to 23.5 GiB" in view.sentences
    assert "change the pick" not in view.sentences


def test_other_formulas_that_change_nothing_say_so() -> None:
    assert "did not change" in told(needing(24 * GIB, "1.5.0"), needing(24 * GIB, "1.5.0"), version="1.3.0").sentences


def test_another_pick_is_named_and_laid_to_the_catalogue_where_the_formulas_are_the_same() -> None:
    view = told(advice(("value", OTHER)))
    assert "The pick would be RTX-4090 32 GB for \u00a32,100." in view.headline
    assert "The catalogue changes the pick" in view.sentences


def test_another_pick_is_laid_to_the_catalogue_where_todays_formulas_would_have_picked_the_same_then() -> None:
    view = told(needing(24 * GIB, "1.5.0", OTHER), needing(24 * GIB, "1.5.0", FROZEN), version="1.3.0")
    assert "The catalogue changes the pick" in view.sentences


def test_another_pick_is_laid_to_the_formulas_where_they_would_have_picked_it_then_too() -> None:
    view = told(needing(30 * GIB, "1.5.0", OTHER), needing(30 * GIB, "1.5.0", OTHER), version="1.3.0")
    assert "The formulas change the pick" in view.sentences


def test_a_part_that_is_gone_leaves_no_price_and_says_why() -> None:
    view = told(advice(("value", OTHER)), None, line(198000, None, cause="no longer listed", observed_now=None, age_days=None), now=None)
    assert view.headline.startswith("A part of this machine is no longer sold.")
    assert (view.lines[0].change, view.lines[0].part_id) == ("no longer listed", "")


def test_the_price_of_today_is_marked_where_it_is_old() -> None:
    view = told(advice(("value", FROZEN)), None, line(100, 120, observed_now=date(2026, 5, 1), age_days=203))
    assert (view.lines[0].seen, view.lines[0].age) == ("1 May 2026, 7 months old", "not current")


def test_a_question_that_todays_program_no_longer_takes_still_shows_its_prices() -> None:
    view = told(None)
    assert view.headline == "With today's prices: \u00a32,652 (+\u00a3112)."
    assert view.sentences.endswith("Today's program no longer takes this question.")
