"""What changed since a result was shared: every line of its bill at the price of then and of now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from app.hardware import Catalogue, Price
from app.money import Money

Document = Mapping[str, Any]
Cause = Literal["", "price", "exchange rate", "no longer sold", "no longer listed"]
"""Why a line is not what it was: another price was seen, the rate moved, or the part has no price or is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineThenAndNow:
    """One line of a bill. Money is for one piece, in the currency of the answer."""

    part: str
    name: str
    quantity: int
    condition: str
    then: Money
    now: Money | None
    observed_then: date | None
    observed_now: date | None
    age_days: int | None  # of the price of now
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class PickThenAndNow:
    """One recommended machine. `now` is None where a part of it cannot be had."""

    role: str
    machine: str
    then: Money
    now: Money | None
    lines: tuple[LineThenAndNow, ...]

    @property
    def difference(self) -> Money | None:
        """What the machine costs more now than then."""
        return None if self.now is None else self.now - self.then

    @property
    def changed(self) -> tuple[LineThenAndNow, ...]:
        """The lines that are not what they were."""
        return tuple(line for line in self.lines if line.cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Every pick of a shared result, then and now."""

    revision_then: int
    revision_now: int
    picks: tuple[PickThenAndNow, ...]

    @property
    def unchanged(self) -> bool:
        """Whether every part still costs what it did."""
        return not any(pick.changed for pick in self.picks)


def receipt(frozen_advice: Document, catalogue: Catalogue, today: date) -> Receipt:
    """Compares the bills of `frozen_advice` with the prices in `catalogue`, in the currency of the answer."""
    return Receipt(
        revision_then=frozen_advice["catalogue_revision"],
        revision_now=catalogue.revision,
        picks=tuple(_pick(pick["role"], pick["machine"], catalogue, today) for pick in frozen_advice["picks"]),
    )


def _pick(role: str, machine: Document, catalogue: Catalogue, today: date) -> PickThenAndNow:
    lines = tuple(_lines(machine["price"]["lines"], catalogue, today))
    then = _money(machine["price"]["total"])
    costs = [None if line.now is None else line.now * line.quantity for line in lines]
    known = [cost for cost in costs if cost is not None]
    now = sum(known, Money(0, then.currency)) if len(known) == len(costs) else None
    return PickThenAndNow(role=role, machine=machine["id"], then=then, now=now, lines=lines)


def _lines(lines: Sequence[Document], catalogue: Catalogue, today: date) -> Iterator[LineThenAndNow]:
    """The bought lines: what the person owned already has no price to move."""
    for line in lines:
        if not line.get("owned", False):
            yield _line(line, catalogue, today)


def _line(line: Document, catalogue: Catalogue, today: date) -> LineThenAndNow:
    frozen = line["part"]
    listed = catalogue.parts.get(frozen["id"])
    then, observed_then = _money(line["unit_price"]), _day(line["observed_on"])
    price = next((price for price in listed.prices if price.condition == line["condition"]), None) if listed else None
    now = catalogue.rates.convert(price.money, then.currency) if price else None
    return LineThenAndNow(
        part=frozen["id"],
        name=frozen["name"],
        quantity=line["quantity"],
        condition=line["condition"],
        then=then,
        now=now,
        observed_then=observed_then,
        observed_now=price.observed_on if price else None,
        age_days=(today - price.observed_on).days if price else None,
        cause=_cause(line, price, moved=now != then) if listed else "no longer listed",
    )


def _cause(line: Document, price: Price | None, *, moved: bool) -> Cause:
    if price is None:
        return "no longer sold"
    if not moved:
        return ""
    same_observation = (price.observed_on, price.source) == (_day(line["observed_on"]), line["source"])
    return "exchange rate" if same_observation else "price"


def _money(document: Document) -> Money:
    return Money.of(document["amount"], document["currency"])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
