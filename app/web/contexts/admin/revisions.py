"""The history: the list of revisions, what one of them did, and what rolling back would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.catalogue.difference import Difference, ItemChange
from app.catalogue.facts import AliasFact, PriceFact, RateFact
from app.catalogue.tables import Revision
from app.consequences import Consequence
from app.recommendation.machine import Machine
from app.web.contexts.admin.account import moment
from app.web.contexts.machine import quantified
from app.web.contexts.specification import label
from app.web.formats import day, plural

LINES_SHOWN = 200
ROLE_LABELS = {"cheapest": "cheapest", "value": "best value", "fastest": "fastest", "headroom": "most headroom"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRow:
    """One revision."""

    id: int
    at: str
    actor: str
    kind: str
    reason: str
    batch: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionsPage:
    """Context of pages/admin/revisions.html."""

    rows: tuple[RevisionRow, ...]
    older: int  # where the next page begins, 0 where there is none
    current: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One field before and after."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChangeView:
    """One item with the fields that change."""

    id: str
    name: str
    verdict: str
    cells: tuple[CellView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One price, rate or name that comes or goes."""

    verdict: str
    subject: str
    text: str
    detail: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    """What changes, at most LINES_SHOWN of each sort, with the counts of all."""

    counts: tuple[str, ...]
    items: tuple[ItemChangeView, ...]
    lines: tuple[Line, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsequenceView:
    """One recommendation that would be another one."""

    job: str
    role: str
    before: str
    after: str
    flips: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionPage:
    """Context of pages/admin/revision.html."""

    revision: RevisionRow
    current: int
    difference: DifferenceView


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsequencesPage:
    """Context of pages/admin/consequences.html and partials/_revision_consequences.html."""

    revision: RevisionRow
    consequences: tuple[ConsequenceView, ...]
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPage:
    """Context of pages/admin/rollback.html."""

    act: str  # "to": back to the revision; "undo": the revision alone
    revision: RevisionRow
    current: int
    difference: DifferenceView
    kept: tuple[str, ...]
    consequences: tuple[ConsequenceView, ...]
    jobs: int
    reason: str
    error: str


def revision_row(revision: Revision) -> RevisionRow:
    """A revision as it is shown."""
    return RevisionRow(
        id=revision.id,
        at=moment(revision.at),
        actor=revision.actor,
        kind=revision.kind,
        reason=revision.reason,
        batch=revision.batch,
        hash=revision.hash,
    )


def difference_view(found: Difference) -> DifferenceView:
    """Changes as they are shown."""
    lines = _lines(found)
    return DifferenceView(
        counts=tuple(_counts(found)),
        items=tuple(_item(change) for change in found.items[:LINES_SHOWN]),
        lines=tuple(lines[:LINES_SHOWN]),
        left_out=max(0, len(lines) - LINES_SHOWN) + max(0, len(found.items) - LINES_SHOWN),
    )


def consequence_views(found: Sequence[Consequence]) -> tuple[ConsequenceView, ...]:
    """Recommendations before and after."""
    return tuple(
        ConsequenceView(
            job=one.preset.title, role=ROLE_LABELS.get(one.role, one.role), before=_machine(one.before), after=_machine(one.after),
            flips=one.flips,
        )
        for one in found
    )  # fmt: skip


def _machine(machine: Machine | None) -> str:
    if machine is None:
        return "nothing"
    gpu = quantified(machine.gpu_quantity, machine.gpu.name) if machine.gpu else "no GPU"
    return f"{gpu} in {machine.platform.name}, {machine.total}"


def _counts(found: Difference) -> list[str]:
    verdicts = [change.verdict for change in found.items]
    counts = (
        ("item", "added", verdicts.count("new")),
        ("item", "changed", verdicts.count("changed")),
        ("item", "withdrawn", verdicts.count("withdrawn")),
        ("price", "added", len(found.prices)),
        ("price", "withdrawn", len(found.withdrawn_prices)),
        ("rate", "added", len(found.rates)),
        ("rate", "withdrawn", len(found.withdrawn_rates)),
        ("name", "changed", len(found.aliases)),
    )
    return [f"{plural(count, what)} {verb}" for what, verb, count in counts if count]


def _item(change: ItemChange) -> ItemChangeView:
    cells = tuple(CellView(label=label(cell.name), before=_text(cell.before), after=_text(cell.after)) for cell in change.cells)
    return ItemChangeView(id=change.id, name=change.name, verdict=change.verdict, cells=cells)


def _lines(found: Difference) -> list[Line]:
    return [
        *(_price("added", price) for price in found.prices),
        *(_price("withdrawn", price) for price in found.withdrawn_prices),
        *(_rate("added", rate) for rate in found.rates),
        *(_rate("withdrawn", rate) for rate in found.withdrawn_rates),
        *(_alias(alias) for alias in found.aliases),
    ]


def _price(verdict: str, price: PriceFact) -> Line:
    return Line(
        verdict=verdict,
        subject=price.item,
        text=f"{price.money} {price.condition}",
        detail=f"{price.kind}, seen {day(price.observed_on)}, {price.source}",
        href=f"/admin/items/{price.item}/prices",
    )


def _rate(verdict: str, rate: RateFact) -> Line:
    return Line(verdict=verdict, subject=rate.currency, text=f"{rate.per_euro:f} per euro", detail=f"{day(rate.as_of)}, {rate.source}")


def _alias(alias: AliasFact) -> Line:
    verdict, subject = ("added", alias.item) if alias.item else ("withdrawn", "no item")
    return Line(verdict=verdict, subject=subject, text=f"called {alias.name}", detail=alias.source)


def _text(value: Any) -> str:
    return "empty" if value in {None, ""} else f"{value:g}" if isinstance(value, float) else str(value)
