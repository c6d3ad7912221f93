"""From recorded facts to the immutable catalogue that the recommender searches."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, cast

from app.catalogue.facts import ItemFact, PriceFact, RateFact
from app.catalogue.prices import current_prices
from app.hardware import Catalogue, CloudOffer, Drive, Gpu, Part, PartKind, Platform, Price, RamKit
from app.money import ExchangeRates

_PARTS: dict[PartKind, type[Part]] = {"gpu": Gpu, "ram": RamKit, "drive": Drive, "platform": Platform, "cloud": CloudOffer}
_SHELVES: dict[PartKind, str] = {"gpu": "gpus", "ram": "ram", "drive": "drives", "platform": "platforms", "cloud": "cloud"}


def catalogue_of(revision: int, items: Iterable[ItemFact], prices: Iterable[PriceFact], rates: Iterable[RateFact]) -> Catalogue:
    """The catalogue of every active item with its current prices. Facts come in the order in which they were recorded."""
    exchange = newest_rates(rates)
    observations: dict[str, list[PriceFact]] = {}
    for price in prices:
        observations.setdefault(price.item, []).append(price)
    shelves: dict[str, dict[str, Part]] = {shelf: {} for shelf in _SHELVES.values()}
    for item in items:
        if item.status == "active":
            current = current_prices(observations.get(item.id, ()), exchange)
            shelves[_SHELVES[item.kind]][item.id] = part_of(item, current)
    return Catalogue(revision=revision, rates=exchange, **cast("dict[str, Any]", shelves))


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


def newest_rates(rates: Iterable[RateFact]) -> ExchangeRates:
    """The newest rate of every currency, of two for one day the one recorded later, dated by the newest of all."""
    newest: dict[str, RateFact] = {}
    for rate in rates:
        if rate.currency not in newest or rate.as_of >= newest[rate.currency].as_of:
            newest[rate.currency] = rate
    if not newest:
        return ExchangeRates(as_of=date.min)
    last = max(newest.values(), key=lambda rate: rate.as_of)
    per_euro: Mapping[str, Any] = {currency: newest[currency].per_euro for currency in sorted(newest)}
    return ExchangeRates(as_of=last.as_of, per_euro=per_euro, source=last.source)
