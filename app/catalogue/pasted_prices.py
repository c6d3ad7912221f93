"""Prices pasted as two columns: each line an item and an amount. The item is meant by its id, name or another name, never by likeness."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches

from app.catalogue.assemble import Snapshot
from app.catalogue.facts import ItemFact, PriceFact
from app.catalogue.price_entry import is_jump, move_since, refuse_untrue
from app.errors import InvalidInput
from app.hardware import Price
from app.money import parse_money

MOST_LINES = 500
_SEPARATORS = ("\t", ";", "|")
_AT_THE_END = re.compile(r"^(?P<name>.+?)[\s,]+(?P<amount>(?:[A-Z]{3}|[£$€])?\s?\d[\d.,'_]*(?:\s?[A-Z]{3})?)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastedLine:
    """One line and what it means: a price of an item, or what is wrong with it."""

    number: int
    text: str
    item: ItemFact | None = None
    price: PriceFact | None = None
    before: Price | None = None
    move: Decimal | None = None
    problem: str = ""

    @property
    def asks(self) -> bool:
        """Whether the price moved unbelievably far."""
        return is_jump(self.move)


def read_pasted(text: str, common: PriceFact, snapshot: Snapshot, today: date) -> list[PastedLine]:
    """Every line that is not empty, each with the traits of `common` but for item and amount. Raises InvalidInput for none or too many."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise InvalidInput("paste at least one line: an item, a tab or a comma, and its price", "lines")
    if len(lines) > MOST_LINES:
        raise InvalidInput(f"these are {len(lines):,} lines; paste at most {MOST_LINES} at a time, or import a file", "lines")
    names = _names(snapshot)
    return _without_twice([_read(number, line, common, snapshot, names, today) for number, line in lines])


def _read(number: int, line: str, common: PriceFact, snapshot: Snapshot, names: Mapping[str, list[str]], today: date) -> PastedLine:
    name, amount = _columns(line)
    try:
        item = _item(name, snapshot, names)
        if not amount:
            raise InvalidInput("there is no price at the end of this line")
        money = parse_money(amount, common.currency)
        price = PriceFact.model_validate({**common.model_dump(), "item": item.id, "amount": money.amount, "currency": money.currency})
        refuse_untrue(price, snapshot.catalogue.rates, today)
    except InvalidInput as complaint:
        return PastedLine(number=number, text=line, problem=complaint.errors[0].message)
    except ValueError:
        return PastedLine(number=number, text=line, problem=f"'{amount[:40]}' is not a price; type an amount such as 1,299.00")
    current = snapshot.prices[item.id]
    before = next((one for one in current if one.condition == price.condition), None)
    move = move_since(price, current, snapshot.catalogue.rates)
    return PastedLine(number=number, text=line, item=item, price=price, before=before, move=move)


def _columns(line: str) -> tuple[str, str]:
    """The two columns: apart by a tab, a semicolon or a bar, or the amount at the end of the line."""
    for separator in _SEPARATORS:
        if separator in line:
            name, _, amount = line.rpartition(separator)
            return name.strip(), amount.strip()
    found = _AT_THE_END.match(line)
    return (found["name"].strip(), found["amount"]) if found else (line, "")


def _names(snapshot: Snapshot) -> Mapping[str, list[str]]:
    """The ids of the items by everything that they are called, in any case."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    called = [(name, item.id) for item in snapshot.items.values() for name in (item.id, item.name)]
    for name, item_id in (*called, *snapshot.aliases.items()):
        if item_id not in names[_key(name)]:
            names[_key(name)].append(item_id)
    return names


def _item(name: str, snapshot: Snapshot, names: Mapping[str, list[str]]) -> ItemFact:
    found = names.get(_key(name), [])
    if len(found) == 1:
        return snapshot.items[found[0]]
    if found:
        raise InvalidInput(f"'{name[:80]}' is the name of {len(found)} items; use an id: {', '.join(found[:4])}")
    close = [snapshot.items[names[key][0]].id for key in get_close_matches(_key(name), names, n=3)]
    raise InvalidInput(f"there is no item '{name[:80]}'" + (f"; did you mean {', '.join(dict.fromkeys(close))}?" if close else ""))


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _without_twice(lines: list[PastedLine]) -> list[PastedLine]:
    """A second line about the same item is doubted: one of the two is wrong, or both are and belong to other conditions."""
    first: dict[str, int] = {}
    checked = []
    for line in lines:
        before = first.setdefault(line.item.id, line.number) if line.item else line.number
        problem = line.problem or (f"line {before} has a price of this item already" if before != line.number else "")
        checked.append(PastedLine(number=line.number, text=line.text, problem=problem) if problem else line)
    return checked
