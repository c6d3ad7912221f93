"""Rolling back: to a revision, or one revision alone; first a look at what would change, then, with the password, a new revision."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app import clock
from app.catalogue.difference import difference
from app.catalogue.facts import Changes
from app.catalogue.history import current_revision, items_at
from app.catalogue.imports.reversed import follow_rollback, follow_undoing
from app.catalogue.reversal import reversal_of
from app.catalogue.rollback import changes_back_to, snapshot_after
from app.consequences import consequences
from app.errors import InvalidInput
from app.web.access import Confirmed
from app.web.admin_form import fields_of, reason_of
from app.web.admin_page import admin_page, see
from app.web.contexts.admin.revisions import RollbackPage, consequence_views, difference_view, revision_row
from app.web.recording import Act, record_act
from app.web.requests import FormPairs
from app.web.routes.admin.revisions import revision_numbered
from app.web.site import Site, SiteOf
from app.workloads.presets import presets

router = APIRouter(prefix="/admin/revisions/{number}/roll-back")
How = Literal["to", "undo"]


@router.get("/{how}")
def preview(request: Request, how: How, number: int, site: SiteOf) -> Response:
    """What rolling back would change, and whose recommendation."""
    return admin_page(request, "pages/admin/rollback.html", _preview(site, how, number))


@router.post("/{how}")
def roll_back(request: Request, how: How, number: int, pairs: FormPairs, who: Confirmed, site: SiteOf) -> Response:
    """Records the new revision. Refuses where the catalogue moved since the look at it."""
    fields = fields_of(pairs)

    def changes(session: Session) -> Changes:
        revision_numbered(session, number)
        if fields.get("current") != str(current_revision(session)):
            raise InvalidInput("the catalogue has changed since you looked; here is what rolling back would do now", "current")
        return _changes(session, how, number)[0]

    try:
        act = Act(name="rollback", subject=f"{how} revision {number}", kind="rollback", reason=reason_of(fields))
        follow = follow_rollback if how == "to" else follow_undoing
        revision = record_act(site, who, act, changes, lambda session, made: follow(session, number, made))
    except InvalidInput as complaint:
        ctx = _preview(site, how, number, fields.get("reason", ""), complaint)
        return admin_page(request, "pages/admin/rollback.html", ctx, status=complaint.status)
    return see(f"/admin/revisions/{revision or number}?done={'rolled-back' if revision else 'nothing-changed'}")


def _changes(session: Session, how: How, number: int) -> tuple[Changes, tuple[str, ...]]:
    """What to record, and what stays as it is because later revisions build on it."""
    if how == "to":
        return changes_back_to(session, number), ()
    reversal = reversal_of(session, number)
    return reversal.changes, reversal.kept


def _preview(site: Site, how: How, number: int, reason: str = "", complaint: InvalidInput | None = None) -> RollbackPage:
    with site.database.read() as session:
        row, current = revision_row(revision_numbered(session, number)), current_revision(session)
        changes, kept = _changes(session, how, number)
        found = difference(items_at(session, current), changes)
        after = snapshot_after(session, changes).catalogue
    consequential = consequences(site.catalogue.current(), after, clock.today()) if changes else ()
    return RollbackPage(
        act=how,
        revision=row,
        current=current,
        difference=difference_view(found),
        kept=kept,
        consequences=consequence_views(consequential),
        jobs=len(presets()),
        reason=reason,
        error=complaint.errors[0].message if complaint else "",
    )
