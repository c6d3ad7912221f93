"""What makes a price unbelievable: each guard gives the sentence that says so, or nothing."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from app.catalogue.facts import ItemFact, PriceFact, RateFact
from app.catalogue.imports.standing import Seen, Standing
from app.catalogue.price_entry import LARGEST_JUMP
from app.catalogue.prices import COUNTING
from app.catalogue.specs import RamSpec

SLIP = 50
"""How many times a usual price per gigabyte is no market any more but GB for TB (a factor of 1000)."""

_ALIKE = Decimal("0.1")  # by how much a price may miss a suspected slip and still be named after it


def refuse_price(fields: Mapping[str, Any], currencies: frozenset[str], today: date) -> str:
    """Why a price cannot be true, whatever it is the price of; empty where it can."""
    amount, currency, day = fields.get("amount"), str(fields.get("currency", "")), fields.get("observed_on")
    if isinstance(amount, Decimal) and amount <= 0:
        return f"the price is {amount}; it must be above zero"
    if not currency:
        return "the currency is missing; add a column for it, or name it as a constant of the source"
    if currency not in currencies:
        return f"there is no exchange rate for '{currency[:12]}'; import one first, or correct the currency"
    if not day:
        return "the row does not say when the price was seen; give the day of the file"
    return refuse_day(day, today)


def refuse_day(day: object, today: date) -> str:
    """Why a day cannot be that of an observation."""
    return f"{day:%Y-%m-%d} is in the future" if isinstance(day, date) and day > today else ""


def refuse_size(price: PriceFact, size: tuple[str, int] | None, usual: Decimal | None, standing: Standing) -> str:
    """Why the price cannot be that of so many gigabytes, where one usually costs `usual` euro cents."""
    if not size or not usual or price.kind not in COUNTING:
        return ""
    cents = Decimal(standing.exchange.convert(price.money, "EUR").minor)
    times = cents / size[1] / usual
    if times * SLIP >= 1 and times <= SLIP:
        return ""
    factor = f"{times:,.0f} times" if times > 1 else f"one {1 / times:,.0f}th of"
    return f"{price.money} for {size[1]:,} GB is {factor} what {size[0].upper()} usually costs: are GB and TB mixed up?"


def jump_of(price: PriceFact, item: ItemFact, before: Seen | None, standing: Standing) -> str:
    """By how much the price moved, where that is more than can be taken unasked."""
    if before is None or price.kind not in COUNTING:
        return ""
    now = standing.exchange.convert(price.money, "EUR").minor
    ratio = Decimal(now) / before.euro_cents if before.euro_cents else Decimal(0)
    if abs(ratio - 1) <= LARGEST_JUMP:
        return ""
    return f"{_percent(ratio)} since {before.on:%Y-%m-%d} ({before.money}){_suspicion(ratio, item)}"


def rate_jump_of(rate: RateFact, before: RateFact | None) -> str:
    """The same for an exchange rate."""
    if before is None or abs(rate.per_euro / before.per_euro - 1) <= LARGEST_JUMP:
        return ""
    return f"{rate.currency} {_percent(rate.per_euro / before.per_euro)} since {before.as_of}"


def _percent(ratio: Decimal) -> str:
    return f"{(ratio - 1) * 100:+.0f} %"


def _suspicion(ratio: Decimal, item: ItemFact) -> str:
    """What a slip of this size usually is."""
    for factor, sentence in ((10, "a slipped decimal mark?"), (100, "cents for whole units?"), (1000, "thousands mixed up?")):
        if _is_about(ratio, factor):
            return f": {sentence}"
    if isinstance(item.spec, RamSpec) and item.spec.modules > 1 and _is_about(ratio, item.spec.modules):
        return f": the price of one module for that of a kit of {item.spec.modules}, or the other way round?"
    return ""


def _is_about(ratio: Decimal, factor: int) -> bool:
    return any(abs(ratio / exact - 1) < _ALIKE for exact in (Decimal(factor), Decimal(1) / factor))
