"""The dashboard: what needs somebody's hand first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.accounts.tables import AuditEntry
from app.backup.tables import Backup
from app.catalogue.coverage import NOT_CURRENT_DAYS, STALE_DAYS, AgedPrice, CurrencyCoverage, KindCoverage
from app.catalogue.imports.tables import ImportBatch
from app.catalogue.tables import Revision
from app.hardware import PartKind
from app.units import format_decimal
from app.web.contexts.admin.account import moment
from app.web.contexts.machine import age_of

OLDEST_SHOWN = 15
BACKUP_DUE_DAYS = 2
REFUSED = {"sign-in.refused": "Sign-in", "password.refused": "Password asked for again"}
KIND_LABELS: dict[PartKind, str] = {"gpu": "GPUs", "ram": "RAM", "drive": "Storage", "platform": "Platforms", "cloud": "Cloud"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OldPrice:
    """An item whose price should be looked up again."""

    id: str
    name: str
    kind: str
    price: str
    observed_on: str
    age_days: int
    age: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure at the top."""

    label: str
    figure: str
    note: str
    tone: str  # "", "good", "caution" or "bad"
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """One kind of part with its label."""

    label: str
    counts: KindCoverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that was refused lately."""

    at: str
    act: str
    who: str
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedImport:
    """A file that could not be read or applied and waits for somebody."""

    id: int
    name: str
    at: str
    actor: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Context of pages/admin/dashboard.html."""

    tiles: tuple[Tile, ...]
    old: tuple[OldPrice, ...]
    old_in_all: int
    kinds: tuple[KindRow, ...]
    currencies: tuple[CurrencyCoverage, ...]
    failures: tuple[Failure, ...]
    imports: tuple[FailedImport, ...]
    stale_days: int = STALE_DAYS
    not_current_days: int = NOT_CURRENT_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the dashboard is made of."""

    revision: Revision | None
    aged: Sequence[AgedPrice]
    kinds: Sequence[KindCoverage]
    currencies: Iterable[CurrencyCoverage]
    backup: Backup | None
    failures: Sequence[AuditEntry]
    imports: Sequence[ImportBatch]
    now: datetime


def dashboard(state: State) -> Dashboard:
    """The page of a state."""
    old = [one for one in state.aged if one.age_days is not None and one.age_days > STALE_DAYS]
    return Dashboard(
        tiles=(_prices(old, len(state.aged)), _unpriced(state.aged), _catalogue(state.revision), _backup(state.backup, state.now.date())),
        old=tuple(_old(one) for one in old[:OLDEST_SHOWN]),
        old_in_all=len(old),
        kinds=tuple(KindRow(label=KIND_LABELS[one.kind], counts=one) for one in state.kinds),
        currencies=tuple(state.currencies),
        failures=tuple(_failure(entry) for entry in state.failures),
        imports=tuple(_failed_import(batch) for batch in state.imports),
    )


def _failure(entry: AuditEntry) -> Failure:
    return Failure(at=moment(entry.at), act=REFUSED.get(entry.act, entry.act), who=entry.actor, network=entry.network)


def _failed_import(batch: ImportBatch) -> FailedImport:
    return FailedImport(id=batch.id, name=batch.file_name, at=moment(batch.created_at), actor=batch.actor, message=batch.message)


def _prices(old: Sequence[AgedPrice], items: int) -> Tile:
    figure, note = f"{len(old):,}", f"of {items:,} items have a price over {STALE_DAYS} days old"
    return Tile(label="Old prices", figure=figure, note=note, tone="caution" if old else "good", href="#old")


def _unpriced(aged: Sequence[AgedPrice]) -> Tile:
    count = sum(one.price is None for one in aged)
    return Tile(label="Without a price", figure=f"{count:,}", note="items nobody can be advised to buy", tone="", href="#coverage")


def _catalogue(revision: Revision | None) -> Tile:
    if revision is None:
        return Tile(label="Catalogue", figure="empty", note="run rigwise seed", tone="bad", href="")
    note = f"{revision.kind} by {revision.actor}, {moment(revision.at)}"
    return Tile(label="Catalogue revision", figure=f"{revision.id:,}", note=note, tone="", href="")


def _backup(backup: Backup | None, today: date) -> Tile:
    if backup is None:
        return Tile(label="Last backup", figure="none", note="run rigwise backup FILE every night", tone="bad", href="")
    days = (today - backup.made_at.date()).days
    figure = "today" if days < 1 else "1 day ago" if days == 1 else f"{days} days ago"
    note = f"verified, revision {backup.revision}, {format_decimal(backup.size)}"
    return Tile(label="Last backup", figure=figure, note=note, tone="bad" if days > BACKUP_DUE_DAYS else "good", href="")


def _old(one: AgedPrice) -> OldPrice:
    assert one.price is not None  # noqa: S101 - only items with an age come here
    assert one.age_days is not None  # noqa: S101
    return OldPrice(
        id=one.item.id,
        name=one.item.name,
        kind=KIND_LABELS[one.item.kind],
        price=f"{one.price.money} {one.price.condition}",
        observed_on=one.price.observed_on.isoformat(),
        age_days=one.age_days,
        age=age_of(one.age_days),
    )
