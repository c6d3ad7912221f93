"""Memory against the size of a job: a line with its interval, the sizes of cards across it, and where each of them ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.web.charts.scale import Scale, scale_for

CLOSEST_ROOMS_PERCENT = 7.0  # of the drawing's height, so that labels do not cover each other
CLOSEST_TICKS_PERCENT = 12.0  # of its width


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one size needs, in bytes."""

    size: int
    need: int
    low: int
    high: int
    label: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One sample; `y` is measured from the top, both in per cent of the drawing."""

    x: float
    y: float
    title: str
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A card across the drawing: its line, and how far along it the job fits."""

    label: str
    y: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeTick:
    """A labelled size along the bottom."""

    percent: float
    label: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveChart:
    """Geometry of the drawing; `line` and `band` are points for a box of 100 x 100."""

    line: str
    band: str
    dots: tuple[Dot, ...]
    rooms: tuple[Room, ...]
    ticks: tuple[SizeTick, ...]
    logarithmic: bool


def curve_chart(samples: Sequence[Sample], asked: int, rooms: Mapping[str, tuple[int, int]]) -> CurveChart:
    """The drawing of two samples or more in the order of their size; `rooms` maps the name of a card to its bytes and to where it ends."""
    sizes = Scale(samples[0].size, samples[-1].size, logarithmic=True)
    needs = scale_for([value for one in samples for value in (one.low, one.need, one.high)])
    placed = [(sizes.percent(one.size), one) for one in samples]
    upper = [f"{x},{_from_top(needs, one.high)}" for x, one in placed]
    lower = [f"{x},{_from_top(needs, one.low)}" for x, one in reversed(placed)]
    return CurveChart(
        line=" ".join(f"{x},{_from_top(needs, one.need)}" for x, one in placed),
        band=" ".join([*upper, *lower]),
        dots=tuple(Dot(x=x, y=_from_top(needs, one.need), title=one.title, asked=one.size == asked) for x, one in placed),
        rooms=tuple(_apart(rooms, sizes, needs)),
        ticks=tuple(_ticks(placed)),
        logarithmic=needs.logarithmic,
    )


def _from_top(scale: Scale, value: float) -> float:
    return round(100 - scale.percent(value), 3)


def _apart(rooms: Mapping[str, tuple[int, int]], sizes: Scale, needs: Scale) -> list[Room]:
    """The rooms from the smallest on, as many as have room for their labels."""
    found: list[Room] = []
    for label, (count, end) in sorted(rooms.items(), key=lambda room: room[1]):
        room = Room(label=label, y=_from_top(needs, count), end=sizes.percent(max(end, sizes.low)))
        if not found or found[-1].y - room.y >= CLOSEST_ROOMS_PERCENT:
            found.append(room)
    return found


def _ticks(placed: Sequence[tuple[float, Sample]]) -> list[SizeTick]:
    ticks: list[SizeTick] = []
    for x, one in placed:
        if not ticks or x - ticks[-1].percent >= CLOSEST_TICKS_PERCENT:
            ticks.append(SizeTick(percent=x, label=one.label, anchor="start" if x == 0 else "end" if x > 97 else "middle"))
    return ticks
