"""A price as it is shown: its amount, its day, its age, its source, and what a gigabyte or a TFLOP costs at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.money import SYMBOLS, Money
from app.web.contexts.currency import Exchange
from app.web.contexts.machine import age_of
from app.web.contexts.specification import number_in
from app.web.contexts.values import Document, money_of

# What a price can be divided by: field of the specification, words, and the field for which it stands in.
PER_UNIT: Sequence[tuple[str, str]] = (
    ("memory_gb", "per GB"),
    ("bandwidth_gb_s", "per GB/s"),
    ("bf16_tflops", "per dense BF16 TFLOP/s"),
    ("total_gb", "per GB"),
    ("capacity_gb", "per GB"),
    ("gpu_quantity", "per GPU and hour"),
)
TAX = {None: "", True: "tax included", False: "before tax"}
SMALLEST_WHOLE = 100  # amounts from here on are shown without cents
SIGNIFICANT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceView:
    """A price with its day, age and source; `seen_as` is the amount before it was converted, empty where it was not."""

    text: str
    seen_as: str
    condition: str
    kind: str
    observed_on: str
    age: str  # "", "stale" or "not current"
    age_days: int
    source: str
    url: str
    region: str
    shop: str
    tax: str
    per_unit: tuple[str, ...]


def price_view(price: Document, spec: Document, exchange: Exchange, today: date) -> PriceView:
    """A price document of an item with that specification."""
    days = (today - date.fromisoformat(price["observed_on"])).days
    seen = money_of(price["price"])
    amount = exchange.shown(seen)
    return PriceView(
        text=str(amount),
        seen_as="" if amount == seen else str(seen),
        condition=price["condition"],
        kind=price["kind"],
        observed_on=price["observed_on"],
        age=age_of(days),
        age_days=days,
        source=price["source"],
        url=price["url"],
        region=price.get("region", ""),
        shop=price.get("shop", ""),
        tax=TAX[price.get("tax_included")],
        per_unit=tuple(_per_unit(amount, spec)),
    )


def _per_unit(amount: Money, spec: Document) -> list[str]:
    sizes = [(number_in(spec, key), words) for key, words in PER_UNIT]
    return [f"{rounded(amount.amount / Decimal(str(size)), amount.currency)} {words}" for size, words in sizes if size]


def rounded(amount: Decimal, currency: str) -> str:
    """A small amount to three significant digits, which for disks lie behind the cents: "$0.0475"."""
    digits = 0 if amount >= SMALLEST_WHOLE else SIGNIFICANT - 1 - amount.adjusted()
    text = f"{amount:,.{digits}f}"
    return f"{SYMBOLS[currency]}{text}" if currency in SYMBOLS else f"{text} {currency}"
