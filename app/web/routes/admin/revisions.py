"""The history of the catalogue: every revision, what one did."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.catalogue.difference import difference_of
from app.catalogue.history import current_revision
from app.catalogue.snapshot import snapshot_at
from app.catalogue.tables import Revision
from app.consequences import consequences
from app.errors import NotFound
from app.web.admin_page import admin_page
from app.web.contexts.admin.revisions import ConsequencesPage, RevisionPage, RevisionsPage, consequence_views, difference_view, revision_row
from app.web.render import part, wants_fragment
from app.web.site import SiteOf
from app.workloads.presets import presets

router = APIRouter(prefix="/admin/revisions")
ROWS_SHOWN = 50


@router.get("")
def revisions(request: Request, site: SiteOf, before: int = 0) -> Response:
    """Every revision, newest first."""
    query = select(Revision).order_by(Revision.id.desc()).limit(ROWS_SHOWN)
    with site.database.read() as session:
        rows = [revision_row(one) for one in session.scalars(query.where(Revision.id < before) if before > 0 else query)]
        current = current_revision(session)
    older = rows[-1].id if rows and rows[-1].id > 1 else 0
    return admin_page(request, "pages/admin/revisions.html", RevisionsPage(rows=tuple(rows), older=older, current=current))


@router.get("/{number}")
def one_revision(request: Request, number: int, site: SiteOf) -> Response:
    """What one revision did."""
    with site.database.read() as session:
        ctx = RevisionPage(
            revision=revision_row(revision_numbered(session, number)),
            current=current_revision(session),
            difference=difference_view(difference_of(session, number)),
        )
    return admin_page(request, "pages/admin/revision.html", ctx)


@router.get("/{number}/consequences")
def revision_consequences(request: Request, number: int, site: SiteOf) -> Response:
    """Whose recommendation one revision changed."""
    with site.database.read() as session:
        row = revision_row(revision_numbered(session, number))
        before, after = (snapshot_at(session, one).catalogue for one in (number - 1, number))
    found = consequence_views(consequences(before, after, clock.today()))
    ctx = ConsequencesPage(revision=row, consequences=found, jobs=len(presets()))
    if wants_fragment(request):
        return part("partials/_revision_consequences.html", ctx).response()
    return admin_page(request, "pages/admin/consequences.html", ctx)


def revision_numbered(session: Session, number: int) -> Revision:
    """The revision of that number. Raises NotFound."""
    revision = session.get(Revision, number) if 0 < number < 2**31 else None
    if revision is None:
        raise NotFound(f"there is no revision {number}")
    return revision
