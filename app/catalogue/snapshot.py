"""The catalogue in memory: built once for each revision, shared by every request, renewed when anybody records a new one."""

import threading

from sqlalchemy.orm import Session

from app.catalogue.assemble import Snapshot, snapshot_of
from app.catalogue.history import aliases_at, current_revision, items_at, prices_at, rates_at
from app.database import Database
from app.hardware import Catalogue


def snapshot_at(session: Session, revision: int) -> Snapshot:
    """The catalogue as it was at `revision`."""
    items, prices, rates = items_at(session, revision), prices_at(session, revision), rates_at(session, revision)
    return snapshot_of(revision, items, prices, rates, aliases_at(session, revision))


class CatalogueCache:
    """The current revision. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._building = threading.Lock()
        self._held: Snapshot | None = None

    def current(self) -> Catalogue:
        """The current catalogue."""
        return self.snapshot().catalogue

    def snapshot(self) -> Snapshot:
        """The current snapshot. Reads one number from the database, and the rest only where the number changed."""
        held = self._held
        with self._database.read() as session:
            revision = current_revision(session)
            if held is not None and held.catalogue.revision == revision:
                return held
            with self._building:
                if self._held is None or self._held.catalogue.revision < revision:
                    self._held = snapshot_at(session, revision)
                return self._held
