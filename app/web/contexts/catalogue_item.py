"""One item of the catalogue: its figures with their sources, its prices and their history, and what runs on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.catalogue.prices import COUNTING
from app.hardware import Catalogue, CloudOffer, Gpu, Platform
from app.web.charts.price_history import PriceHistory, Sighting, price_history
from app.web.contexts.catalogue import KIND_NAMES
from app.web.contexts.currency import Exchange, currencies
from app.web.contexts.findings import sentence
from app.web.contexts.prices import PriceView, price_view
from app.web.contexts.runs import ModelRun, RunView, jobs_on, models_on
from app.web.contexts.specification import Specification, specification
from app.web.contexts.values import Document, money_of
from app.web.formats import day

RANGES = {"90": "90 days", "365": "1 year", "": "all"}
CHARTED_WHERE_MIXED = "USD"  # a drawing has one currency


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """A revision that recorded the item's specification."""

    revision: int
    on: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeLink:
    """One span of time that the history can be drawn for."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueItem:
    """Context of pages/catalogue/item.html."""

    id: str
    kind: str
    kind_name: str
    name: str
    vendor: str
    status: str
    specification: Specification
    notes: str
    prices: tuple[PriceView, ...]
    chart: PriceHistory | None
    chart_currency: str
    ranges: tuple[RangeLink, ...]
    currencies: tuple[str, ...]
    currency: str
    rate_note: str
    observations: tuple[PriceView, ...]
    card: str  # what the jobs below are tried on: "one GeForce RTX 3090"
    runs: tuple[RunView, ...]
    models: tuple[ModelRun, ...]
    changes: tuple[ChangeView, ...]
    revision: int


def catalogue_item(item: Document, kind: str, exchange: Exchange, today: date, span: str) -> CatalogueItem:
    """The page of an item document; `span` is one of RANGES."""
    catalogue, spec = exchange.snapshot.catalogue, item["spec"]
    seen = sorted(item["observations"], key=lambda one: str(one["observed_on"]), reverse=True)
    currency, sightings = _sightings(item["observations"], exchange)
    gpu, quantity = gpus_of(item["id"], catalogue)
    return CatalogueItem(
        id=item["id"],
        kind=kind,
        kind_name=KIND_NAMES[kind],
        name=item["name"],
        vendor=item["vendor"],
        status=item["status"],
        specification=specification(item),
        notes=sentence(item["notes"]) if item["notes"] else "",
        prices=tuple(price_view(price, spec, exchange, today) for price in item["prices"]),
        chart=price_history(sightings, today, since=today - timedelta(days=int(span)) if span else None),
        chart_currency=currency,
        ranges=tuple(_range(item["id"], text, name, span, exchange.currency) for text, name in RANGES.items()),
        currencies=currencies(exchange.snapshot),
        currency=exchange.currency,
        rate_note=exchange.note(),
        observations=tuple(price_view(one, spec, exchange, today) for one in seen),
        card=_card(gpu, quantity),
        runs=jobs_on(gpu, quantity) if gpu else (),
        models=models_on(gpu, quantity) if gpu else (),
        changes=tuple(ChangeView(revision=one["revision"], on=one["on"], reason=one["reason"]) for one in item["changes"]),
        revision=catalogue.revision,
    )


def gpus_of(item_id: str, catalogue: Catalogue) -> tuple[Gpu | None, int]:
    """The GPU that an item is, holds or rents, and how many; None and 0 where it has none."""
    part = catalogue.parts.get(item_id)
    match part:
        case Gpu():
            return part, 1
        case Platform() if part.included_gpu:
            return catalogue.gpus.get(part.included_gpu), part.included_gpu_quantity
        case CloudOffer() if part.gpu:
            return catalogue.gpus.get(part.gpu), part.gpu_quantity
    return None, 0


def _card(gpu: Gpu | None, quantity: int) -> str:
    return "" if gpu is None else f"one {gpu.name}" if quantity == 1 else f"{quantity} \u00d7 {gpu.name}"


def _range(item_id: str, span: str, name: str, chosen: str, currency: str) -> RangeLink:
    pairs = [f"{key}={value}" for key, value in (("range", span), ("currency", currency)) if value]
    return RangeLink(label=name, href=f"/catalogue/item/{item_id}{'?' + '&'.join(pairs) if pairs else ''}", current=span == chosen)


def _sightings(observations: Sequence[Document], exchange: Exchange) -> tuple[str, list[Sighting]]:
    """Prices that a buyer could pay, in the reader's currency, or in the one that all of them were seen in."""
    counting = [seen for seen in observations if seen["kind"] in COUNTING]
    if not counting:
        return "", []
    seen_in = {seen["price"]["currency"] for seen in counting}
    currency = exchange.currency or (seen_in.pop() if len(seen_in) == 1 else CHARTED_WHERE_MIXED)
    return currency, [_sighting(seen, exchange, currency) for seen in counting]


def _sighting(seen: Document, exchange: Exchange, currency: str) -> Sighting:
    price = exchange.snapshot.catalogue.rates.convert(money_of(seen["price"]), currency)
    title = f"{price}, {seen['condition']}, {day(seen['observed_on'])}, {seen['kind']}: {seen['source']}"
    return Sighting(date.fromisoformat(seen["observed_on"]), price.minor, title, seen["condition"])
