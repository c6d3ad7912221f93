"""Anybody's list of prices: the profile says which of its columns hold our fields, and what holds for every row."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from app.catalogue.imports.formats.format import Format
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.rows import Cells
from app.catalogue.imports.statements import Naming, RowProblem, Statement
from app.money import SYMBOLS

FIELDS = (
    "item", "size_gb", "amount", "currency", "condition", "kind", "region", "tax_included", "shop", "url", "observed_on", "note", "decimal",
)  # fmt: skip
"""What a column can hold, or a constant say. `decimal` is "," where amounts are written 2.389,00."""

_AMOUNT = re.compile(r"^([^\d\s.,+-]*)\s*([+-]?[\d\s.,'_]*\d)\s*([^\d\s.,]*)$")
_CURRENCIES = {symbol: code for code, symbol in SYMBOLS.items()}
_IN_THE_PRICE = ("condition", "kind", "region", "tax_included", "shop", "url", "note")


def _prices(cells: Cells, profile: Profile) -> Iterator[Statement]:
    name, size = profile.value(cells, "item"), profile.value(cells, "size_gb")
    if not name:
        raise RowProblem("the column of the item is empty")
    if size and not size.replace(".", "", 1).isdecimal():
        raise RowProblem(f"size_gb: '{size[:40]}' is not a number of gigabytes")
    yield Statement(
        label=name,
        naming=Naming(kind=None, names=(name,), traits=(float(size),) if size else ()),
        price=_price(cells, profile),
        no_item_because="a list of prices does not describe parts; add the item first, or choose the one that is meant",
    )


def _price(cells: Cells, profile: Profile) -> dict[str, Any] | None:
    text = profile.value(cells, "amount")
    if not text:
        return None
    amount, currency = _amount(text, profile)
    said = {name: value for name in _IN_THE_PRICE if (value := profile.value(cells, name))}
    return {
        "amount": amount,
        "currency": profile.value(cells, "currency").upper() or currency,
        "condition": "new",
        "kind": "retail",
        "observed_on": profile.value(cells, "observed_on") or profile.observed_on,
        "source": profile.source,
        **said,
    }


def _amount(text: str, profile: Profile) -> tuple[Decimal, str]:
    """The number, and the currency where it stands beside it: "2.389,00 €" with decimal "," is 2389 EUR."""
    match = _AMOUNT.match(text)
    if not match or (match[1] and match[3]):
        raise RowProblem(f"amount: '{text[:40]}' is not an amount of money")
    mark = "," if profile.constants.get("decimal") == "," else "."
    digits = re.sub(rf"[^\d{mark}+-]", "", match[2]).replace(mark, ".")
    unit = match[1] or match[3]
    try:
        return Decimal(digits), _CURRENCIES.get(unit, unit.upper())
    except InvalidOperation:
        raise RowProblem(f"amount: '{text[:40]}' is not an amount of money") from None


FORMAT = Format(
    name="prices",
    title="A list of prices; say which columns hold what",
    columns=frozenset(),
    read=_prices,
    dated=False,
    source="a price list",
)
