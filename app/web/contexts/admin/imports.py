"""Imports: the list of files, the columns of a price list, and the dry run with its rows, consequences and decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.catalogue.imports.dry_run import UNDATED
from app.catalogue.imports.formats import FORMATS
from app.catalogue.imports.formats.price_list import FIELDS
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.staging import KEPT
from app.catalogue.imports.tables import ImportBatch, ImportRow
from app.errors import InvalidInput
from app.web.contexts.admin.account import moment
from app.web.contexts.admin.fields import AdminField, AdminForm, form_of
from app.web.contexts.admin.revisions import ConsequenceView
from app.workloads.presets import presets

TABS: Mapping[str, tuple[str, ...]] = {
    "decide": ("confirm", "ambiguous"),
    "new": ("new",),
    "changed": ("changed",),
    "rejected": ("rejected",),
    "unchanged": ("unchanged", "skipped"),
}
"""The views of a dry run, each with its verdicts; the first one that has rows is opened."""

_TILES = {
    "new": "New parts or days",
    "changed": "Changed",
    "unchanged": "Unchanged or unpriced",
    "decide": "Need a decision",
    "rejected": "Rejected",
}
_FIELD_LABELS = {
    "item": "Item (name or id)",
    "size_gb": "Size in GB",
    "amount": "Price",
    "currency": "Currency",
    "condition": "Condition",
    "kind": "Kind of price",
    "region": "Region",
    "tax_included": "Tax included",
    "shop": "Shop",
    "url": "Address of the offer",
    "observed_on": "Day seen",
    "note": "Note",
    "decimal": "Decimal mark",
}
_STATES = {
    "queued": "being read", "ready": "waits for a decision", "applying": "being applied", "applied": "applied", "undone": "undone",
    "failed": "needs attention", "discarded": "discarded",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One import in the list."""

    id: int
    name: str
    at: str
    actor: str
    state: str
    outcome: str
    revision: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportsPage:
    """Context of pages/admin/imports.html."""

    form: AdminForm
    rows: tuple[BatchRow, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One count of a dry run, and the view behind it."""

    tab: str
    label: str
    count: int
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """One row of the file with its verdict."""

    line: int
    verdict: str
    label: str
    item: str
    was: str
    would_be: str
    reason: str
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnField:
    """One of our fields of a price list: the file's column that holds it, or what holds for every row."""

    name: str
    label: str
    column: str
    constant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPage:
    """Context of pages/admin/import.html and partials/_import.html."""

    id: int
    name: str
    state: str
    busy: bool
    summary: str
    message: str
    rows_read: int
    tiles: tuple[Tile, ...]
    tab: str
    rows: tuple[VerdictRow, ...]
    page: int
    pages: int
    jumps: int
    accepted: int
    will_change: int
    consequences: tuple[ConsequenceView, ...] | None  # None: still being worked out
    other_machines: int  # of the consequences: another card or platform, not another drive or price
    jobs: int
    reason: str
    error: str
    revision: int | None
    undone_revision: int | None
    may_roll_back: bool  # whether the page before undoing it is open to the user
    undated: bool  # the file is understood, but for the day of its prices
    columns: tuple[str, ...]  # of the file, where they have to be told
    fields: tuple[ColumnField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsShown:
    """A page of the rows of one view."""

    tab: str
    rows: Sequence[ImportRow]
    page: int
    pages: int


def imports_page(
    batches: Sequence[ImportBatch], sources: Sequence[str], values: Mapping[str, str] | None = None, complaint: InvalidInput | None = None
) -> ImportsPage:
    """The list of imports, with the form for another one."""
    formats = (("", "tell it by its columns"), *((name, made.title) for name, made in FORMATS.items()))
    fields = (
        AdminField(name="file", label="File", kind="file", hint="CSV, JSON, JSON Lines or ECB XML; may be packed with gzip", wide=True),
        AdminField(name="source", label="Source", hint="who made it; how its files are read is kept under this name"),
        AdminField(name="observed_on", label="Prices seen on", kind="date", hint="where the rows do not say; else from the file's name"),
        AdminField(name="provider", label="Cloud provider", hint="for offers of rented GPUs"),
        AdminField(name="format", label="Format", kind="select", choices=formats),
    )
    rows = tuple(_batch_row(batch) for batch in batches)
    return ImportsPage(form=form_of(fields, values, complaint), rows=rows, sources=tuple(sources))


def import_page(batch: ImportBatch, shown: RowsShown, columns: Sequence[str] = (), error: str = "", *, may_roll_back: bool) -> ImportPage:
    """One import as it stands."""
    counts, accepted = batch.counts, set(batch.accepted)
    undated = batch.state == "failed" and batch.message == UNDATED
    return ImportPage(
        id=batch.id,
        name=batch.file_name,
        state=batch.state,
        busy=batch.state in {"queued", "applying"} or (batch.state == "ready" and batch.consequences is None),
        summary=_summary(batch),
        message=batch.message,
        rows_read=batch.rows,
        tiles=tuple(Tile(tab=name, label=label, count=_count(counts, name), current=name == shown.tab) for name, label in _TILES.items()),
        tab=shown.tab,
        rows=tuple(_verdict_row(row, accepted) for row in shown.rows),
        page=shown.page,
        pages=shown.pages,
        jumps=counts.get("confirm", 0),
        accepted=len(accepted),
        will_change=counts.get("new", 0) + counts.get("changed", 0) + len(accepted),
        consequences=_consequences(batch.consequences),
        other_machines=sum(_machine_of(one["before"]) != _machine_of(one["after"]) for one in batch.consequences or ()),
        jobs=len(presets()),
        reason=batch.reason,
        error=error,
        revision=batch.revision_id,
        undone_revision=batch.undone_revision_id,
        may_roll_back=may_roll_back,
        undated=undated,
        columns=tuple(columns),
        fields=_column_fields(Profile.model_validate(batch.profile), columns) if columns and not undated else (),
    )


def first_tab(counts: Mapping[str, int]) -> str:
    """The view to open: the first one that has rows."""
    return next((tab for tab in TABS if _count(counts, tab)), "unchanged")


def _count(counts: Mapping[str, int], tab: str) -> int:
    return sum(counts.get(verdict, 0) for verdict in TABS[tab])


def _summary(batch: ImportBatch) -> str:
    format_ = FORMATS[batch.format].title if batch.format in FORMATS else "format not known yet"
    brought = f"brought by {batch.actor} at {moment(batch.created_at)}"
    kept = f"judged on revision {batch.base_revision}, kept until {moment(batch.created_at + KEPT)}"
    return f"{batch.rows:,} rows · {format_} · {kept if batch.state == 'ready' else brought}"


def _batch_row(batch: ImportBatch) -> BatchRow:
    found = [f"{_count(batch.counts, tab):,} {tab}" for tab in ("new", "changed", "decide", "rejected") if _count(batch.counts, tab)]
    return BatchRow(
        id=batch.id,
        name=batch.file_name,
        at=moment(batch.created_at),
        actor=batch.actor,
        state=_STATES[batch.state],
        outcome=", ".join(found) or batch.message,
        revision=batch.revision_id,
    )


def _verdict_row(row: ImportRow, accepted: set[int]) -> VerdictRow:
    return VerdictRow(
        line=row.line,
        verdict=row.verdict,
        label=row.label,
        item=row.item,
        was=row.was,
        would_be=row.would_be,
        reason=row.reason,
        accepted=row.verdict == "confirm" and row.line in accepted,
    )


def _consequences(stored: Sequence[Mapping[str, Any]] | None) -> tuple[ConsequenceView, ...] | None:
    """Other machines first; a machine that only gets cheaper or dearer is told too."""
    return None if stored is None else tuple(ConsequenceView(**fields) for fields in stored)


def _machine_of(told: str) -> str:
    """What a consequence tells of a machine, but for its price."""
    return told.rpartition(", ")[0]


def _column_fields(profile: Profile, columns: Sequence[str]) -> tuple[ColumnField, ...]:
    """Every field with what is known of it, or a column that has its name."""
    named = {column.lower(): column for column in columns}
    return tuple(
        ColumnField(
            name=name,
            label=_FIELD_LABELS[name],
            column=profile.columns.get(name) or named.get(name, ""),
            constant=profile.constants.get(name, ""),
        )
        for name in FIELDS
    )
