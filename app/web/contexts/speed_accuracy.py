"""How far estimated speeds lie from published measurements, as the page of accuracy shows it."""

from collections.abc import Container
from dataclasses import dataclass

from app.web.charts.scatter import Scatter, scatter
from app.web.contexts.values import Document

NAMED_IN_THE_DRAWING = 3
KIND_NAMES = {"decode": "Decoding", "prefill": "Prompts and images in", "train": "Training"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedGroup:
    """One source and model family, or the median over those of one kind. Errors are shares, |ln(estimate / measured)|."""

    name: str
    rows: int
    median: float
    rules: tuple[float | None, ...]  # in the order of `SpeedAccuracy.rules`; None where a rule says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRow:
    """One measured row."""

    name: str
    measured: float
    estimate: float
    error: float
    unit: str = "1/s"
    explanation: str = ""

    @property
    def figures(self) -> tuple[str, str]:
        """Measured and estimated, to read."""
        return _figure(self.measured), _figure(self.estimate)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedAccuracy:
    """The part of the page that is about speed."""

    rules: tuple[str, ...]
    kinds: tuple[SpeedGroup, ...]
    groups: tuple[SpeedGroup, ...]
    worst: tuple[SpeedRow, ...]
    rows: tuple[SpeedRow, ...]
    chart: Scatter | None
    ranked_right: int
    pairs: int
    covered: float


def speed_accuracy(table: Document) -> SpeedAccuracy:
    """The view of the document that benchmarks/accuracy_speed.py writes."""
    rows = tuple(_row(row) for row in table["rows"])
    drawn = [row for row in rows if row.unit == "1/s"]
    named = {row["id"] for row in table["worst"][:NAMED_IN_THE_DRAWING]}
    return SpeedAccuracy(
        rules=tuple(table["rules"]),
        kinds=tuple(_group(KIND_NAMES[kind], figures, "groups") for kind, figures in table["kinds"].items()),
        groups=tuple(_group(f"{KIND_NAMES[one['kind']]}: {one['group']}", one, "rows") for one in table["groups"]),
        worst=tuple(_row(row) for row in table["worst"]),
        rows=rows,
        chart=scatter([_point(row, named) for row in drawn]),
        ranked_right=table["ranking"]["right"],
        pairs=table["ranking"]["pairs"],
        covered=table["coverage"],
    )


def _point(row: SpeedRow, named: Container[str]) -> tuple[str, float, float, str]:
    title = f"{row.name}: {_figure(row.estimate)} for {_figure(row.measured)}"
    return title, row.measured, row.estimate, row.name if row.name in named else ""


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _group(name: str, figures: Document, count: str) -> SpeedGroup:
    return SpeedGroup(name=name, rows=figures[count], median=figures["median"], rules=tuple(figures["rules"]))


def _row(row: Document) -> SpeedRow:
    return SpeedRow(
        name=row["id"],
        measured=row["measured"],
        estimate=row["estimate"],
        error=row["error"],
        unit=row["unit"],
        explanation=row.get("explanation", ""),
    )
