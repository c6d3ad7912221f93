"""What the catalogue holds at one revision, arranged so that a row can be held against it."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from statistics import median
from typing import NamedTuple, cast, get_args

from sqlalchemy.orm import Session

from app.catalogue.facts import ItemFact, PriceFact, RateFact
from app.catalogue.history import aliases_at, current_revision, items_at, prices_at, rates_at
from app.catalogue.imports.matching import ItemIndex
from app.catalogue.prices import COUNTING, subject_of
from app.catalogue.specs import DriveSpec, RamSpec
from app.hardware import Condition
from app.money import ExchangeRates, Money


class Seen(NamedTuple):
    """A price on a day, in euro cents so that all can be compared, and as it was observed."""

    on: date
    euro_cents: int
    money: Money
    source: str

    def is_of(self, source: str, on: date) -> bool:
        """Whether that source told it of that day."""
        return self.on == on and self.source.startswith(source)


class PerGigabyte(NamedTuple):
    """What a gigabyte cost somewhere."""

    euro_cents: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The catalogue at a revision. An import adds to it what its rows say, so that later rows are held against earlier ones."""

    revision: int
    items: ItemIndex
    exchange: ExchangeRates = field(default_factory=lambda: ExchangeRates(as_of=date.max, per_euro={}))  # the newest of each
    prices: dict[tuple[object, ...], PriceFact] = field(default_factory=dict)  # by what they are about
    rates: dict[tuple[str, date], RateFact] = field(default_factory=dict)
    days: defaultdict[str, list[date]] = field(default_factory=lambda: defaultdict(list))  # with a rate, of each currency, in order
    seen: dict[tuple[str, Condition], list[Seen]] = field(default_factory=dict)  # prices that a buyer could pay, in order
    per_gb: defaultdict[str, list[PerGigabyte]] = field(default_factory=lambda: defaultdict(list))  # by class of drives and kits

    @classmethod
    def at(cls, session: Session, revision: int | None = None) -> "Standing":
        """The catalogue at a revision, the current one where none is named."""
        number = current_revision(session) if revision is None else revision
        items, rates = items_at(session, number), rates_at(session, number)
        made = cls(revision=number, items=ItemIndex(items, aliases_at(session, number)))
        for rate in rates:
            made.add_rate(rate)
        made._arrange(prices_at(session, number), {item.id: item for item in items})
        return made

    def _arrange(self, prices: Iterable[PriceFact], items: dict[str, ItemFact]) -> None:
        seen: defaultdict[tuple[str, Condition], list[Seen]] = defaultdict(list)
        for price in prices:
            self.prices[subject_of(price)] = price
            if price.kind in COUNTING:
                cents = self.exchange.convert(price.money, "EUR").minor
                seen[price.item, price.condition].append(Seen(price.observed_on, cents, price.money, price.source))
                if size := size_of(items[price.item]):
                    self.per_gb[size[0]].append(PerGigabyte(Decimal(cents) / size[1], price.source))
        self.seen.update((key, sorted(found)) for key, found in seen.items())

    def add_rate(self, rate: RateFact) -> None:
        """A rate that stands, or that the import brings."""
        if (rate.currency, rate.as_of) not in self.rates:
            days = self.days[rate.currency]
            days.insert(bisect_left(days, rate.as_of), rate.as_of)
        self.rates[rate.currency, rate.as_of] = rate
        if self.days[rate.currency][-1] == rate.as_of:
            cast("dict[str, Decimal]", self.exchange.per_euro)[rate.currency] = rate.per_euro

    def price_near(self, price: PriceFact, source: str) -> Seen | None:
        """The middle one of the prices of the same item that were seen on the nearest day; None where none was.

        Prices in another condition stand in where there is none in the same. What the same source said of the same day does
        not count: the file may be imported for the second time.
        """
        on = price.observed_on
        conditions = (price.condition, *get_args(Condition))
        others = ([seen for seen in self.seen.get((price.item, name), ()) if not seen.is_of(source, on)] for name in conditions)
        found = next(filter(None, others), None)
        if found is None:
            return None
        nearest = _nearest(found, on)
        same_day = found[bisect_left(found, nearest, key=_day) : bisect_right(found, nearest, key=_day)]
        return same_day[(len(same_day) - 1) // 2]

    def usual_per_gb(self, class_: str, source: str) -> Decimal | None:
        """The middle of what other sources say that a gigabyte of the class costs, in euro cents."""
        others = [seen.euro_cents for seen in self.per_gb[class_] if not seen.source.startswith(source)]
        return median(others) if others else None

    def rate_near(self, currency: str, on: date) -> RateFact | None:
        """The rate of the day nearest to `on`; None where there is none."""
        days = self.days.get(currency)
        if not days:
            return None
        place = bisect_left(days, on)
        nearest = min(days[max(place - 1, 0) : place + 1], key=lambda day: abs(day - on))
        return self.rates[currency, nearest]


def _day(seen: Seen) -> date:
    return seen.on


def _nearest(found: list[Seen], on: date) -> date:
    """The day with an observation that is nearest to another day."""
    place = bisect_left(found, on, key=_day)
    return min((seen.on for seen in found[max(place - 1, 0) : place + 1]), key=lambda day: abs(day - on))


def size_of(item: ItemFact) -> tuple[str, int] | None:
    """The class of a drive or kit for prices per gigabyte, and its gigabytes."""
    match item.spec:
        case DriveSpec() as drive:
            return drive.medium, drive.capacity_gb
        case RamSpec() as kit:
            return kit.memory_type, kit.modules * kit.module_gb
    return None
