"""Euro reference rates of the European Central Bank: `eurofxref-*.csv` and `.xml`, one row per day, units per euro."""

import re
from collections.abc import Iterator
from datetime import date

from pydantic import ValidationError

from app.catalogue.facts import RateFact
from app.catalogue.imports.formats.format import Format
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.rows import Cells, as_text
from app.catalogue.imports.statements import RowProblem, Statement, reason_of

SOURCE = "ECB euro reference rates"
_NOT_QUOTED = frozenset({"", "N/A"})
_CODE = re.compile(r"[A-Z]{3}")


def _rates(cells: Cells, profile: Profile) -> Iterator[Statement]:
    day = _day(as_text(cells["Date"]))
    quoted = {code: as_text(rate) for code, rate in cells.items() if _CODE.fullmatch(code) and as_text(rate) not in _NOT_QUOTED}
    try:
        rates = tuple(
            RateFact.model_validate({"currency": code, "per_euro": rate, "as_of": day, "source": profile.source})
            for code, rate in quoted.items()
        )
    except ValidationError as error:
        raise RowProblem(reason_of(error)) from None
    yield Statement(label=f"reference rates of {day}", rates=rates)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RowProblem(f"Date: '{text[:40]}' is not a day such as 2026-10-30") from None


FORMATS = (Format(name="ecb", title="ECB euro reference rates", columns=frozenset({"Date", "USD", "GBP"}), read=_rates, source=SOURCE),)
