"""A part's price over time: for each condition a step line that stops where no price was seen for a while."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from app.web.charts.scale import Scale, Tick, scale_for

GAP = timedelta(days=45)
CURRENT_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A price seen on a day, in minor units of the drawing's currency."""

    on: date
    price: int
    title: str
    series: str = ""  # prices that make one line: those of one condition


@dataclass(frozen=True, slots=True)
class Dot:
    """One sighting in the drawing; `y` is measured from the top."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """The prices of one condition: paths of the unbroken stretches (for a box of 100 x 100), and the sightings themselves."""

    name: str
    stretches: tuple[str, ...]
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class DateTick:
    """A labelled day along the bottom."""

    percent: float
    day: date
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceHistory:
    """Geometry of the drawing."""

    lines: tuple[Line, ...]
    price_ticks: tuple[Tick, ...]
    day_ticks: tuple[DateTick, ...]
    gaps: tuple[tuple[float, int], ...]  # middle in per cent, days in which no price was seen


def price_history(sightings: Sequence[Sighting], today: date, since: date | None = None) -> PriceHistory | None:
    """The drawing from `since` (or the first sighting) up to today, None where nothing was seen then."""
    ordered = sorted((one for one in sightings if since is None or one.on >= since), key=lambda one: one.on)
    if not ordered:
        return None
    first, last = since or min(ordered[0].on, today - timedelta(days=1)), max(today, ordered[-1].on)
    prices = scale_for([0.0, *(one.price for one in ordered)])
    days = Scale(first.toordinal(), last.toordinal())
    names = sorted({one.series for one in ordered})
    return PriceHistory(
        lines=tuple(_line(name, [one for one in ordered if one.series == name], days, prices, today) for name in names),
        price_ticks=tuple(Tick(round(100 - tick.percent, 3), tick.value) for tick in prices.ticks()),
        day_ticks=_day_ticks(first, last, days),
        gaps=tuple(_gaps([first, *(one.on for one in ordered), last] if since else [*(one.on for one in ordered), last], days)),
    )


def _line(name: str, ordered: Sequence[Sighting], days: Scale, prices: Scale, today: date) -> Line:
    dots = tuple(Dot(days.percent(one.on.toordinal()), _from_top(prices, one.price), one.title) for one in ordered)
    return Line(name, tuple(_path(stretch, days, prices, today) for stretch in _unbroken(ordered)), dots)


def _from_top(prices: Scale, price: float) -> float:
    return round(100 - prices.percent(price), 3)


def _unbroken(ordered: Sequence[Sighting]) -> list[list[Sighting]]:
    stretches: list[list[Sighting]] = [[ordered[0]]]
    for earlier, later in pairwise(ordered):
        if later.on - earlier.on > GAP:
            stretches.append([])
        stretches[-1].append(later)
    return stretches


def _path(stretch: Sequence[Sighting], days: Scale, prices: Scale, today: date) -> str:
    """Steps: a price holds until the next one is seen; the last for as long as it counts as current."""
    start = stretch[0]
    path = f"M{days.percent(start.on.toordinal())} {_from_top(prices, start.price)}"
    for one in stretch[1:]:
        path += f"H{days.percent(one.on.toordinal())}V{_from_top(prices, one.price)}"
    until = min(stretch[-1].on + CURRENT_FOR, max(today, stretch[-1].on))
    return f"{path}H{days.percent(until.toordinal())}"


def _gaps(seen: Sequence[date], days: Scale) -> list[tuple[float, int]]:
    """Spans without a price, the one up to today among them."""
    long = [(earlier, later) for earlier, later in pairwise(seen) if later - earlier > GAP]
    return [(days.percent((start.toordinal() + end.toordinal()) / 2), (end - start).days) for start, end in long]


def _day_ticks(first: date, last: date, days: Scale) -> tuple[DateTick, ...]:
    middle = date.fromordinal((first.toordinal() + last.toordinal()) // 2)
    return tuple(
        DateTick(days.percent(day.toordinal()), day, anchor) for day, anchor in ((first, "start"), (middle, "middle"), (last, "end"))
    )
