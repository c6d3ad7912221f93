"""Estimated against measured, both axes alike: a point on the diagonal is a figure that was right."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.web.charts.scale import Tick, scale_for

DIGITS = 1  # of a position in per cent: a third of a pixel, and hundreds of points on a page

ON_THE_LINE_PERCENT = 0.5
CLOSE_PERCENT = 30.0  # of the width, about that of a name
NAME_BELOW, NAME_ABOVE, NAME_LINE = 16, 8, 14  # pixels

Row = tuple[str, float, float, str]
"""Title, measured and estimated value, and the name to write beside the point, empty for most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One row; `y` is measured from the top, both in per cent of the drawing."""

    title: str
    x: float
    y: float
    name: str
    rise: int  # pixels from the point down to the baseline of its name, negative above it


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Geometry of the drawing. The ticks are those of both axes."""

    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    logarithmic: bool


def scatter(rows: Sequence[Row]) -> Scatter | None:
    """The drawing of rows whose values are all positive; None where there are none."""
    if not rows:
        return None
    scale = scale_for([value for _, measured, estimated, _ in rows for value in (measured, estimated)])
    placed = [
        (title, round(scale.percent(measured), DIGITS), round(100 - scale.percent(estimated), DIGITS), name)
        for title, measured, estimated, name in rows
    ]
    rises = _rises([(name, x, y) for _, x, y, name in placed if name])
    dots = tuple(Dot(title=title, x=x, y=y, name=name, rise=rises.get(name, 0)) for title, x, y, name in placed)
    return Scatter(dots=dots, ticks=scale.ticks(), logarithmic=scale.logarithmic)


def _rises(named: Sequence[tuple[str, float, float]]) -> dict[str, int]:
    """Names of points below the line stand below them, of others above, each a line further than that of a point close by."""
    rises: dict[str, int] = {}
    outwards = sorted(named, key=lambda one: one[2] if _is_below(one[1], one[2]) else -one[2])
    for index, (name, x, y) in enumerate(outwards):
        below = _is_below(x, y)
        close = sum(abs(x - other_x) < CLOSE_PERCENT and _is_below(other_x, other_y) == below for _, other_x, other_y in outwards[:index])
        rises[name] = (NAME_BELOW + close * NAME_LINE) if below else -(NAME_ABOVE + close * NAME_LINE)
    return rises


def _is_below(x: float, y: float) -> bool:
    """Whether a point lies below the line, or on it."""
    return y >= 100 - x - ON_THE_LINE_PERCENT
