"""How figures read on a page. Every one is a filter of the templates."""

from datetime import date
from functools import lru_cache
from typing import Any

from app.money import SYMBOLS, Money
from app.units import format_binary, format_count, format_decimal

DAYS_KEPT = 1024
MINUS = "\N{MINUS SIGN}"


@lru_cache(maxsize=DAYS_KEPT)
def day(value: date | str) -> str:
    """A date as people write it: "18 Nov 2026"."""
    then = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{then.day} {then:%b %Y}"


def percent(share: float) -> str:
    """A share as whole per cent, "77 %"; a tenth below ten per cent, and "< 0.1 %" for what is not nothing."""
    figure = share * 100
    if 0 < figure < 0.1:
        return "< 0.1 %"
    return f"{figure:.0f} %" if figure >= 10 or figure == 0 else f"{figure:.1f} %"


def duration(seconds: float) -> str:
    """A duration in its natural unit: "0.21 s", "4.3 h", "11 days"."""
    for size, unit in ((86_400 * 2, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{_three_digits(seconds / (86_400 if unit == 'days' else size))} {unit}"
    return f"{_three_digits(seconds)} s" if seconds >= 0.1 else f"{_three_digits(seconds * 1000)} ms"


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def signed_percent(share: float) -> str:
    """A change in per cent with its sign: "+24 %", "0 %"."""
    whole = round(share * 100)
    return f"+{whole:,} %" if whole > 0 else f"{MINUS}{-whole:,} %" if whole < 0 else "0 %"


def signed_binary(count: int) -> str:
    """A change in bytes with its sign, in the largest binary unit."""
    return f"{MINUS if count < 0 else '+' if count else ''}{format_binary(abs(count))}"


def minor(value: float, currency: str) -> str:
    """A tick of a money axis, given in minor units, in short: "$1.50 k" reads "$1.5k"."""
    money = Money(round(value), currency)
    if money.amount < 10_000:
        return str(money)
    thousands, unit = (money.amount / 1000, "k") if money.amount < 1_000_000 else (money.amount / 1_000_000, "M")
    return f"{SYMBOLS.get(currency, currency + ' ')}{thousands.normalize():f}{unit}"


def age(days: int) -> str:
    """An age in days as people say it: "12 days old", "16 months old"."""
    if days < 1:
        return "seen today"
    return f"{plural(days, 'day')} old" if days <= 60 else f"{round(days / 30.44)} months old"


def short_age(days: int) -> str:
    """An age in days as short as it goes: "12 d", "16 mo"."""
    return f"{days} d" if days <= 60 else f"{round(days / 30.44)} mo"


def tick(value: float) -> str:
    """A round value on an axis: "0", "250", "1.5k", "2M"."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def plural(count: int, singular: str, many: str = "") -> str:
    """A count with its noun: "1 machine", "2,310 machines"."""
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"


FILTERS: dict[str, Any] = {
    "binary": format_binary,
    "decimal": format_decimal,
    "count": format_count,
    "day": day,
    "percent": percent,
    "duration": duration,
    "signed_percent": signed_percent,
    "signed_binary": signed_binary,
    "plural": plural,
    "minor": minor,
    "age": age,
    "short_age": short_age,
    "tick": tick,
}
