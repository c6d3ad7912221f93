"""Many prices at once: the form, and what each pasted line would do."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from app.catalogue.pasted_prices import PastedLine
from app.errors import InvalidInput
from app.web.contexts.admin.fields import AdminField, AdminForm, form_of
from app.web.contexts.admin.prices import price_fields
from app.web.formats import age, signed_percent

_LINES = AdminField(
    name="lines", label="Items and prices", kind="area", required=True, wide=True,
    hint="one a line: id, name or another name, then a tab, comma or semicolon, then the price",
)  # fmt: skip
_LEFT_OUT = frozenset({"url", "note"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """One line and what it would do."""

    number: int
    text: str
    item: str
    id: str
    before: str
    after: str
    move: str
    asks: bool
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastePage:
    """Context of pages/admin/paste.html."""

    form: AdminForm
    lines: tuple[LineView, ...] = ()
    seen: str = ""  # stands for what was previewed: only that is applied

    @property
    def good(self) -> int:
        """How many prices would be recorded."""
        return sum(not line.problem for line in self.lines)

    @property
    def bad(self) -> int:
        """How many lines cannot be used."""
        return sum(bool(line.problem) for line in self.lines)

    @property
    def asks(self) -> int:
        """How many prices moved unbelievably far."""
        return sum(line.asks for line in self.lines)


def paste_form(currencies: Sequence[str], values: Mapping[str, str], complaint: InvalidInput | None = None) -> AdminForm:
    """The form: what all lines have in common, and the lines."""
    return form_of((*(field for field in price_fields(currencies) if field.name not in _LEFT_OUT), _LINES), values, complaint)


def paste_page(form: AdminForm, lines: Sequence[PastedLine], today: date) -> PastePage:
    """The preview."""
    return PastePage(form=form, lines=tuple(_line(line, today) for line in lines), seen=fingerprint(lines))


def fingerprint(lines: Sequence[PastedLine]) -> str:
    """What stands for a preview: the same only where every line would do the same."""
    text = "\n".join(f"{line.text}|{line.price!r}|{line.before!r}|{line.problem}" for line in lines)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _line(line: PastedLine, today: date) -> LineView:
    before = f"{line.before.money}, {age((today - line.before.observed_on).days)}" if line.before else "none"
    return LineView(
        number=line.number,
        text=line.text,
        item=line.item.name if line.item else "",
        id=line.item.id if line.item else "",
        before=before if line.item else "",
        after=str(line.price.money) if line.price else "",
        move=signed_percent(float(line.move)) if line.move is not None else "new",
        asks=line.asks,
        problem=line.problem,
    )
