"""The audit log: filtered, a page at a time, and as CSV."""

from dataclasses import asdict
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app import clock
from app.accounts import audit
from app.accounts.audit import AuditFilter, entries
from app.web.access import SignedInUser
from app.web.admin_page import admin_page
from app.web.contexts.admin.audit import AuditPage, audit_rows
from app.web.contexts.admin.fields import AdminField, form_of
from app.web.downloads import csv_download
from app.web.site import SiteOf

router = APIRouter(prefix="/admin/audit")
ROWS_SHOWN = 100
EXPORTED = 50_000  # entries; a filter by day reaches the others
COLUMNS = ("number", "at", "actor", "act", "subject", "detail", "network")
_FIELDS = (
    AdminField(name="actor", label="Who"),
    AdminField(name="act", label="Act begins with"),
    AdminField(name="subject", label="Subject contains"),
    AdminField(name="since", label="From", kind="date"),
    AdminField(name="until", label="To", kind="date"),
)

Text = Annotated[str, Field(max_length=120)]
Day = Annotated[date | None, BeforeValidator(lambda value: value or None)]


class Asked(BaseModel):
    """What the address of the log may say."""

    model_config = ConfigDict(extra="forbid")

    actor: Text = ""
    act: Text = ""
    subject: Text = ""
    since: Day = None
    until: Day = None
    before: Annotated[int, Field(ge=0, lt=2**31)] = 0
    done: Text = ""

    def filter(self) -> AuditFilter:
        """The same for the log."""
        return AuditFilter(actor=self.actor, act=self.act, subject=self.subject, since=self.since, until=self.until)

    def query(self, **changes: object) -> str:
        """The filter as part of an address."""
        chosen = {**self.model_dump(exclude={"before", "done"}), **changes}
        return urlencode({name: value for name, value in chosen.items() if value})


@router.get("")
def show_log(request: Request, asked: Annotated[Asked, Query()], site: SiteOf) -> Response:
    """The newest entries that pass the filter."""
    with site.database.read() as session:
        rows = audit_rows(entries(session, asked.filter(), before=asked.before or None, limit=ROWS_SHOWN))
    typed = {name: str(value) for name, value in asked.model_dump().items() if value}
    ctx = AuditPage(
        form=form_of(_FIELDS, typed),
        rows=rows,
        older_href=f"/admin/audit?{asked.query(before=rows[-1].number)}" if len(rows) == ROWS_SHOWN else "",
        csv_href=f"/admin/audit/csv?{asked.query()}".rstrip("?"),
    )
    return admin_page(request, "pages/admin/audit.html", ctx)


@router.post("/csv")
def export_log(asked: Annotated[Asked, Query()], who: SignedInUser, site: SiteOf) -> Response:
    """The entries that pass the filter as CSV, the newest EXPORTED of them; the export itself is noted first."""
    with site.database.write() as session:
        audit.note(session, who.actor, "audit.export", detail=asked.query(), at=clock.now())
    with site.database.read() as session:
        rows = [asdict(row) for row in audit_rows(entries(session, asked.filter(), limit=EXPORTED))]
    return csv_download(rows, COLUMNS, "audit")
