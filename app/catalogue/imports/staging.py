"""Staged files: an import that is looked at before it is applied, kept in the database from upload to decision.

A worker takes up what waits, one batch at a time, and touches it as it goes; a batch that nobody touched for a while is free to be
taken up by any worker, so that one that died leaves nothing behind.
"""

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session, undefer

from app import clock
from app.catalogue.history import current_revision
from app.catalogue.imports.apply import ATTEMPTS, Witness, judge_file, record_batch
from app.catalogue.imports.dry_run import DryRun, dry_run
from app.catalogue.imports.judge import Judgement
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.standing import Standing
from app.catalogue.imports.tables import ImportBatch, ImportRow
from app.catalogue.revisions import Occasion
from app.database import Database
from app.errors import Busy, Conflict, InvalidInput, NotFound

KEPT = timedelta(hours=24)
"""How long a dry run waits for a decision."""

RESTS = timedelta(seconds=60)
"""After this long without a touch a batch is taken up anew: its worker is gone."""

CHUNK = 2_000
"""Verdicts that are written at a time, each time with the progress."""

_LONG_AGO = timedelta(days=1)
_WAITING = ("queued", "applying")
_OPEN = ("queued", "ready", "failed")


def stage(session: Session, content: bytes, name: str, profile: Profile, actor: str, at: datetime) -> ImportBatch:
    """Puts a file where a worker finds it. Must run inside `Database.write()`."""
    batch = ImportBatch(
        state="queued",
        created_at=at,
        touched_at=at - _LONG_AGO,
        actor=actor,
        file_name=name[-200:],
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        content=content,
        profile=profile.model_dump(mode="json"),
    )
    session.add(batch)
    session.flush()
    return batch


def batch_numbered(session: Session, number: int) -> ImportBatch:
    """The batch of that number. Raises NotFound."""
    batch = session.get(ImportBatch, number) if 0 < number < 2**31 else None
    if batch is None:
        raise NotFound(f"there is no import {number}")
    return batch


def applied_before(session: Session, sha256: str) -> ImportBatch | None:
    """An import of the same bytes that still stands."""
    return session.scalars(select(ImportBatch).where(ImportBatch.sha256 == sha256, ImportBatch.state == "applied").limit(1)).first()


def judge_again(batch: ImportBatch, at: datetime, profile: Profile | None = None) -> None:
    """Has a batch read anew, with another profile if one is given. Raises Conflict where it is past that."""
    _refuse_unless(batch, _OPEN)
    if profile is not None:
        batch.profile = profile.model_dump(mode="json")
    batch.state, batch.touched_at, batch.rows, batch.counts, batch.consequences, batch.message = "queued", at - _LONG_AGO, 0, {}, None, ""


def accept(batch: ImportBatch, lines: Iterable[int], at: datetime) -> None:
    """Remembers which jumps somebody confirmed. Raises Conflict where it is too late."""
    _refuse_unless(batch, ("ready",))
    batch.accepted, batch.touched_at = sorted(set(lines)), at


def ask_to_apply(batch: ImportBatch, actor: str, reason: str, at: datetime) -> None:
    """Has a dry run applied by the next worker. Raises Conflict where somebody else did so already."""
    _refuse_unless(batch, ("ready",))
    batch.state, batch.actor, batch.reason, batch.touched_at = "applying", actor, reason, at - _LONG_AGO


def discard(session: Session, batch: ImportBatch, at: datetime) -> None:
    """Drops a file that was not applied, with its rows. Raises Conflict where it was."""
    _refuse_unless(batch, _OPEN)
    _forget(session, [batch.id], at)


def _forget(session: Session, numbers: Sequence[int], at: datetime) -> None:
    session.execute(delete(ImportRow).where(ImportRow.batch_id.in_(numbers)))
    session.execute(update(ImportBatch).where(ImportBatch.id.in_(numbers)).values(state="discarded", content=None, touched_at=at))


def _refuse_unless(batch: ImportBatch, states: Iterable[str]) -> None:
    if batch.state in states:
        return
    if batch.revision_id is not None:
        raise Conflict(f"import {batch.id} was applied by {batch.actor} in revision {batch.revision_id}")
    raise Conflict(f"import {batch.id} is {batch.state}")


def take_up(database: Database) -> int | None:
    """The number of a batch that waits, from now on this worker's; None where nothing waits. Drops what waited too long."""
    now = clock.now()
    waiting = select(ImportBatch).where(ImportBatch.state.in_(_WAITING), ImportBatch.touched_at < now - RESTS)
    stale = select(ImportBatch.id).where(ImportBatch.state.in_(("ready", "failed")), ImportBatch.created_at < now - KEPT)
    with database.read() as session:
        if session.scalar(waiting.with_only_columns(ImportBatch.id).limit(1)) is None and session.scalar(stale.limit(1)) is None:
            return None
    with database.write() as session:
        _forget(session, session.scalars(stale).all(), now)
        batch = session.scalars(waiting.order_by(ImportBatch.id).limit(1)).first()
        if batch is None:
            return None
        batch.touched_at = now
        return batch.id


@dataclass(slots=True)
class _Staged:
    """What a worker needs of a batch."""

    state: str
    content: bytes
    profile: Profile
    accepted: list[int]
    base_revision: int
    actor: str
    reason: str
    created_on: date


def _staged(database: Database, number: int) -> _Staged:
    with database.read() as session:
        batch = session.get_one(ImportBatch, number, options=[undefer(ImportBatch.content)])
        return _Staged(
            state=batch.state,
            content=batch.content or b"",
            profile=Profile.model_validate(batch.profile),
            accepted=batch.accepted,
            base_revision=batch.base_revision,
            actor=batch.actor,
            reason=batch.reason,
            created_on=batch.created_at.date(),
        )


@dataclass(slots=True)
class _Recorder:
    """Writes verdicts as they fall, a chunk at a time, with how far the reading is."""

    database: Database
    batch: int
    number: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)

    def __call__(self, judgement: Judgement) -> None:
        self.number += 1
        self.rows.append({
            "batch_id": self.batch, "number": self.number, "line": judgement.line, "verdict": judgement.verdict,
            "label": judgement.label[:200], "item": judgement.item, "was": judgement.was, "would_be": judgement.would_be,
            "reason": judgement.reason,
        })  # fmt: skip
        if len(self.rows) >= CHUNK:
            self.write()

    def write(self) -> None:
        """What has gathered."""
        with self.database.write() as session:
            if self.rows:
                session.execute(insert(ImportRow), self.rows)
            session.execute(update(ImportBatch).where(ImportBatch.id == self.batch).values(rows=self.number, touched_at=clock.now()))
        self.rows = []


def read_batch(database: Database, number: int) -> DryRun | None:
    """The dry run of a batch that was taken up, its verdicts kept; None where the file cannot be read, which the batch then says."""
    staged = _staged(database, number)
    with database.write() as session:
        session.execute(delete(ImportRow).where(ImportRow.batch_id == number))
    recorder = _Recorder(database, number)
    try:
        run = judge_file(database, io.BytesIO(staged.content), staged.profile, today=clock.today(), watch=recorder)
    except InvalidInput as error:
        _say(database, number, "failed", "; ".join(one.message for one in error.errors))
        return None
    recorder.write()
    with database.write() as session:
        batch = session.get_one(ImportBatch, number)
        batch.state, batch.format, batch.rows, batch.counts = "ready", run.format.name, run.rows, dict(run.counts)
        batch.base_revision, batch.touched_at = run.revision, clock.now()
    return run


def apply_batch(database: Database, number: int, witness: Witness) -> None:
    """Applies a batch that was taken up: exactly the changes that its dry run showed, or it goes back to be looked at anew."""
    staged = _staged(database, number)
    for _ in range(ATTEMPTS):
        run = judge_file(database, io.BytesIO(staged.content), staged.profile, today=staged.created_on, accepted=staged.accepted)
        if run.revision != staged.base_revision and run.changes != _as_shown(database, staged).changes:
            reason = f"revision {run.revision} has changed the catalogue since this was looked at; this is what the file would do now"
            with database.write() as session:
                batch = session.get_one(ImportBatch, number)
                batch.state = "ready"
                judge_again(batch, clock.now())
                batch.message, batch.accepted = reason, []
            return
        with database.write() as session:
            if current_revision(session) == run.revision:
                occasion = Occasion(at=clock.now(), actor=staged.actor, kind="import", reason=staged.reason)
                record_batch(session, session.get_one(ImportBatch, number), run, occasion, witness)
                return
    raise Busy("the catalogue is being changed by others; nothing was changed, please apply the import again in a moment")


def _as_shown(database: Database, staged: _Staged) -> DryRun:
    """The dry run against the revision on which the file was looked at."""
    with database.read() as session:
        standing = Standing.at(session, staged.base_revision)
    return dry_run(io.BytesIO(staged.content), staged.profile, standing, today=staged.created_on, accepted=staged.accepted)


def give_back(database: Database, number: int, sentence: str) -> None:
    """What could not be applied waits for a decision again, and says why."""
    _say(database, number, "ready", sentence)


def _say(database: Database, number: int, state: str, sentence: str) -> None:
    with database.write() as session:
        batch = session.get_one(ImportBatch, number)
        batch.state, batch.message, batch.touched_at = state, sentence, clock.now()
