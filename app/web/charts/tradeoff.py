"""Cost against speed: one point for each machine of the frontier, the picks named."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.web.charts.scale import Tick, scale_for

LABEL_GAP_PERCENT = 20.0
CHARACTER_PERCENT = 2.0  # of the drawing's width on a card half as wide as the page
PIXEL_PERCENT = 100 / 160  # of the drawing's height
LINE_PERCENT = 8.0
RISES = (-11, 21, -25, 35)  # where a label may stand, in pixels from its point


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A machine to draw: cost in minor units, speed in units per second, the name of its role if it is a pick."""

    anchor: str
    title: str
    cost: int
    speed: float
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A machine in the drawing; `y` is measured from the top."""

    anchor: str
    title: str
    role: str
    x: float
    y: float
    label_side: str  # start, middle or end
    label_rise: int  # pixels from the point to the label's baseline, negative above


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """Geometry of the drawing. `front` is the line through the points, for a box of 100 x 100."""

    points: tuple[Point, ...]
    front: str
    cost_ticks: tuple[Tick, ...]
    speed_ticks: tuple[Tick, ...]
    cost_logarithmic: bool
    speed_logarithmic: bool


def tradeoff(candidates: Sequence[Candidate]) -> Tradeoff | None:
    """The drawing of the machines whose speed is known, None where fewer than two are."""
    known = sorted((one for one in candidates if one.speed > 0 and one.cost > 0), key=lambda one: one.cost)
    if len(known) < 2:
        return None
    costs, speeds = scale_for([one.cost for one in known]), scale_for([one.speed for one in known])
    points = _labelled([(one, costs.percent(one.cost), round(100 - speeds.percent(one.speed), 3)) for one in known])
    return Tradeoff(
        points=points,
        front=" ".join(f"{point.x},{point.y}" for point in _rising(points)),
        cost_ticks=costs.ticks(),
        speed_ticks=speeds.ticks(),
        cost_logarithmic=costs.logarithmic,
        speed_logarithmic=speeds.logarithmic,
    )


def _labelled(placed: Sequence[tuple[Candidate, float, float]]) -> tuple[Point, ...]:
    """Points whose labels stand above or below them, wherever no earlier label is in the way."""
    points: list[Point] = []
    taken: list[tuple[float, float, float]] = []
    for one, x, y in placed:
        side, width = _side(x), len(one.role) * CHARACTER_PERCENT
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[side]
        rise = next((rise for rise in RISES if one.role and _is_free(left, width, y + rise * PIXEL_PERCENT, taken)), RISES[0])
        if one.role:
            taken.append((left, width, y + rise * PIXEL_PERCENT))
        points.append(Point(anchor=one.anchor, title=one.title, role=one.role, x=x, y=y, label_side=side, label_rise=rise))
    return tuple(points)


def _is_free(left: float, width: float, baseline: float, taken: Sequence[tuple[float, float, float]]) -> bool:
    return not any(
        left < other + other_width and other < left + width and abs(baseline - line) < LINE_PERCENT for other, other_width, line in taken
    )


def _rising(points: Sequence[Point]) -> list[Point]:
    """Points that are faster than every cheaper one."""
    front: list[Point] = []
    for point in points:
        if not front or point.y < front[-1].y:
            front.append(point)
    return front


def _side(x: float) -> str:
    return "start" if x < LABEL_GAP_PERCENT else "end" if x > 100 - LABEL_GAP_PERCENT else "middle"
