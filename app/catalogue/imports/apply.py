"""Applying an import as one revision, and undoing it as another: the catalogue is exactly the old or exactly the new one."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

from sqlalchemy.orm import Session

from app.catalogue.history import current_revision
from app.catalogue.imports.dry_run import DryRun, Watch, dry_run
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.sources import keep_profile
from app.catalogue.imports.standing import Standing
from app.catalogue.imports.tables import ImportBatch
from app.catalogue.reversal import reversal_of
from app.catalogue.revisions import Occasion, record
from app.database import Database
from app.errors import Busy, Conflict, NotFound

ATTEMPTS = 3
"""How often a file is judged anew because somebody changed the catalogue meanwhile."""

Witness = Callable[[Session, str, str], None]
"""Told inside the transaction what is being done and to what, to note it where such things are noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of an import: the number of its batch and revision, both None where the file says nothing new."""

    run: DryRun
    batch: int | None = None
    revision: int | None = None


def judge_file(
    database: Database, file: BinaryIO, profile: Profile, *, today: date, accepted: Iterable[int] = (), watch: Watch | None = None
) -> DryRun:
    """The dry run of a file against the current revision."""
    file.seek(0)
    with database.read() as session:
        standing = Standing.at(session)
    return dry_run(file, profile, standing, today=today, accepted=accepted, watch=watch)


def import_file(
    database: Database,
    file: BinaryIO,
    profile: Profile,
    occasion: Occasion,
    *,
    accepted: Iterable[int] = (),
    watch: Watch | None = None,
    witness: Witness | None = None,
) -> Imported:
    """Judges a file and records what is new in it, with a batch by which it can be undone. Raises InvalidInput or Busy."""
    for _ in range(ATTEMPTS):
        run = judge_file(database, file, profile, today=occasion.at.date(), accepted=accepted, watch=watch)
        if not run.changes:
            return Imported(run=run)
        with database.write() as session:
            if current_revision(session) == run.revision:
                batch = _batch_of(file, profile, occasion, run)
                session.add(batch)
                session.flush()
                return Imported(run=run, batch=batch.id, revision=record_batch(session, batch, run, occasion, witness))
    raise Busy("the catalogue is being changed by others; please import the file again in a moment")


def record_batch(session: Session, batch: ImportBatch, run: DryRun, occasion: Occasion, witness: Witness | None) -> int:
    """Records a dry run as the revision of its batch. Must run inside `Database.write()`."""
    named = Occasion(at=occasion.at, actor=occasion.actor, kind="import", reason=occasion.reason, batch=str(batch.id))
    batch.revision_id = record(session, run.changes, named)
    batch.state, batch.touched_at, batch.content = "applied", occasion.at, None
    profile = Profile.model_validate(batch.profile)
    if profile.source:
        keep_profile(session, profile, occasion.at)
    if witness:
        witness(session, "import.apply", f"import {batch.id}, revision {batch.revision_id}: {batch.file_name}")
    return batch.revision_id


def undo_import(database: Database, number: int, occasion: Occasion, witness: Witness | None = None) -> tuple[int, tuple[str, ...]]:
    """Undoes a batch as a new revision; its number, and what had to stay because others built on it.

    Raises NotFound or Conflict where there is nothing to undo.
    """
    with database.write() as session:
        batch = session.get(ImportBatch, number)
        if batch is None:
            raise NotFound(f"there is no import {number}")
        if batch.state == "undone":
            raise Conflict(f"import {number} was undone in revision {batch.undone_revision_id}")
        if batch.revision_id is None:
            raise Conflict(f"import {number} was never applied: it is {batch.state}")
        reversal = reversal_of(session, batch.revision_id)
        named = Occasion(at=occasion.at, actor=occasion.actor, kind="rollback", reason=occasion.reason, batch=str(number))
        batch.undone_revision_id = record(session, reversal.changes, named)
        batch.state, batch.touched_at = "undone", occasion.at
        if witness:
            witness(session, "import.undo", f"import {number}, revision {batch.undone_revision_id}: {batch.file_name}")
        return batch.undone_revision_id, reversal.kept


def _batch_of(file: BinaryIO, profile: Profile, occasion: Occasion, run: DryRun) -> ImportBatch:
    file.seek(0)
    content = file.read()
    return ImportBatch(
        state="applying",
        created_at=occasion.at,
        touched_at=occasion.at,
        actor=occasion.actor,
        reason=occasion.reason,
        file_name=occasion.batch[-200:],
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        profile=profile.model_dump(mode="json"),
        format=run.format.name,
        rows=run.rows,
        counts=dict(run.counts),
        base_revision=run.revision,
    )
