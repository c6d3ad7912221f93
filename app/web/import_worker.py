"""The worker of a server process that reads staged imports and applies them, so that no request has to wait for 100,000 rows."""

import threading
from dataclasses import asdict

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import clock
from app.accounts.audit import Actor, note
from app.catalogue.imports.dry_run import DryRun
from app.catalogue.imports.staging import apply_batch, give_back, read_batch, take_up
from app.catalogue.imports.tables import ImportBatch
from app.catalogue.rollback import snapshot_after
from app.catalogue.snapshot import snapshot_at
from app.consequences import consequences
from app.database import Database
from app.errors import RigwiseError
from app.web.contexts.admin.revisions import consequence_views

IDLE_SECONDS = 5
"""How often a worker looks for what another process was given; its own server wakes it at once."""

STOP_SECONDS = 5
"""How long a stopping server waits for the batch at hand; cut short, it changes nothing and is taken up anew."""


class ImportWorker:
    """One thread. `wake` it when there is something to do, `stop` it before the database is closed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="imports", daemon=True)

    def start(self) -> None:
        """From now on batches are worked off."""
        self._thread.start()

    def wake(self) -> None:
        """Something waits."""
        self._woken.set()

    def stop(self) -> None:
        """Ends after the batch at hand."""
        self._stopping = True
        self.wake()
        self._thread.join(STOP_SECONDS)

    def _ends_within(self, seconds: float) -> bool:
        """Rests until it is woken, and says whether that was to end."""
        self._woken.wait(seconds)
        self._woken.clear()
        return self._stopping

    def _work_off_all(self) -> None:
        while work_off(self._database):
            if self._stopping:
                return

    def _run(self) -> None:
        while not self._ends_within(IDLE_SECONDS):
            try:
                self._work_off_all()
            except (RigwiseError, SQLAlchemyError) as error:  # it is taken up again after a rest
                structlog.get_logger().warning("import interrupted", error=str(error))


def work_off(database: Database) -> bool:
    """Reads or applies the batch that has waited longest. False where none waits."""
    number = take_up(database)
    if number is None:
        return False
    with database.read() as session:
        applying = session.get_one(ImportBatch, number).state == "applying"
    if applying:
        _apply(database, number)
    elif run := read_batch(database, number):
        _tell_consequences(database, number, run)
    return True


def _apply(database: Database, number: int) -> None:
    with database.read() as session:
        batch = session.get_one(ImportBatch, number)
        who, reason = Actor(name=batch.actor, network="import worker"), batch.reason

    def witness(session: Session, act: str, subject: str) -> None:
        note(session, who, act, subject, reason, at=clock.now())

    try:
        apply_batch(database, number, witness)
    except RigwiseError as error:
        give_back(database, number, str(error))


def _tell_consequences(database: Database, number: int, run: DryRun) -> None:
    """Keeps with the dry run which recommendations would change."""
    found: list[dict[str, object]] = []
    if run.can_be_tried:
        with database.read() as session:
            before = snapshot_at(session, run.revision).catalogue
            after = snapshot_after(session, run.changes).catalogue
        found = [asdict(view) for view in consequence_views(consequences(before, after, clock.today()))]
    with database.write() as session:
        batch = session.get_one(ImportBatch, number)
        batch.consequences = found
        if run.changes and not run.can_be_tried:
            batch.message = f"{len(run.items):,} new parts are too many to try the recommendations with"
