"""Looking through the catalogue: one kind at a time, filtered, sorted, a page at a time; every item with where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from app.catalogue.assemble import Snapshot
from app.catalogue.facts import ItemFact, PriceFact, Status
from app.catalogue.history import changes_of, prices_at
from app.catalogue.specs import SPECS, RamSpec
from app.catalogue.tables import Revision
from app.database import Database
from app.errors import InvalidInput, NotFound
from app.hardware import Condition, PartKind, Price
from app.money import Money

KINDS: dict[str, PartKind] = {"gpus": "gpu", "ram": "ram", "storage": "drive", "platforms": "platform", "cloud": "cloud"}
"""The names that addresses use."""

LARGEST_PAGE = 200

MEASURES: dict[PartKind, str] = {"gpu": "memory_gb", "ram": "total_gb", "drive": "capacity_gb", "cloud": "gpu_quantity"}
"""What a price is divided by to compare parts of one kind: gigabytes, or the GPUs of a rented machine."""

ORDERS = frozenset({"name", "price", "unit_price"})
"""What any list can be sorted by, beside the numbers of its kind."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is looked for. `sort` is one of ORDERS or a number of the kind ("memory_gb"); a minus before it turns it round."""

    q: str = ""  # words that the id, the name, another name or the vendor has, in any order
    vendor: str = ""
    status: Status = "active"
    condition: Condition | None = None  # only what has a current price in this condition
    most: Money | None = None  # the cheapest current price may be this at most
    chosen: Mapping[str, str] = field(default_factory=dict)  # texts of the kind: {"medium": "hdd"}
    minimum: Mapping[str, float] = field(default_factory=dict)  # of numbers of the kind: {"memory_gb": 24}
    maximum: Mapping[str, float] = field(default_factory=dict)
    priced: bool = False  # only what has a current price
    sort: str = "name"
    page: int = 1
    per_page: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of what was found, and how much there is."""

    items: tuple[Document, ...]
    total: int
    page: int
    pages: int


def find_items(database: Database, snapshot: Snapshot, kind: str, filters: Filters) -> Page:
    """The items of a kind ("gpus", "ram", "storage", "platforms", "cloud") that pass the filters, with their observations.

    Raises NotFound for a kind that is none, InvalidInput for a page or a field that is none.
    """
    if kind not in KINDS:
        raise NotFound(f"there is no part of the catalogue called '{kind[:40]}'; there are {', '.join(KINDS)}")
    _refuse_unknown_fields(KINDS[kind], filters)
    found = [item for item in snapshot.items.values() if item.kind == KINDS[kind] and _passes(item, snapshot, filters)]
    found.sort(key=lambda item: item.id)
    _sort(found, snapshot, filters.sort)
    pages = max(1, -(-len(found) // filters.per_page))
    start = (filters.page - 1) * filters.per_page
    return Page(
        items=tuple(_documents(database, snapshot, found[start : start + filters.per_page])),
        total=len(found),
        page=filters.page,
        pages=pages,
    )


def item_document(database: Database, snapshot: Snapshot, item_id: str) -> Document:
    """One item of any kind and status, with every observation of its price and every change of its specification.

    Raises NotFound where there is none.
    """
    if item_id not in snapshot.items:
        raise NotFound(f"the catalogue has no item '{item_id[:120]}'")
    (document,) = _documents(database, snapshot, [snapshot.items[item_id]])
    with database.read() as session:
        changes = [_change(revision) for revision in changes_of(session, snapshot.catalogue.revision, item_id)]
    return {**document, "changes": changes}


def values_of(snapshot: Snapshot, kind: str, name: str) -> tuple[str, ...]:
    """Every value that a text of the kind has ("vendor", or a field of its specification), in order."""
    items = [item for item in snapshot.items.values() if item.kind == KINDS[kind]]
    return tuple(sorted({_text(item, name) for item in items} - {""}, key=str.lower))


def numbers_of(kind: PartKind) -> tuple[str, ...]:
    """The fields of a kind that can be bounded and sorted by."""
    named = tuple(name for name, info in SPECS[kind].model_fields.items() if _is_number(info.annotation))
    return (*named, "total_gb") if kind == "ram" else named


def _is_number(annotation: object) -> bool:
    return annotation in (int, float) or any(_is_number(part) for part in get_args(annotation))


def _number(item: ItemFact, name: str) -> float | None:
    if isinstance(item.spec, RamSpec) and name == "total_gb":
        return item.spec.modules * item.spec.module_gb
    value = getattr(item.spec, name)
    return None if value is None else float(value)


def _text(item: ItemFact, name: str) -> str:
    return item.vendor if name == "vendor" else str(getattr(item.spec, name))


def _refuse_unknown_fields(kind: PartKind, filters: Filters) -> None:
    numbers = numbers_of(kind)
    named = {*filters.minimum, *filters.maximum, *({filters.sort.removeprefix("-")} - ORDERS)}
    if unknown := sorted(named - set(numbers)):
        raise InvalidInput(f"'{unknown[0][:40]}' is not a number of this kind; use one of {', '.join(numbers)}", "filter")
    if filters.page < 1 or not 1 <= filters.per_page <= LARGEST_PAGE:
        raise InvalidInput(f"pages count from 1 and hold 1 to {LARGEST_PAGE} items", "page")


def _passes(item: ItemFact, snapshot: Snapshot, filters: Filters) -> bool:
    others = " ".join(name for name, known in snapshot.aliases.items() if known == item.id)
    text = f"{item.id} {item.name} {others} {item.vendor}".lower()
    return (
        item.status == filters.status
        and (not filters.vendor or item.vendor.lower() == filters.vendor.lower())
        and all(word in text for word in filters.q.lower().split())
        and all(_text(item, name) == wanted for name, wanted in filters.chosen.items())
        and _price_passes(item, snapshot, filters)
        and all((value := _number(item, name)) is not None and value >= bound for name, bound in filters.minimum.items())
        and all((value := _number(item, name)) is not None and value <= bound for name, bound in filters.maximum.items())
    )


def _price_passes(item: ItemFact, snapshot: Snapshot, filters: Filters) -> bool:
    if filters.condition and all(price.condition != filters.condition for price in snapshot.prices[item.id]):
        return False
    cents = _euro_cents(item, snapshot)
    if filters.most is not None:
        return cents is not None and cents <= snapshot.catalogue.rates.convert(filters.most, "EUR").minor
    return cents is not None or not filters.priced


def _sort(items: list[ItemFact], snapshot: Snapshot, order: str) -> None:
    """In place; what has no value stands last either way."""
    name, downwards = order.removeprefix("-"), order.startswith("-")
    if name == "name":
        items.sort(key=lambda item: item.name.lower(), reverse=downwards)
        return

    def key(item: ItemFact) -> tuple[bool, float]:
        value = _order_value(item, snapshot, name)
        return value is None, 0 if value is None else -value if downwards else value

    items.sort(key=key)


def _order_value(item: ItemFact, snapshot: Snapshot, name: str) -> float | None:
    if name not in ORDERS:
        return _number(item, name)
    cents, measure = _euro_cents(item, snapshot), MEASURES.get(item.kind)
    if name == "price" or cents is None:
        return cents
    size = _number(item, measure) if measure else None
    return cents / size if size else None


def _euro_cents(item: ItemFact, snapshot: Snapshot) -> int | None:
    rates = snapshot.catalogue.rates
    return min((rates.convert(price.money, "EUR").minor for price in snapshot.prices[item.id]), default=None)


def _documents(database: Database, snapshot: Snapshot, items: Sequence[ItemFact]) -> list[Document]:
    with database.read() as session:
        observations = prices_at(session, snapshot.catalogue.revision, [item.id for item in items])
    return [
        {
            **item.model_dump(mode="json"),
            "prices": [_price(price) for price in snapshot.prices[item.id]],
            "observations": [_observation(fact) for fact in observations if fact.item == item.id],
        }
        for item in items
    ]


def _change(revision: Revision) -> Document:
    return {"revision": revision.id, "on": revision.at.date().isoformat(), "kind": revision.kind, "reason": revision.reason}


def _price(price: Price) -> Document:
    return {
        "price": price.money.to_json(),
        "condition": price.condition,
        "kind": price.kind,
        "observed_on": price.observed_on.isoformat(),
        "source": price.source,
        "url": price.url,
    }


def _observation(fact: PriceFact) -> Document:
    return {"price": fact.money.to_json(), **fact.model_dump(mode="json", exclude={"item", "amount", "currency"})}
