"""The current price of an item, by a stated rule, from its dated observations.

The rule, for each condition (new, used, refurbished) on its own:

1. Only kinds that a buyer could pay count: not launch prices, not what traders or large buyers pay, not upgrade surcharges.
2. Of those, only observations at most 30 days older than the newest.
3. If any of them was seen on the market (in a shop, at the vendor's, in a survey, second-hand), derived figures and estimates drop out.
4. The current price is the middle one by value; of an even number the lower of the middle two, so that it is always a price
   that somebody observed, with its own day and source.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from app.catalogue.facts import PriceFact, PriceKind
from app.hardware import Condition, Price
from app.money import ExchangeRates

WINDOW = timedelta(days=30)

_OBSERVED = frozenset[PriceKind]({"retail", "vendor", "press", "marketplace", "rental"})
_INFERRED = frozenset[PriceKind]({"estimate", "derived"})
COUNTING = _OBSERVED | _INFERRED
"""Kinds that can be a current price; every other kind is kept as history only."""


def current_prices(observations: Iterable[PriceFact], rates: ExchangeRates) -> tuple[Price, ...]:
    """The current price in each condition that has one, by the rule above. Rates only order amounts of different currencies."""
    by_condition: dict[Condition, list[PriceFact]] = {}
    for observation in latest_of_each(observations):
        if observation.kind in COUNTING:
            by_condition.setdefault(observation.condition, []).append(observation)
    return tuple(_price(_middle(_recent(by_condition[condition]), rates)) for condition in sorted(by_condition))


def latest_of_each(observations: Iterable[PriceFact]) -> list[PriceFact]:
    """The observations without those that a later one corrects: same item, day, shop and source, another amount."""
    return list({subject_of(observation): observation for observation in observations}.values())


def subject_of(fact: PriceFact) -> tuple[object, ...]:
    """What an observation is of, but for the amount: of several that agree in it the last one counts."""
    return fact.item, fact.condition, fact.kind, fact.region, fact.shop, fact.source, fact.observed_on


def _recent(observations: list[PriceFact]) -> list[PriceFact]:
    newest = max(observation.observed_on for observation in observations)
    recent = [observation for observation in observations if newest - observation.observed_on <= WINDOW]
    return [observation for observation in recent if observation.kind in _OBSERVED] or recent


def _middle(observations: list[PriceFact], rates: ExchangeRates) -> PriceFact:
    currency = observations[0].currency

    def value(fact: PriceFact) -> tuple[int, date, str]:
        return rates.convert(fact.money, currency).minor, fact.observed_on, fact.source

    ranked = sorted(observations, key=value)
    return ranked[(len(ranked) - 1) // 2]


def _price(fact: PriceFact) -> Price:
    return Price(
        money=fact.money,
        condition=fact.condition,
        kind=fact.kind,
        observed_on=fact.observed_on,
        source=fact.source,
        url=fact.url,
    )
