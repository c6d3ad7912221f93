"""From recorded facts to the immutable catalogue that the recommender searches, and the items behind it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, cast

from app.catalogue.facts import AliasFact, ItemFact, PriceFact, RateFact
from app.catalogue.prices import current_prices
from app.catalogue.volatility import Volatilities
from app.hardware import Catalogue, CloudOffer, Drive, Gpu, Part, PartKind, Platform, Price, RamKit
from app.money import ExchangeRates

_PARTS: dict[PartKind, type[Part]] = {"gpu": Gpu, "ram": RamKit, "drive": Drive, "platform": Platform, "cloud": CloudOffer}
_SHELVES: dict[PartKind, str] = {"gpu": "gpus", "ram": "ram", "drive": "drives", "platform": "platforms", "cloud": "cloud"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One revision in memory: every item with its current prices, and the catalogue of those that can be picked."""

    catalogue: Catalogue
    items: Mapping[str, ItemFact]
    prices: Mapping[str, tuple[Price, ...]]
    rates: Mapping[str, RateFact]  # the newest of each currency, with its own day and source
    aliases: Mapping[str, str] = field(default_factory=dict)  # other names, each with the item's id


def snapshot_of(
    revision: int, items: Iterable[ItemFact], prices: Iterable[PriceFact], rates: Iterable[RateFact], aliases: Iterable[AliasFact] = ()
) -> Snapshot:
    """The snapshot of these facts, which come in the order in which they were recorded."""
    newest, known = newest_of_each(rates), {item.id: item for item in items}
    exchange = exchange_rates(newest)
    observations: defaultdict[str, list[PriceFact]] = defaultdict(list)
    for price in prices:
        observations[price.item].append(price)
    current = _current(known, observations, exchange)
    shelves: dict[str, dict[str, Part]] = {shelf: {} for shelf in _SHELVES.values()}
    for item in known.values():
        if item.status == "active":
            shelves[_SHELVES[item.kind]][item.id] = part_of(item, current[item.id])
    catalogue = Catalogue(revision=revision, rates=exchange, **cast("dict[str, Any]", shelves))
    names = {alias.name: alias.item for alias in aliases if alias.item in known}
    return Snapshot(catalogue=catalogue, items=known, prices=current, rates=newest, aliases=names)


def _current(
    items: Mapping[str, ItemFact], observations: Mapping[str, list[PriceFact]], rates: ExchangeRates
) -> dict[str, tuple[Price, ...]]:
    """The current prices of every item, each with how far it is known to move."""
    everything = [fact for name in items for fact in observations.get(name, ())]
    moves = Volatilities({item.id: item.kind for item in items.values()}, everything, rates)
    return {
        name: tuple(replace(price, volatility=moves.of(name, price.condition)) for price in current_prices(observations[name], rates))
        for name in items
    }


def part_of(item: ItemFact, prices: tuple[Price, ...]) -> Part:
    """The part as the pure rooms see it."""
    return _PARTS[item.kind](
        id=item.id,
        name=item.name,
        vendor=item.vendor,
        prices=prices,
        active=item.status == "active",
        source=item.source,
        confidence=item.confidence,
        notes=item.notes,
        **item.spec.part_fields(),
    )


def newest_of_each(rates: Iterable[RateFact]) -> dict[str, RateFact]:
    """The newest rate of every currency, of two for one day the one recorded later, in the order of their codes."""
    newest: dict[str, RateFact] = {}
    for rate in rates:
        if rate.currency not in newest or rate.as_of >= newest[rate.currency].as_of:
            newest[rate.currency] = rate
    return {code: newest[code] for code in sorted(newest)}


def exchange_rates(newest: Mapping[str, RateFact]) -> ExchangeRates:
    """These rates, dated by the newest of them."""
    if not newest:
        return ExchangeRates(as_of=date.min)
    last = max(newest.values(), key=lambda rate: rate.as_of)
    return ExchangeRates(as_of=last.as_of, per_euro={code: rate.per_euro for code, rate in newest.items()}, source=last.source)
