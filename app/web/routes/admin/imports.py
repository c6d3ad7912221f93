"""Imports: upload, the columns of a price list, the dry run, and what is decided about it."""

import io
from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from app import clock
from app.accounts import audit
from app.accounts.roles import allows
from app.accounts.sessions import SignedIn
from app.catalogue.export import export_csv, export_json
from app.catalogue.imports.apply import undo_import
from app.catalogue.imports.dry_run import day_in
from app.catalogue.imports.files import open_text
from app.catalogue.imports.formats.price_list import FIELDS
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.rows import rows
from app.catalogue.imports.sources import made_profile, profile_of, source_names
from app.catalogue.imports.staging import accept, applied_before, ask_to_apply, batch_numbered, discard, judge_again, stage
from app.catalogue.imports.tables import ImportBatch, ImportRow
from app.catalogue.revisions import Occasion
from app.errors import Conflict, InvalidInput, RigwiseError
from app.web.access import SignedInUser
from app.web.admin_form import fields_of, reason_of
from app.web.admin_page import admin_page, see
from app.web.contexts.admin.imports import TABS, ImportPage, RowsShown, first_tab, import_page, imports_page
from app.web.downloads import csv_download
from app.web.render import part, wants_fragment
from app.web.requests import FormPairs, FormWithFile
from app.web.site import Site, SiteOf, site_of

router = APIRouter(prefix="/admin/imports")
ROWS_SHOWN = 25
BATCHES_SHOWN = 50
Act = Callable[[Session, ImportBatch], None]
_ANNOTATED = ("line", "verdict", "label", "item", "was", "would_be", "reason")
LINE = "line"  # the field of a confirmed row
SHOWN = "shown"  # the field of every row that could be confirmed on the page


@router.get("")
def imports(request: Request, site: SiteOf) -> Response:
    """Every import, newest first, and the form for another one."""
    return _list(request, site)


@router.post("")
def upload(request: Request, form: FormWithFile, who: SignedInUser, site: SiteOf) -> Response:
    """Takes a file in for its dry run; whether anything is wrong with it is told on its own page."""
    fields = dict(form.pairs)
    try:
        if form.file is None or not form.file.content:
            raise InvalidInput("choose a file that is not empty", "file")
        number = _stage(site, who, form.file.name, form.file.content, fields)
    except InvalidInput as complaint:
        return _list(request, site, fields, complaint)
    request.app.state.imports.wake()
    return see(f"/admin/imports/{number}")


@router.get("/{number}")
def one_import(request: Request, number: int, who: SignedInUser, site: SiteOf, tab: str = "", page: int = 1) -> Response:
    """The dry run, or how far it is."""
    ctx = _page(site, who, number, tab, page)
    if wants_fragment(request):
        return part("partials/_import.html", ctx).response()
    return admin_page(request, "pages/admin/import.html", ctx)


@router.get("/{number}/annotated.csv")
def annotated(number: int, site: SiteOf) -> Response:
    """Every row with its verdict, as a table."""
    query = select(*(getattr(ImportRow, name) for name in _ANNOTATED)).where(ImportRow.batch_id == number).order_by(ImportRow.number)
    with site.database.read() as session:
        batch_numbered(session, number)
        found = [dict(zip(_ANNOTATED, row, strict=True)) for row in session.execute(query)]
    return csv_download(found, _ANNOTATED, f"import-{number}")


@router.post("/{number}/columns")
def columns(request: Request, number: int, pairs: FormPairs, who: SignedInUser) -> Response:
    """Says which column holds what, and has the file read anew."""
    fields = fields_of(pairs)

    def act(session: Session, batch: ImportBatch) -> None:
        known = Profile.model_validate(batch.profile)
        told = {
            "columns": {name: fields[f"column:{name}"] for name in FIELDS if fields.get(f"column:{name}")},
            "constants": {**known.constants, **{name: fields[f"constant:{name}"] for name in FIELDS if fields.get(f"constant:{name}")}},
        }
        judge_again(batch, clock.now(), made_profile(known, format="prices", **told))

    return _act(request, who, number, "import.columns", act)


@router.post("/{number}/day")
def day(request: Request, number: int, pairs: FormPairs, who: SignedInUser) -> Response:
    """Says when the prices of a file were seen, and has it read anew."""
    told = fields_of(pairs).get("observed_on", "").strip()

    def act(_: Session, batch: ImportBatch) -> None:
        judge_again(batch, clock.now(), made_profile(Profile.model_validate(batch.profile), observed_on=told))

    return _act(request, who, number, "import.day", act)


@router.post("/{number}/again")
def again(request: Request, number: int, who: SignedInUser) -> Response:
    """Has the file read anew, after an item or another name was added."""
    return _act(request, who, number, "import.again", lambda _, batch: judge_again(batch, clock.now()))


@router.post("/{number}/accept")
def accept_jumps(request: Request, number: int, pairs: FormPairs, who: SignedInUser) -> Response:
    """Remembers which of the shown jumps are right; those of other pages stay as they were."""
    chosen = {int(value) for name, value in pairs if name == LINE and value.isdecimal()}
    shown = {int(value) for name, value in pairs if name == SHOWN and value.isdecimal()}

    def act(session: Session, batch: ImportBatch) -> None:
        every = select(ImportRow.line).where(ImportRow.batch_id == number, ImportRow.verdict == "confirm")
        known = set(session.scalars(every))
        wanted = known if ("all", "yes") in pairs else (set(batch.accepted) - shown) | (chosen & known)
        accept(batch, wanted, clock.now())

    return _act(request, who, number, "import.accept", act, f"/admin/imports/{number}?tab=decide")


@router.post("/{number}/apply")
def apply(request: Request, number: int, pairs: FormPairs, who: SignedInUser) -> Response:
    """Has the dry run applied as one revision."""
    reason = reason_of(fields_of(pairs)) if dict(pairs).get("reason", "").strip() else ""

    def act(session: Session, batch: ImportBatch) -> None:
        if not reason:
            raise InvalidInput("say in a few words why; it stands in the history", "reason")
        ask_to_apply(batch, who.name, reason, clock.now())

    return _act(request, who, number, "import.ask", act)


@router.post("/{number}/discard")
def drop(request: Request, number: int, who: SignedInUser) -> Response:
    """Drops the file."""
    return _act(
        request, who, number, "import.discard", lambda session, batch: discard(session, batch, clock.now()),
        "/admin/imports?done=import-discarded",
    )  # fmt: skip


@router.post("/{number}/undo")
def undo(request: Request, number: int, who: SignedInUser, site: SiteOf) -> Response:
    """Undoes an applied import as a whole, by a new revision."""
    now = clock.now()
    occasion = Occasion(at=now, actor=who.name, kind="rollback", reason=f"import {number} undone")

    def witness(session: Session, act: str, subject: str) -> None:
        audit.note(session, who.actor, act, subject, occasion.reason, at=now)

    try:
        _, kept = undo_import(site.database, number, occasion, witness)
    except Conflict as error:
        return _complain(request, who, number, error)
    if kept:
        with site.database.write() as session:
            batch_numbered(session, number).message = "; ".join(kept)[:2000]
    return see(f"/admin/imports/{number}?done=import-undone")


@router.get("/export/{table}.{kind}")
def export(table: str, kind: str, site: SiteOf) -> Response:
    """The catalogue, or one of its tables, as `rigwise export` writes it: to edit and to import back."""
    text = io.StringIO(newline="")
    with site.database.read() as session:
        (export_csv if kind == "csv" else export_json)(session, text, None if table == "catalogue" else table)
    media = "text/csv; charset=utf-8" if kind == "csv" else "application/json"
    headers = {"Content-Disposition": f'attachment; filename="rigwise-{table}.{"csv" if kind == "csv" else "json"}"'}
    return StreamingResponse(iter((text.getvalue(),)), media_type=media, headers=headers)


def _stage(site: Site, who: SignedIn, name: str, content: bytes, fields: Mapping[str, str]) -> int:
    """A batch of the uploaded file. Raises InvalidInput where these very bytes stand in the catalogue already."""
    with site.database.write() as session:
        profile = _profile(session, name, fields)
        batch = stage(session, content, name, profile, who.name, clock.now())
        if before := applied_before(session, batch.sha256):
            batch.message = f"this very file was applied before, as import {before.id} in revision {before.revision_id}"
        audit.note(session, who.actor, "import.stage", f"import {batch.id}", name, at=clock.now())
        return batch.id


def _profile(session: Session, name: str, fields: Mapping[str, str]) -> Profile:
    source = fields.get("source", "").strip()
    known = profile_of(session, source) if source else None
    constants = dict(known.constants) if known else {}
    if provider := fields.get("provider", "").strip():
        constants["provider"] = provider
    day = fields.get("observed_on", "").strip() or day_in(name)
    return made_profile(known, source=source, observed_on=day, format=fields.get("format", ""), constants=constants)


def _act(request: Request, who: SignedIn, number: int, name: str, act: Act, to: str = "") -> Response:
    """Does something with a batch and notes it, both or neither; what stands against it is told on its page."""
    site = site_of(request)
    try:
        with site.database.write() as session:
            batch = batch_numbered(session, number)
            act(session, batch)
            audit.note(session, who.actor, name, f"import {number}", batch.file_name, at=clock.now())
    except (Conflict, InvalidInput) as error:
        return _complain(request, who, number, error)
    request.app.state.imports.wake()
    return see(to or f"/admin/imports/{number}")


def _complain(request: Request, who: SignedIn, number: int, error: RigwiseError) -> Response:
    ctx = _page(site_of(request), who, number, error=str(error))
    return admin_page(request, "pages/admin/import.html", ctx, status=error.status)


def _list(request: Request, site: Site, values: Mapping[str, str] | None = None, complaint: InvalidInput | None = None) -> Response:
    with site.database.read() as session:
        batches = session.scalars(select(ImportBatch).order_by(ImportBatch.id.desc()).limit(BATCHES_SHOWN)).all()
        ctx = imports_page(batches, source_names(session), values, complaint)
    return admin_page(request, "pages/admin/imports.html", ctx, status=complaint.status if complaint else 200)


def _page(site: Site, who: SignedIn, number: int, tab: str = "", page: int = 1, error: str = "") -> ImportPage:
    with site.database.read() as session:
        batch = batch_numbered(session, number)
        shown = _rows(session, number, tab if tab in TABS else first_tab(batch.counts), page)
        columns = _columns(session, number) if batch.state == "failed" else ()
        return import_page(batch, shown, columns, error, may_roll_back=allows(who.role, "admin"))


def _rows(session: Session, number: int, tab: str, page: int) -> RowsShown:
    query = select(ImportRow).where(ImportRow.batch_id == number, ImportRow.verdict.in_(TABS[tab]))
    total = session.scalar(query.with_only_columns(func.count())) or 0
    pages = max(1, -(-total // ROWS_SHOWN))
    at = min(max(page, 1), pages)
    found = session.scalars(
        query.order_by(ImportRow.verdict.desc(), ImportRow.number).offset((at - 1) * ROWS_SHOWN).limit(ROWS_SHOWN)
    ).all()
    return RowsShown(tab=tab, rows=found, page=at, pages=pages)


def _columns(session: Session, number: int) -> tuple[str, ...]:
    """The columns of a file that could not be read for want of knowing them; none where it cannot be read at all."""
    batch = session.get_one(ImportBatch, number, options=[undefer(ImportBatch.content)], populate_existing=True)
    try:
        first = next(rows(open_text(io.BytesIO(batch.content or b""))), None)
    except InvalidInput:
        return ()
    return tuple(name for name in first.cells if not name.startswith("\0")) if first else ()
