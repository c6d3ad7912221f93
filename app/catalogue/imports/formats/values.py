"""What formats share in reading cells: numbers, and ids made of names."""

import re
from decimal import Decimal, InvalidOperation

from app.catalogue.imports.rows import Cells, as_text
from app.catalogue.imports.statements import RowProblem

LONGEST_ID = 120


def number(cells: Cells, column: str) -> Decimal | None:
    """The number in a column, None where it is empty. Raises RowProblem where it is none."""
    text = as_text(cells.get(column))
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise RowProblem(f"{column}: '{text[:40]}' is not a number") from None
    if not value.is_finite():
        raise RowProblem(f"{column}: '{text[:40]}' is not a number")
    return value


def required(cells: Cells, column: str) -> Decimal:
    """The number in a column. Raises RowProblem where there is none."""
    value = number(cells, column)
    if value is None:
        raise RowProblem(f"{column} is empty")
    return value


def slug(*parts: str) -> str:
    """An id of these words: "Samsung 990 Pro", "2tb" -> "samsung-990-pro-2tb"."""
    return re.sub(r"[^a-z0-9.]+", "-", " ".join(parts).lower()).strip("-.")[:LONGEST_ID].rstrip("-.")


def size_name(gigabytes: int) -> str:
    """A capacity as drives are sold: "500GB", "2TB", "1.92TB"."""
    return f"{gigabytes}GB" if gigabytes < 1000 else f"{gigabytes / 1000:g}TB"
