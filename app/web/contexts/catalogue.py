"""The catalogue's pages: lists with the columns of each kind, and one item with its figures, prices and history."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from app.catalogue.prices import COUNTING
from app.money import Money
from app.web.charts.price_history import PriceHistory, Sighting, price_history
from app.web.contexts.findings import sentence
from app.web.contexts.machine import age_of
from app.web.contexts.runs import RunView
from app.web.contexts.values import Document, money_of
from app.web.formats import day

KIND_NAMES = {"gpus": "GPUs", "ram": "RAM", "storage": "Storage", "platforms": "Platforms", "cloud": "Cloud"}

# Specification fields as they are shown: label and unit. What has no entry is shown by its own name.
FIGURES: Mapping[str, tuple[str, str]] = {
    "memory_gb": ("Memory", "GB"),
    "memory_type": ("Memory type", ""),
    "visible_mib": ("Visible to programs", "MiB"),
    "visible_source": ("Visible memory known from", ""),
    "bandwidth_gb_s": ("Bandwidth", "GB/s"),
    "fp32_tflops": ("FP32", "TFLOP/s"),
    "fp16_tflops": ("FP16, dense, FP32 accumulate", "TFLOP/s"),
    "bf16_tflops": ("BF16, dense, FP32 accumulate", "TFLOP/s"),
    "fp8_tflops": ("FP8, dense", "TFLOP/s"),
    "int8_tops": ("INT8, dense", "TOP/s"),
    "rate_basis": ("Rates known from", ""),
    "power_w": ("Power", "W"),
    "pcie_gen": ("PCIe generation", ""),
    "pcie_lanes": ("PCIe lanes", ""),
    "link_gb_s": ("Link between cards", "GB/s"),
    "speed_mt_s": ("Speed", "MT/s"),
    "module_gb": ("Module", "GB"),
    "capacity_gb": ("Capacity", "GB"),
    "read_mb_s": ("Reads", "MB/s"),
    "write_mb_s": ("Writes", "MB/s"),
    "read_iops": ("Random reads", "IOPS"),
    "endurance_tbw": ("Endurance", "TBW"),
    "rotation_rpm": ("Rotation", "rpm"),
    "max_memory_gb": ("Most memory", "GB"),
    "psu_w": ("Power supply", "W"),
    "included_ram_gb": ("RAM included", "GB"),
    "included_ssd_gb": ("SSD included", "GB"),
    "ram_gb": ("RAM", "GB"),
    "vcpus": ("Virtual processors", ""),
    "gpu": ("GPU", ""),
    "cpu": ("Processor", ""),
    "platform_class": ("Class", ""),
    "ecc": ("ECC", ""),
}
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "gpus": ("memory_gb", "bandwidth_gb_s", "bf16_tflops", "power_w"),
    "ram": ("memory_type", "modules", "module_gb", "speed_mt_s"),
    "storage": ("medium", "capacity_gb", "interface", "read_mb_s"),
    "platforms": ("cpu", "gpu_slots", "max_memory_gb", "psu_w"),
    "cloud": ("gpu", "gpu_quantity", "vcpus", "ram_gb", "provisioning"),
}
SHORT_LABELS = {"bf16_tflops": "BF16 dense", "gpu_quantity": "GPUs", "module_gb": "Each"}
UNKNOWN = "\N{EN DASH}"
ABOUT_FIGURES = ("visible_source", "rate_basis")  # where figures come from: sentences, not figures
UNKNOWN_AS_ZERO = frozenset({"power_w", "psu_w", "slots", "pcie_lanes", "rotation_rpm", "link_gb_s"})
PER_UNIT = (("memory_gb", "per GB"), ("bandwidth_gb_s", "per GB/s"), ("bf16_tflops", "per dense BF16 TFLOP/s"), ("capacity_gb", "per GB"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceView:
    """A price with its day, age and source."""

    text: str
    condition: str
    kind: str
    observed_on: str
    age: str
    age_days: int
    source: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One item of a list."""

    id: str
    name: str
    vendor: str
    cells: tuple[str, ...]
    prices: tuple[PriceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A column that can be sorted by."""

    label: str
    href: str
    sorted: str  # ascending, descending or none
    numeric: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueList:
    """Context of pages/catalogue/list.html."""

    kind: str
    title: str
    kinds: tuple[tuple[str, str], ...]
    headings: tuple[Heading, ...]
    rows: tuple[RowView, ...]
    total: int
    page: int
    pages: int
    q: str
    vendor: str
    priced: bool
    sort: str
    previous_href: str
    next_href: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One figure of a specification."""

    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueItem:
    """Context of pages/catalogue/item.html."""

    id: str
    kind: str
    kind_name: str
    name: str
    vendor: str
    status: str
    per_unit: tuple[str, ...]
    figures: tuple[FigureRow, ...]
    source: str
    as_of: str
    confidence: str
    notes: str
    prices: tuple[PriceView, ...]
    chart: PriceHistory | None
    chart_currency: str
    observations: tuple[PriceView, ...]
    runs: tuple[RunView, ...]
    revision: int


def row_view(item: Document, kind: str, today: date) -> RowView:
    """One item as a row with the columns of its kind."""
    return RowView(
        id=item["id"],
        name=item["name"],
        vendor=item["vendor"],
        cells=tuple(shown(key, item["spec"].get(key)) for key in COLUMNS[kind]),
        prices=tuple(price_view(price, today) for price in item["prices"]),
    )


def item_view(item: Document, kind: str, revision: int, today: date, runs: tuple[RunView, ...] = ()) -> CatalogueItem:
    """One item as a page; `runs` are ready-made jobs tried on it, for a GPU."""
    currency, sightings = _sightings(item["observations"])
    observations = sorted(item["observations"], key=lambda seen: str(seen["observed_on"]), reverse=True)
    return CatalogueItem(
        id=item["id"],
        kind=kind,
        kind_name=KIND_NAMES[kind],
        name=item["name"],
        vendor=item["vendor"],
        status=item["status"],
        per_unit=tuple(_per_unit(item)),
        figures=tuple(FigureRow(label=label(key), text=shown(key, value)) for key, value in _known(item["spec"])),
        source=item["source"],
        as_of=item["as_of"],
        confidence=item["confidence"],
        notes=" ".join(sentence(text) for text in (*_origins(item["spec"]), item["notes"]) if text),
        prices=tuple(price_view(price, today) for price in item["prices"]),
        chart=price_history(sightings, today),
        chart_currency=currency,
        observations=tuple(price_view(price, today) for price in observations),
        runs=runs,
        revision=revision,
    )


def price_view(price: Document, today: date) -> PriceView:
    """A price document as it is shown."""
    seen = date.fromisoformat(price["observed_on"])
    days = (today - seen).days
    return PriceView(
        text=str(money_of(price["price"])),
        condition=price["condition"],
        kind=price["kind"],
        observed_on=price["observed_on"],
        age=age_of(days),
        age_days=days,
        source=price["source"],
        url=price["url"],
    )


def label(key: str) -> str:
    """What a figure is called."""
    return FIGURES[key][0] if key in FIGURES else key.replace("_", " ").capitalize()


def shown(key: str, value: Any) -> str:
    """A figure with its unit; a dash where it is not known."""
    if value is None or value == "" or (value == 0 and key in UNKNOWN_AS_ZERO):
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    unit = FIGURES.get(key, ("", ""))[1]
    text = f"{value:,.6g}" if isinstance(value, int | float) and key not in {"pcie_gen", "launched"} else str(value)
    return f"{text} {unit}".strip()


def _origins(spec: Document) -> list[str]:
    return [f"{label(key)}: {spec[key]}" for key in ABOUT_FIGURES if spec.get(key)]


def _known(spec: Document) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in spec.items() if key not in ABOUT_FIGURES and shown(key, value) != UNKNOWN]


def _per_unit(item: Document) -> list[str]:
    if not item["prices"]:
        return []
    price = money_of(item["prices"][0]["price"])
    found = [(item["spec"].get(key), words) for key, words in PER_UNIT]
    return [f"{_divided(price, value)} {words}" for value, words in found if value]


def _divided(price: Money, by: float) -> Money:
    return Money.of(price.amount / Decimal(str(by)), price.currency)


def _sightings(observations: Sequence[Document]) -> tuple[str, list[Sighting]]:
    """Prices that a buyer could pay, in the currency that most of them are in: nothing is converted in a drawing."""
    counting = [seen for seen in observations if seen["kind"] in COUNTING]
    if not counting:
        return "", []
    currency = Counter(seen["price"]["currency"] for seen in counting).most_common(1)[0][0]
    chosen = [seen for seen in counting if seen["price"]["currency"] == currency]
    return currency, [_sighting(seen) for seen in chosen]


def _sighting(seen: Document) -> Sighting:
    price = money_of(seen["price"])
    title = f"{price}, {seen['condition']}, {day(seen['observed_on'])}, {seen['kind']}"
    return Sighting(date.fromisoformat(seen["observed_on"]), price.minor, title)
