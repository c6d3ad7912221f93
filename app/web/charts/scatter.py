"""Estimated against measured, both axes alike: a point on the diagonal is a figure that was right."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.web.charts.scale import Tick, scale_for

DIGITS = 1  # of a position in per cent: a third of a pixel, and hundreds of points on a page

Row = tuple[str, float, float, str]
"""Title, measured and estimated value, and the name to write beside the point, empty for most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One row; `y` is measured from the top, both in per cent of the drawing."""

    title: str
    x: float
    y: float
    name: str


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
    dots = [
        Dot(title=title, x=round(scale.percent(measured), DIGITS), y=round(100 - scale.percent(estimated), DIGITS), name=name)
        for title, measured, estimated, name in rows
    ]
    return Scatter(dots=tuple(dots), ticks=scale.ticks(), logarithmic=scale.logarithmic)
