"""How much a price moves in a month, from its own dated observations.

The rule: of one item in one condition, the middle price of every day on which it was observed in dollars; between two days that follow each
other the logarithm of the change. The variance of a month is the sum of their squares over the days they span, times 30 (a random walk
without drift, which is also the realised variance of Andersen and Bollerslev 1998). A monthly move is its square root.

Fewer than three days tell nothing about one item. Then the items of its kind are taken together, where they have five changes or more;
where they have not, the move is not known, and nobody is told a figure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import log, sqrt
from typing import NamedTuple

from app.catalogue.facts import PriceFact
from app.catalogue.prices import COUNTING, latest_of_each
from app.hardware import Condition, PartKind, Volatility
from app.money import ExchangeRates

MONTH_DAYS = 30
FEWEST_DAYS = 3  # of one item
FEWEST_CHANGES = 5  # of all items of a kind
ORDERING_CURRENCY = "USD"

Moves = Mapping[Condition, Volatility]


class Change(NamedTuple):
    """From one day to the next one on which a price was seen."""

    squared: float
    days: int


class Volatilities:
    """Monthly moves of every item that has been observed."""

    def __init__(self, kinds: Mapping[str, PartKind], observations: Iterable[PriceFact], rates: ExchangeRates) -> None:
        """`kinds`: the kind of each item. Rates make amounts of different currencies comparable."""
        self._kinds = kinds
        self._own = {key: list(_changes(facts, rates)) for key, facts in _grouped(observations).items()}
        pooled: defaultdict[PartKind, list[Change]] = defaultdict(list)
        for (item, _), changes in self._own.items():
            if item in kinds:
                pooled[kinds[item]] += changes
        self._of_kind = {kind: _monthly(changes) for kind, changes in pooled.items() if len(changes) >= FEWEST_CHANGES}

    def of(self, item: str, condition: Condition) -> Volatility | None:
        """The monthly move of an item's price in one condition; None where too little is known."""
        own = self._own.get((item, condition), [])
        if len(own) >= FEWEST_DAYS - 1:
            return Volatility(monthly=_monthly(own), basis="own", changes=len(own))
        pooled = self._of_kind.get(self._kinds[item])
        return None if pooled is None else Volatility(monthly=pooled, basis="kind", changes=0)


def _grouped(observations: Iterable[PriceFact]) -> Mapping[tuple[str, Condition], list[PriceFact]]:
    groups: defaultdict[tuple[str, Condition], list[PriceFact]] = defaultdict(list)
    for fact in latest_of_each(observations):
        if fact.kind in COUNTING:
            groups[fact.item, fact.condition].append(fact)
    return groups


def _changes(facts: Sequence[PriceFact], rates: ExchangeRates) -> Iterator[Change]:
    days: defaultdict[int, list[int]] = defaultdict(list)
    for fact in facts:
        if fact.currency in rates.currencies:
            days[fact.observed_on.toordinal()].append(rates.convert(fact.money, ORDERING_CURRENCY).minor)
    seen = [(day, sorted(amounts)[(len(amounts) - 1) // 2]) for day, amounts in sorted(days.items())]
    for (before, then), (after, now) in pairwise(seen):
        if then and now:
            yield Change(log(now / then) ** 2, after - before)


def _monthly(changes: Sequence[Change]) -> float:
    return sqrt(sum(change.squared for change in changes) / sum(change.days for change in changes) * MONTH_DAYS)
