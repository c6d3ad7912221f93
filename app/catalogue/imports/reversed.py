"""Keeping the state of imports true when the revisions that hold them are undone or rolled back, and when that is undone in turn."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.catalogue.imports.tables import ImportBatch


def follow_undoing(session: Session, undone: int, by: int) -> None:
    """Revision `by` has undone revision `undone`: the import that this one was, or had undone, is the other way round now."""
    _mark_undone(_batches(session, ImportBatch.revision_id == undone, ImportBatch.state == "applied"), by)
    _mark_applied(_batches(session, ImportBatch.undone_revision_id == undone))


def follow_rollback(session: Session, to: int, by: int) -> None:
    """Revision `by` has made the catalogue that of revision `to`: every import is again what it was then."""
    _mark_undone(_batches(session, ImportBatch.revision_id > to, ImportBatch.state == "applied"), by)
    _mark_applied(_batches(session, ImportBatch.revision_id <= to, ImportBatch.undone_revision_id > to))


def _batches(session: Session, *conditions: ColumnElement[bool]) -> Sequence[ImportBatch]:
    return session.scalars(select(ImportBatch).where(*conditions)).all()


def _mark_undone(batches: Sequence[ImportBatch], by: int) -> None:
    for batch in batches:
        batch.state, batch.undone_revision_id = "undone", by


def _mark_applied(batches: Sequence[ImportBatch]) -> None:
    for batch in batches:
        batch.state, batch.undone_revision_id = "applied", None
