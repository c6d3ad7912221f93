"""What changed since a result was shared."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from app.hardware import Catalogue, Gpu, Price
from app.money import ExchangeRates, Money
from app.results.receipts import PickThenAndNow, receipt

TODAY = date(2026, 12, 20)
RATES = ExchangeRates(as_of=date(2026, 10, 30), per_euro={"USD": Decimal("1.25"), "GBP": Decimal("0.80")})
THEN = Price(money=Money(100000, "USD"), condition="used", kind="marketplace", observed_on=date(2026, 11, 1), source="a market")
CARD = Gpu(id="rtx-3090", name="GeForce RTX 3090", prices=(THEN,), memory_gb=24, visible_bytes=1, bandwidth_gb_s=936)


def catalogue(*gpus: Gpu, rates: ExchangeRates = RATES) -> Catalogue:
    return Catalogue(revision=9, rates=rates, gpus={gpu.id: gpu for gpu in gpus})


def line(part: str = "rtx-3090", amount: str = "640.00", quantity: int = 2, **changes: Any) -> dict[str, Any]:
    return {
        "part": {"id": part, "name": part.upper()},
        "quantity": quantity,
        "unit_price": {"amount": amount, "currency": "GBP"},
        "condition": "used",
        "observed_on": "2026-11-01",
        "source": "a market",
        "age_days": 19,
        **changes,
    }


def the_pick(lines: Sequence[dict[str, Any]], now: Catalogue, total: str = "1280.00") -> PickThenAndNow:
    price = {"total": {"amount": total, "currency": "GBP"}, "lines": list(lines)}
    advice = {"catalogue_revision": 4, "picks": [{"role": "value", "machine": {"id": "box", "price": price}}]}
    (pick,) = receipt(advice, now, TODAY).picks
    return pick


def priced(amount_minor: int, **changes: Any) -> Gpu:
    return replace(CARD, prices=(replace(THEN, money=Money(amount_minor, "USD"), **changes),))


def test_nothing_changed_where_every_price_is_the_same() -> None:
    pick = the_pick([line()], catalogue(CARD))
    assert (pick.then, pick.now, pick.difference, pick.changed) == (Money(128000, "GBP"), Money(128000, "GBP"), Money(0, "GBP"), ())
    assert pick.lines[0].age_days == 49


def test_a_new_price_is_shown_beside_the_old_one_in_the_currency_of_the_answer() -> None:
    pick = the_pick([line()], catalogue(priced(125000, observed_on=date(2026, 12, 1))))
    (changed,) = pick.changed
    assert (changed.then, changed.now, changed.cause) == (Money(64000, "GBP"), Money(80000, "GBP"), "price")
    assert (changed.observed_then, changed.observed_now) == (date(2026, 11, 1), date(2026, 12, 1))
    assert pick.difference == Money(32000, "GBP")


def test_the_same_observation_at_another_rate_is_the_exchange_rate() -> None:
    rates = ExchangeRates(as_of=date(2026, 12, 18), per_euro={"USD": Decimal("1.25"), "GBP": Decimal("0.90")})
    (changed,) = the_pick([line()], catalogue(CARD, rates=rates)).changed
    assert (changed.now, changed.cause) == (Money(72000, "GBP"), "exchange rate")


def test_a_part_without_a_price_in_that_condition_leaves_no_total() -> None:
    pick = the_pick([line()], catalogue(priced(90000, condition="new")))
    assert (pick.now, pick.difference, pick.changed[0].cause) == (None, None, "no longer sold")


def test_a_part_that_left_the_catalogue_is_named() -> None:
    (changed,) = the_pick([line()], catalogue()).changed
    assert (changed.part, changed.name, changed.now, changed.cause) == ("rtx-3090", "RTX-3090", None, "no longer listed")


def test_parts_that_the_person_owned_have_no_price_to_move() -> None:
    pick = the_pick([line(owned=True, amount="0.00", observed_on=None), line()], catalogue(CARD))
    assert [one.part for one in pick.lines] == ["rtx-3090"]
    assert pick.now == Money(128000, "GBP")


def test_a_receipt_says_which_revisions_it_compares_and_whether_all_is_the_same() -> None:
    empty = receipt({"catalogue_revision": 4, "picks": []}, catalogue(CARD), TODAY)
    assert (empty.revision_then, empty.revision_now, empty.unchanged) == (4, 9, True)
    price = {"total": {"amount": "640.00", "currency": "GBP"}, "lines": [line(quantity=1)]}
    advice = {"catalogue_revision": 4, "picks": [{"role": "value", "machine": {"id": "box", "price": price}}]}
    assert receipt(advice, catalogue(CARD), TODAY).unchanged
    assert not receipt(advice, catalogue(), TODAY).unchanged
