"""Estimated against measured: for each subject the drawing, the groups, the other rules and the worst runs by name."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.units import GIB, format_binary
from app.web.charts.scatter import Scatter, scatter
from app.web.contexts.speed_accuracy import SpeedAccuracy, speed_accuracy
from app.web.formats import MINUS
from app.web.measured_runs import SUBJECTS, Run, Subject, table

WORST = 10
NAMED_IN_THE_DRAWING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run, to read."""

    id: str
    group: str
    measured: str
    estimate: str
    error: str
    under: bool
    covered: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """The runs of one group. Errors are shares of the measured figure."""

    name: str
    runs: int
    median: float
    p90: float
    worst_under: str
    covered: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """Errors of a rule that others use, on the runs that it says something about."""

    name: str
    runs: int
    median: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectView:
    """One subject: all of it, or the runs of one group."""

    id: str
    title: str
    lead: str
    group: str
    unit: str
    all: GroupView
    groups: tuple[GroupView, ...]
    rules: tuple[RuleView, ...]
    worst: tuple[RunView, ...]
    chart: Scatter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyPage:
    """Context of pages/accuracy.html. Without subjects, nothing has been scored in this installation."""

    estimator: str
    subjects: tuple[SubjectView, ...]
    speed: SpeedAccuracy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsPage:
    """Context of pages/measured_runs.html: every run of a subject, or of one of its groups."""

    subject: SubjectView
    chosen: str
    runs: tuple[RunView, ...]
    csv_href: str


def accuracy_page() -> AccuracyPage:
    """The page, from the tables as they are installed."""
    speeds, first = table("benchmarks/results/speed.json"), table(SUBJECTS[0].path)
    of_memory = [(subject, subject.runs) for subject in SUBJECTS if subject.in_bytes]
    return AccuracyPage(
        estimator=first["estimator"] if first else "",
        subjects=tuple(subject_view(subject, runs) for subject, runs in of_memory if runs),
        speed=speed_accuracy(speeds) if speeds else None,
    )


def runs_page(subject: Subject, chosen: str) -> RunsPage:
    """Every run of the subject, or those of the chosen group; empty where there is no such group."""
    runs = [run for run in subject.runs if not chosen or run.group == chosen]
    return RunsPage(
        subject=subject_view(subject, runs),
        chosen=chosen,
        runs=tuple(run_view(run, subject) for run in sorted(runs, key=lambda run: (run.group, run.id))),
        csv_href=f"/accuracy/{subject.id}.csv",
    )


def subject_view(subject: Subject, runs: Sequence[Run]) -> SubjectView:
    """The view of runs of a subject, with its drawing in GiB or in units a second."""
    names = sorted({run.group for run in runs})
    worst = sorted(runs, key=lambda run: -abs(run.error))[:WORST]
    scale = GIB if subject.in_bytes else 1
    named = {run.id: run.id for run in worst[:NAMED_IN_THE_DRAWING]}
    points = [(_title(run, subject), run.measured / scale, run.estimate / scale, named.get(run.id, "")) for run in runs]
    return SubjectView(
        id=subject.id,
        title=subject.title,
        lead=subject.lead,
        group=subject.group,
        unit="GiB" if subject.in_bytes else "a second",
        all=_group("All", runs),
        groups=tuple(_group(name, [run for run in runs if run.group == name]) for name in names),
        rules=tuple(_rules(table(subject.path))),
        worst=tuple(run_view(run, subject) for run in worst),
        chart=scatter(points),
    )


def run_view(run: Run, subject: Subject) -> RunView:
    """The view of one run."""
    return RunView(
        id=run.id,
        group=run.group,
        measured=figure(run.measured, subject),
        estimate=figure(run.estimate, subject),
        error=signed(run.error),
        under=run.error < 0,
        covered={True: "inside", False: "outside", None: ""}[run.covered],
        reason=run.reason,
    )


def figure(value: float, subject: Subject) -> str:
    """A measured or estimated figure."""
    if subject.in_bytes:
        return format_binary(round(value))
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def signed(share: float) -> str:
    """A signed error to two digits behind the point where it is below ten per cent: "-1.69 %"."""
    text = (f"{abs(share):.0%}" if abs(share) >= 0.1 else f"{abs(share):.2%}").replace("%", " %")
    return text if text == "0.00 %" else f"{MINUS if share < 0 else '+'}{text}"


def _title(run: Run, subject: Subject) -> str:
    return f"{run.id}, {figure(run.measured, subject)}: {signed(run.error)}"


def _group(name: str, runs: Sequence[Run]) -> GroupView:
    errors = sorted(abs(run.error) for run in runs)
    known = [run.covered for run in runs if run.covered is not None]
    lowest = min((run.error for run in runs), default=0.0)
    return GroupView(
        name=name,
        runs=len(runs),
        median=statistics.median(errors) if errors else 0.0,
        p90=errors[min(len(errors) - 1, int(0.9 * len(errors)))] if errors else 0.0,
        worst_under=signed(lowest) if lowest < 0 else "none",
        covered=f"{statistics.mean(known):.0%}".replace("%", " %") if known else "",
    )


def _rules(found: Any) -> list[RuleView]:
    """The other rules of a table: shares in some, per cent in others, as their own programs write them."""
    if not isinstance(found, Mapping):
        return []
    if "peers" in found:
        return [_rule(row["rule"], row, per_cent=True) for row in found["peers"]]
    if "totals" in found:
        return [_rule(row["rule"], row, per_cent=False) for row in found["totals"] if row["rule"] != "Rigwise"]
    return [_rule(name, row, per_cent=True) for name, row in found.get("rules_of_thumb", {}).items()]


def _rule(name: str, row: Mapping[str, Any], *, per_cent: bool) -> RuleView:
    scale = 100 if per_cent else 1
    return RuleView(name=name, runs=row["runs"], median=row["median"] / scale, p90=row["p90"] / scale)
