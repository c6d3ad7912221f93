"""How well the catalogue is kept: which prices are old, which items have none, in which currencies prices were seen."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.catalogue.assemble import Snapshot
from app.catalogue.facts import ItemFact
from app.catalogue.tables import PriceObservation
from app.hardware import PartKind, Price

STALE_DAYS = 30  # a price older than this may have moved
NOT_CURRENT_DAYS = 90  # a price older than this is not called current


@dataclass(frozen=True, slots=True, kw_only=True)
class AgedPrice:
    """The freshest current price of an item, and how old it is; None where the item has none."""

    item: ItemFact
    price: Price | None
    age_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCoverage:
    """How many active items of a kind there are, and how many of them have a price of which age."""

    kind: PartKind
    items: int
    fresh: int  # at most STALE_DAYS old
    stale: int
    not_current: int  # older than NOT_CURRENT_DAYS
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyCoverage:
    """How many observations are in a currency, and the newest of them."""

    currency: str
    observations: int
    newest: date


def aged_prices(snapshot: Snapshot, today: date) -> list[AgedPrice]:
    """Every active item with its freshest price: the oldest first, those without a price last."""
    found = [_aged(item, snapshot.prices[item.id], today) for item in snapshot.items.values() if item.status == "active"]
    return sorted(found, key=lambda one: (one.age_days is None, -(one.age_days or 0), one.item.name))


def coverage_by_kind(aged: list[AgedPrice]) -> list[KindCoverage]:
    """The same counted by kind."""
    counts = Counter((one.item.kind, _state(one.age_days)) for one in aged)
    kinds = dict.fromkeys(one.item.kind for one in sorted(aged, key=lambda one: one.item.kind))
    return [_of_kind(kind, counts) for kind in kinds]


def coverage_by_currency(session: Session) -> Iterator[CurrencyCoverage]:
    """Observations by currency, the most frequent first."""
    count = func.count()
    query = select(PriceObservation.currency, count, func.max(PriceObservation.observed_on)).group_by(PriceObservation.currency)
    for currency, observations, newest in session.execute(query.order_by(count.desc(), PriceObservation.currency)):
        yield CurrencyCoverage(currency=currency, observations=observations, newest=newest)


def _aged(item: ItemFact, prices: tuple[Price, ...], today: date) -> AgedPrice:
    freshest = max(prices, key=lambda price: price.observed_on, default=None)
    return AgedPrice(item=item, price=freshest, age_days=(today - freshest.observed_on).days if freshest else None)


def _state(age_days: int | None) -> str:
    if age_days is None:
        return "unpriced"
    return "fresh" if age_days <= STALE_DAYS else "stale" if age_days <= NOT_CURRENT_DAYS else "not_current"


def _of_kind(kind: PartKind, counts: Counter[tuple[PartKind, str]]) -> KindCoverage:
    states = {state: counts[kind, state] for state in ("fresh", "stale", "not_current", "unpriced")}
    return KindCoverage(kind=kind, items=sum(states.values()), **states)
