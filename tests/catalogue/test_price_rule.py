"""The current price of an item, from its observations."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.facts import PriceFact
from app.catalogue.prices import COUNTING, WINDOW, current_prices
from app.hardware import Price
from app.money import ExchangeRates, Money
from tests.catalogue.builders import price

RATES = ExchangeRates(as_of=date(2026, 10, 30), per_euro={"USD": Decimal("1.10"), "GBP": Decimal("0.85")})


def the_price(observations: Iterable[PriceFact]) -> Price:
    (only,) = current_prices(observations, RATES)
    return only


def test_one_observation_is_the_current_price_with_its_day_and_source() -> None:
    found = the_price([price("a", "799.99", "2025-07-23", source="a shop in July")])
    assert (found.money, found.observed_on, found.source) == (Money(79999, "USD"), date(2025, 7, 23), "a shop in July")


def test_the_middle_of_the_last_thirty_days_is_taken() -> None:
    observations = [price("a", "500", "2026-11-01"), price("a", "900", "2026-10-20"), price("a", "600", "2026-10-03")]
    assert the_price(observations).money == Money(60000, "USD")


def test_an_observation_older_than_the_window_has_no_say() -> None:
    observations = [price("a", "500", "2026-11-01"), price("a", "100", "2026-10-01"), price("a", "110", "2026-09-30")]
    assert the_price(observations).money == Money(50000, "USD")


def test_an_observation_exactly_thirty_days_older_still_counts() -> None:
    assert WINDOW.days == 30
    assert the_price([price("a", "500", "2026-11-01"), price("a", "100", "2026-10-02")]).money == Money(10000, "USD")


def test_of_an_even_number_the_lower_of_the_middle_two_is_taken() -> None:
    observations = [price("a", str(amount), f"2026-11-0{day}") for day, amount in enumerate((400, 100, 300, 200), start=1)]
    assert the_price(observations).money == Money(20000, "USD")


@pytest.mark.parametrize("kind", ["list", "wholesale-spot", "contract", "upgrade-delta"])
def test_what_no_buyer_pays_is_never_a_current_price(kind: str) -> None:
    assert current_prices([price("a", "100", kind=kind)], RATES) == ()
    assert the_price([price("a", "100", "2026-11-01", kind=kind), price("a", "500", "2026-01-01")]).money == Money(50000, "USD")


@pytest.mark.parametrize("kind", ["derived", "estimate"])
def test_an_inferred_price_gives_way_to_one_that_was_seen_in_the_window(kind: str) -> None:
    seen = price("a", "500", "2026-10-15")
    assert the_price([price("a", "390", "2026-11-01", kind=kind), seen]).money == Money(50000, "USD")


def test_an_inferred_price_counts_where_the_last_one_seen_is_older_than_the_window() -> None:
    observations = [price("a", "73", "2025-07-23"), price("a", "390", "2026-11-01", kind="derived")]
    assert (the_price(observations).money, the_price(observations).kind) == (Money(39000, "USD"), "derived")


def test_each_condition_has_its_own_price() -> None:
    found = current_prices([price("a", "1900"), price("a", "1550", condition="used", kind="marketplace")], RATES)
    assert {one.condition: one.money.minor for one in found} == {"new": 190000, "used": 155000}


def test_amounts_of_different_currencies_are_ranked_by_value_and_stay_in_their_own() -> None:
    pounds = price("a", "850", currency="GBP", source="in London")  # 1000 euros; the dollars are 909 and 1091
    observations = [price("a", "1000", source="in Boston"), pounds, price("a", "1200", source="in Austin")]
    assert the_price(observations).money == Money(85000, "GBP")


def test_one_currency_alone_needs_no_exchange_rate() -> None:
    observations = [price("a", "10", source="here"), price("a", "20", source="there")]
    assert current_prices(observations, ExchangeRates(as_of=date.min))[0].money == Money(1000, "USD")


def test_a_later_record_of_the_same_observation_corrects_the_earlier_one() -> None:
    assert the_price([price("a", "5000"), price("a", "500")]).money == Money(50000, "USD")


KINDS = sorted(COUNTING | {"list", "wholesale-spot", "contract", "upgrade-delta"})
OBSERVATIONS = st.lists(
    st.builds(
        lambda amount, day, kind, condition, source: price(
            "a", str(amount), day.isoformat(), kind=kind, condition=condition, source=source, currency="USD"
        ),
        st.integers(1, 10_000),
        st.dates(date(2025, 1, 1), date(2026, 11, 20)),
        st.sampled_from(KINDS),
        st.sampled_from(["new", "used", "refurbished"]),
        st.sampled_from(["x", "y", "z"]),
    ),
    max_size=12,
)


@given(OBSERVATIONS)
def test_a_current_price_is_always_one_that_was_observed_and_at_most_one_per_condition(observations: list[PriceFact]) -> None:
    found = current_prices(observations, RATES)
    assert len({one.condition for one in found}) == len(found)
    for one in found:
        same = [o for o in observations if o.condition == one.condition and o.kind in COUNTING]
        assert any((o.money, o.observed_on, o.source, o.kind) == (one.money, one.observed_on, one.source, one.kind) for o in same)
        assert max(o.observed_on for o in same) - one.observed_on <= WINDOW


@given(OBSERVATIONS, st.randoms(use_true_random=False))
def test_the_order_of_distinct_observations_does_not_matter(observations: list[PriceFact], random: object) -> None:
    distinct = list({(o.condition, o.kind, o.source, o.observed_on): o for o in observations}.values())
    shuffled = list(distinct)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert current_prices(shuffled, RATES) == current_prices(distinct, RATES)
