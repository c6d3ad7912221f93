"""The first page after signing in: what needs somebody's hand."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select

from app import clock
from app.accounts.tables import AuditEntry
from app.backup.tables import Backup
from app.catalogue.coverage import aged_prices, coverage_by_currency, coverage_by_kind
from app.catalogue.imports.tables import ImportBatch
from app.catalogue.tables import Revision
from app.web.admin_page import admin_page
from app.web.contexts.admin.dashboard import State, dashboard
from app.web.site import Site, SiteOf

router = APIRouter(prefix="/admin")
FAILURES_FOR = timedelta(days=7)
FAILURES_SHOWN = 6


@router.get("")
def show_dashboard(request: Request, site: SiteOf) -> Response:
    """Old prices first, then coverage, the last backup, imports and sign-ins that failed."""
    return admin_page(request, "pages/admin/dashboard.html", dashboard(_state(site)))


def _state(site: Site) -> State:
    now = clock.now()
    aged = aged_prices(site.catalogue.snapshot(), now.date())
    refused = select(AuditEntry).where(AuditEntry.act.endswith(".refused"), AuditEntry.at > now - FAILURES_FOR)
    failed = select(ImportBatch).where(ImportBatch.state == "failed")
    with site.database.read() as session:
        state = State(
            revision=session.scalars(select(Revision).order_by(Revision.id.desc()).limit(1)).first(),
            aged=aged,
            kinds=coverage_by_kind(aged),
            currencies=tuple(coverage_by_currency(session)),
            backup=session.scalars(select(Backup).order_by(Backup.id.desc()).limit(1)).first(),
            failures=session.scalars(refused.order_by(AuditEntry.id.desc()).limit(FAILURES_SHOWN)).all(),
            imports=session.scalars(failed.order_by(ImportBatch.id.desc()).limit(FAILURES_SHOWN)).all(),
            now=now,
        )
        session.expunge_all()
        return state
