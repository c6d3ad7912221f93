"""The audit log: every act of an administrator or editor, and every attempt to become one, chained by hashes."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.accounts.tables import AuditEntry
from app.database import Database, has_table

FIRST_HASH = "0" * 64
LONGEST_SUBJECT = 200
LONGEST_DETAIL = 2_000
_COLUMNS = ("id", "at", "actor", "act", "subject", "detail", "network")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and from which network."""

    name: str
    network: str


COMMAND_LINE = Actor(name="command line", network="this machine")


def note(session: Session, by: Actor, act: str, subject: str = "", detail: str = "", *, at: datetime) -> None:
    """Adds one entry. Must run inside `Database.write()`, with what it tells of: both are kept or neither.

    `act` names what was done in two words with a dot ("item.edit"), `subject` to what, `detail` is a sentence for people.
    """
    last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).first()
    entry = AuditEntry(
        id=last.id + 1 if last else 1,
        at=at,
        actor=by.name,
        act=act,
        subject=subject[:LONGEST_SUBJECT],
        detail=detail[:LONGEST_DETAIL],
        network=by.network,
        prev_hash=last.hash if last else FIRST_HASH,
    )
    entry.hash = _chained(entry)
    session.add(entry)
    session.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What is looked for in the log; an empty text or None stands for everything."""

    actor: str = ""
    act: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for a query."""
        wanted: list[ColumnElement[bool]] = []
        if self.actor:
            wanted.append(AuditEntry.actor == self.actor)
        if self.act:
            wanted.append(AuditEntry.act.startswith(self.act, autoescape=True))
        if self.subject:
            wanted.append(func.lower(AuditEntry.subject).contains(self.subject.lower(), autoescape=True))
        if self.since:
            wanted.append(AuditEntry.at >= _start_of(self.since))
        if self.until:
            wanted.append(AuditEntry.at < _start_of(self.until + timedelta(days=1)))
        return wanted


def entries(session: Session, asked: AuditFilter, *, before: int | None = None, limit: int = 50) -> Sequence[AuditEntry]:
    """The entries that pass the filter, newest first; `before` goes on below an entry's number."""
    query = select(AuditEntry).where(*asked.conditions()).order_by(AuditEntry.id.desc()).limit(limit)
    return session.scalars(query.where(AuditEntry.id < before) if before else query).all()


def check(database: Database) -> tuple[str, ...]:
    """Everything wrong with the log, each in one sentence; nothing where it is complete and untouched, or older than the log."""
    problems, before, number = [], FIRST_HASH, 0
    with database.read() as session:
        if not has_table(session, AuditEntry):
            return ()
        for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=1000)):
            number += 1
            if entry.id != number:
                problems.append(f"audit entry {number} is missing: the next one is {entry.id}")
                number = entry.id
            if entry.prev_hash != before or entry.hash != _chained(entry):
                problems.append(f"audit entry {entry.id} was changed after it was recorded, or the one before it was")
            before = entry.hash
    return tuple(problems)


def _chained(entry: AuditEntry) -> str:
    values = {name: getattr(entry, name) for name in _COLUMNS}
    values["at"] = entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{entry.prev_hash}\n{text}".encode()).hexdigest()


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
