"""The exchange rates: the newest of each currency, and the form for another one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from app.catalogue.coverage import NOT_CURRENT_DAYS, STALE_DAYS
from app.catalogue.facts import RateFact
from app.errors import InvalidInput
from app.web.contexts.admin.fields import AdminField, AdminForm, form_of

_FIELDS = (
    AdminField(name="currency", label="Currency", required=True, hint="three letters, as in GBP"),
    AdminField(name="per_euro", label="Units per euro", required=True, hint="as in 0.8721"),
    AdminField(name="as_of", label="On", kind="date", required=True),
    AdminField(name="source", label="Source", required=True, value="European Central Bank, reference rates"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """The newest rate of a currency."""

    currency: str
    per_euro: str
    as_of: str
    age_days: int
    source: str
    observations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesPage:
    """Context of pages/admin/rates.html."""

    rows: tuple[RateRow, ...]
    form: AdminForm
    jump: str
    stale_days: int = STALE_DAYS
    not_current_days: int = NOT_CURRENT_DAYS


def rates_page(
    rates: Iterable[RateFact], today: date, values: Mapping[str, str] | None = None, complaint: InvalidInput | None = None, jump: str = ""
) -> RatesPage:
    """The rates as they are, and the form with what was typed."""
    known: dict[str, list[RateFact]] = {}
    for rate in rates:
        known.setdefault(rate.currency, []).append(rate)
    return RatesPage(
        rows=tuple(_row(known[currency], today) for currency in sorted(known)),
        form=form_of(_FIELDS, values or {"as_of": today.isoformat()}, complaint),
        jump=jump,
    )


def _row(rates: list[RateFact], today: date) -> RateRow:
    newest = max(rates, key=lambda rate: rate.as_of)
    return RateRow(
        currency=newest.currency,
        per_euro=f"{newest.per_euro:f}",
        as_of=newest.as_of.isoformat(),
        age_days=(today - newest.as_of).days,
        source=newest.source,
        observations=len(rates),
    )
