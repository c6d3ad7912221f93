"""Estimated against measured, both axes alike: a point on the diagonal is a figure that was right."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.web.charts.scale import Tick, scale_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One row; `y` is measured from the top, both in per cent of the drawing."""

    title: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Geometry of the drawing. The ticks are those of both axes."""

    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]


def scatter(rows: Sequence[tuple[str, float, float]]) -> Scatter | None:
    """The drawing of rows of title, measured and estimated value, all positive; None where there are none."""
    if not rows:
        return None
    scale = scale_for([value for _, measured, estimated in rows for value in (measured, estimated)])
    dots = [Dot(title=title, x=scale.percent(measured), y=round(100 - scale.percent(estimated), 3)) for title, measured, estimated in rows]
    return Scatter(dots=tuple(dots), ticks=scale.ticks())
