"""Prices in the reader's currency: what was seen, converted at dated reference rates that the page shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.catalogue.assemble import Snapshot
from app.catalogue.facts import RateFact
from app.errors import InvalidInput
from app.money import Money
from app.web.formats import day

EURO = "EUR"
FIRST = ("USD", "GBP", EURO)  # offered before the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """How prices are shown: as they were seen where `currency` is empty, else converted."""

    snapshot: Snapshot
    currency: str = ""

    def shown(self, money: Money) -> Money:
        """The amount in the reader's currency."""
        return self.snapshot.catalogue.rates.convert(money, self.currency) if self.currency else money

    def note(self) -> str:
        """The rate against the dollar, in which nearly every price is seen, with its day and its bank; empty where nothing is converted."""
        if not self.currency:
            return ""
        base = "USD" if self.currency != "USD" else EURO
        rates = self.snapshot.catalogue.rates
        per_base = (rates.rate(self.currency) / rates.rate(base)).quantize(Decimal("0.0001"))
        days = [fact.as_of for fact in _used(self.snapshot.rates, self.currency, base)]
        return f"Converted at 1 {base} = {per_base} {self.currency}, reference rate of {day(min(days))}." if days else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateView:
    """One currency against the euro and the dollar, with the day and the source of its rate."""

    currency: str
    per_euro: str
    per_dollar: str
    as_of: str
    age_days: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesPage:
    """Context of pages/catalogue/rates.html."""

    rates: tuple[RateView, ...]
    revision: int


def exchange_in(snapshot: Snapshot, currency: str) -> Exchange:
    """Raises InvalidInput where there is no rate for the currency."""
    wanted = currency.strip().upper()
    if wanted and wanted not in snapshot.catalogue.rates.currencies:
        raise InvalidInput(f"there is no exchange rate for '{wanted[:12]}'; every currency that has one is on /catalogue/rates", "currency")
    return Exchange(snapshot=snapshot, currency=wanted)


def currencies(snapshot: Snapshot) -> tuple[str, ...]:
    """Every currency that prices can be shown in, the common ones first."""
    known = snapshot.catalogue.rates.currencies
    return (*(code for code in FIRST if code in known), *(code for code in known if code not in FIRST))


def rate_views(snapshot: Snapshot, today: date) -> tuple[RateView, ...]:
    """The newest rate of every currency."""
    return tuple(_rate(fact, snapshot, today) for fact in snapshot.rates.values())


def _rate(fact: RateFact, snapshot: Snapshot, today: date) -> RateView:
    rates = snapshot.catalogue.rates
    dollars = rates.per_euro.get("USD")
    return RateView(
        currency=fact.currency,
        per_euro=f"{fact.per_euro:,f}",
        per_dollar=f"{fact.per_euro / dollars:,.4f}" if dollars else "",
        as_of=fact.as_of.isoformat(),
        age_days=(today - fact.as_of).days,
        source=fact.source,
    )


def _used(rates: Mapping[str, RateFact], *codes: str) -> list[RateFact]:
    return [rates[code] for code in codes if code in rates]
