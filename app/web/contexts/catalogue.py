"""A list of the catalogue: its filters, its columns, its rows, and the addresses of the same list in other forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from app.catalogue.assemble import Snapshot
from app.catalogue.browse import KINDS, MEASURES, Filters, Page, values_of
from app.catalogue.facts import Status
from app.errors import FieldError
from app.hardware import Condition
from app.web.contexts.currency import Exchange, currencies
from app.web.contexts.prices import PriceView, price_view
from app.web.contexts.specification import label, number_in, shown
from app.web.contexts.values import Document
from app.web.formats import day

KIND_NAMES = {"gpus": "GPUs", "ram": "RAM", "storage": "Storage", "platforms": "Platforms", "cloud": "Cloud"}
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "gpus": ("memory_gb", "bandwidth_gb_s", "bf16_tflops", "power_w"),
    "ram": ("memory_type", "total_gb", "modules", "speed_mt_s"),
    "storage": ("medium", "capacity_gb", "interface", "read_mb_s"),
    "platforms": ("cpu", "gpu_slots", "max_memory_gb", "psu_w"),
    "cloud": ("provider", "gpu_quantity", "vcpus", "ram_gb", "provisioning"),
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "gpus": ("vendor", "segment"),
    "ram": ("vendor", "memory_type", "form"),
    "storage": ("vendor", "medium", "interface"),
    "platforms": ("vendor", "platform_class"),
    "cloud": ("provider", "gpu"),
}
"""Texts of each kind that a reader chooses from a list."""

SIZES: Mapping[str, str] = {kind: MEASURES.get(part, "max_memory_gb") for kind, part in KINDS.items()}
"""The number of each kind that a reader gives a lower bound for."""

CHOICE_LABELS = {"platform_class": "Class", "memory_type": "Type", "gpu": "GPU"}
SHORT_LABELS = {"bf16_tflops": "BF16 dense", "gpu_quantity": "GPUs", "max_memory_gb": "Most memory", "total_gb": "In all"}
TEXT_COLUMNS = frozenset({"memory_type", "medium", "interface", "cpu", "provider", "provisioning"})
STATUSES: Mapping[Status, str] = {"active": "On sale", "announced": "Announced", "market": "Market indices", "retired": "Withdrawn"}
CONDITIONS: tuple[Condition, ...] = ("new", "used", "refurbished")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A list that a reader chooses from: the field's name, its label, the values and the chosen one."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One item of a list."""

    id: str
    name: str
    cells: tuple[str, ...]
    prices: tuple[PriceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A column, and the address that sorts by it."""

    label: str
    href: str
    sorted: str  # ascending, descending or none
    numeric: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A filter that is set, and the address of the list without it."""

    label: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address of a list says: the catalogue's filters, the texts as typed, and the currency."""

    kind: str
    filters: Filters
    size: str  # the lower bound of the kind's measure, as typed
    most: str  # the highest price, as typed
    currency: str

    def pairs(self) -> dict[str, str]:
        """The address, without what is as it is anyway."""
        filters = self.filters
        texts = {
            "q": filters.q,
            "vendor": filters.vendor,
            **filters.chosen,
            "size": self.size,
            "most": self.most,
            "condition": filters.condition or "",
            "status": "" if filters.status == "active" else filters.status,
            "priced": "true" if filters.priced else "",
            "currency": self.currency,
            "sort": "" if filters.sort == "name" else filters.sort,
        }
        return {name: text for name, text in texts.items() if text}

    def address(self, *, form: str = "", without: str = "", **changes: str | int) -> str:
        """The address of this list, in another form ("csv"), without one filter, or with other values."""
        pairs = {name: text for name, text in {**self.pairs(), **changes}.items() if name != without and text not in ("", 1)}
        path = f"/catalogue/{self.kind}{f'.{form}' if form else ''}"
        return f"{path}?{urlencode(pairs)}" if pairs else path


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueList:
    """Context of pages/catalogue/list.html."""

    kind: str
    title: str
    kinds: tuple[tuple[str, str], ...]
    asked: Asked
    choices: tuple[Choice, ...]
    size_label: str
    headings: tuple[Heading, ...]
    rows: tuple[RowView, ...]
    removals: tuple[Removal, ...]
    narrowed: bool  # by more than a name
    total: int
    page: int
    pages: int
    previous_href: str
    next_href: str
    csv_href: str
    json_href: str
    rate_note: str
    revision: int
    updated: str
    problems: tuple[FieldError, ...]


def catalogue_list(
    asked: Asked, found: Page, exchange: Exchange, today: date, *, problems: Sequence[FieldError] = (), updated: date | None = None
) -> CatalogueList:
    """The list of what was found; `problems` are filters that could not be read, `updated` the day of the catalogue's last change."""
    snapshot, kind = exchange.snapshot, asked.kind
    return CatalogueList(
        kind=kind,
        title=KIND_NAMES[kind],
        kinds=tuple(KIND_NAMES.items()),
        asked=asked,
        choices=tuple(_choices(asked, snapshot)),
        size_label=f"{label(SIZES[kind])}, at least",
        headings=tuple(_heading(column, asked) for column in ("name", *COLUMNS[kind], "price")),
        rows=tuple(_row(item, kind, exchange, today) for item in found.items),
        removals=tuple(_removals(asked)),
        narrowed=bool(asked.pairs().keys() - {"q", "sort"}),
        total=found.total,
        page=found.page,
        pages=found.pages,
        previous_href=asked.address(page=found.page - 1) if found.page > 1 else "",
        next_href=asked.address(page=found.page + 1) if found.page < found.pages else "",
        csv_href=asked.address(form="csv"),
        json_href=asked.address(form="json"),
        rate_note=exchange.note(),
        revision=snapshot.catalogue.revision,
        updated=day(updated) if updated else "",
        problems=tuple(problems),
    )


def _choices(asked: Asked, snapshot: Snapshot) -> list[Choice]:
    filters = asked.filters
    of_kind = [_texts(name, asked, snapshot) for name in CHOICES[asked.kind]]
    conditions = tuple((name, name.capitalize()) for name in CONDITIONS)
    return [
        *of_kind,
        Choice(name="condition", label="Condition", options=(("", "Any"), *conditions), chosen=filters.condition or ""),
        Choice(name="status", label="Status", options=tuple(STATUSES.items()), chosen=filters.status),
        Choice(name="currency", label="Currency", options=_currencies(snapshot), chosen=asked.currency),
    ]


def _texts(name: str, asked: Asked, snapshot: Snapshot) -> Choice:
    values = values_of(snapshot, asked.kind, name)
    chosen = asked.filters.vendor if name == "vendor" else asked.filters.chosen.get(name, "")
    options = (("", "Any"), *((value, value) for value in values))
    return Choice(name=name, label=CHOICE_LABELS.get(name, label(name)), options=options, chosen=chosen)


def _currencies(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    return (("", "As seen"), *((code, code) for code in currencies(snapshot)))


def _heading(column: str, asked: Asked) -> Heading:
    order = asked.filters.sort
    current = order.removeprefix("-") == column
    downwards = current and order.startswith("-")
    sortable = column not in TEXT_COLUMNS
    return Heading(
        label="Name" if column == "name" else "Price" if column == "price" else SHORT_LABELS.get(column, label(column)),
        href=asked.address(sort=column if downwards or not current else f"-{column}") if sortable else "",
        sorted="none" if not current else "descending" if downwards else "ascending",
        numeric=sortable and column != "name",
    )


def _row(item: Document, kind: str, exchange: Exchange, today: date) -> RowView:
    spec = item["spec"]
    return RowView(
        id=item["id"],
        name=item["name"],
        cells=tuple(shown(key, number_in(spec, key) if key == "total_gb" else spec.get(key)) for key in COLUMNS[kind]),
        prices=tuple(_with_first_measure(price_view(price, spec, exchange, today)) for price in item["prices"]),
    )


def _with_first_measure(price: PriceView) -> PriceView:
    """A list has room for one figure beside the price."""
    return replace(price, per_unit=price.per_unit[:1])


def _removals(asked: Asked) -> list[Removal]:
    named = {**asked.pairs(), "status": STATUSES[asked.filters.status]} if asked.filters.status != "active" else asked.pairs()
    filters = [(name, text) for name, text in named.items() if name not in ("sort", "currency")]
    return [Removal(label=f"{_filter_label(name, asked.kind)}: {text}", href=asked.address(without=name)) for name, text in filters]


def _filter_label(name: str, kind: str) -> str:
    labels = {"q": "Name", "size": f"{label(SIZES[kind])} at least", "most": "Price at most", "priced": "With a price"}
    return labels.get(name) or CHOICE_LABELS.get(name, label(name))
