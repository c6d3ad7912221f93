"""Readings of single values in an answer document."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from app.money import Money

Document = Mapping[str, Any]

PRICES_KEPT = 4096  # the same parts at the same prices stand in most machines of most answers
NUMBER_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


def workloads_of(request: Document) -> list[Document]:
    """The workloads of a request document, of one job or of several."""
    return request["workloads"] if "workloads" in request else [request["workload"]]


def money_of(document: Document) -> Money:
    """The Money of the contract's {"amount", "currency"}."""
    return _money(document["amount"], document["currency"])


_money = lru_cache(maxsize=PRICES_KEPT)(Money.of)


@lru_cache(maxsize=PRICES_KEPT)
def whole(money: Money) -> str:
    """An amount as a headline shows it: without pence from twenty on."""
    if -20 < money.amount < 20:
        return str(money)
    return str(Money.of(round(money.amount), money.currency))


def in_words(count: int) -> str:
    """A count at the start of a sentence: words up to twelve."""
    return NUMBER_WORDS[count] if count < len(NUMBER_WORDS) else f"{count:,}"


MEAN = "mean"
"""The unit of a speed of several jobs together, which is the geometric mean of theirs."""


def rate(value: float, unit: str) -> str:
    """A speed with its unit: "3.1 k tok/s"."""
    if unit == MEAN:
        return f"mean speed {value:.3g}" if value < 1000 else f"mean speed {value:,.0f}"
    for size, suffix in ((10**6, " M"), (10**3, " k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.1f}{suffix} {unit}/s" if scaled < 10 else f"{scaled:,.0f}{suffix} {unit}/s"
    return f"{value:.3g} {unit}/s"
