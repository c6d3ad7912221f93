"""Items: choosing one, editing it with every field of its specification, adding one, its other names."""

from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app import clock
from app.accounts.sessions import SignedIn
from app.catalogue.editing import Conflict, Version, refuse_overwriting, version_of
from app.catalogue.facts import AliasFact, Changes, ItemFact
from app.catalogue.history import aliases_at, current_revision
from app.catalogue.specs import SPECS
from app.errors import InvalidInput, NotFound
from app.hardware import PartKind
from app.web.access import SignedInUser
from app.web.admin_form import all_of, checked, fields_of, reason_of
from app.web.admin_page import admin_page, see, see_done
from app.web.contexts.admin.items import ONE_OF, ItemPage, ItemsPage, again, item_page, item_rows, kinds_to_choose, merged
from app.web.recording import Act, record_act
from app.web.requests import FormPairs
from app.web.site import Site, SiteOf

router = APIRouter(prefix="/admin/items")
HERE = "/admin/items"
ROWS_SHOWN = 100
_CONTROLS = frozenset({"base", "reason"})


@router.get("")
def choose_item(request: Request, site: SiteOf, q: str = "", kind: str = "") -> Response:
    """Every item, the retired ones too, by words and kind."""
    rows = item_rows(site.catalogue.snapshot(), q, kind, clock.today())
    ctx = ItemsPage(kinds=kinds_to_choose(), kind=kind, q=q, rows=tuple(rows[:ROWS_SHOWN]), total=len(rows))
    return admin_page(request, "pages/admin/items.html", ctx)


@router.get("/new/{kind}")
def new_item(request: Request, kind: str) -> Response:
    """The empty form of a kind."""
    return admin_page(request, "pages/admin/item.html", _empty(kind))


@router.post("/new/{kind}")
def add_item(request: Request, kind: str, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """A new item, as one revision."""
    page, fields = _empty(kind), fields_of(pairs)
    try:
        wanted, reason = _read(page, fields)
        record_act(site, who, Act(name="item.add", subject=wanted.id, kind="edit", reason=reason), lambda session: _added(session, wanted))
    except InvalidInput as complaint:
        return admin_page(request, "pages/admin/item.html", again(page, fields, complaint), status=422)
    return see(f"{HERE}/{wanted.id}?done=item-added")


def _added(session: Session, wanted: ItemFact) -> Changes:
    if version_of(session, wanted.id):
        raise InvalidInput(f"there is an item '{wanted.id}' already; open that one, or choose another id", "id")
    return Changes(items=(wanted,))


@router.get("/{item_id}")
def edit_item(request: Request, item_id: str, site: SiteOf) -> Response:
    """The form of an item as it is."""
    return admin_page(request, "pages/admin/item.html", _page(item_id, site))


@router.post("/{item_id}")
def save_item(request: Request, item_id: str, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """Saves the item, unless somebody else did since the form was opened: then both versions are shown."""
    page, fields = _page(item_id, site), fields_of(pairs)
    try:
        wanted, reason = _read(page, fields)
    except InvalidInput as complaint:
        return admin_page(request, "pages/admin/item.html", again(page, fields, complaint), status=422)

    def changes(session: Session) -> Changes:
        refuse_overwriting(session, wanted, _base(fields))
        return Changes(items=(wanted,))

    try:
        revision = record_act(site, who, Act(name="item.edit", subject=item_id, kind="edit", reason=reason), changes)
    except Conflict as conflict:
        return admin_page(request, "pages/admin/item.html", merged(page, conflict, wanted, reason), status=conflict.status)
    except InvalidInput as complaint:
        return admin_page(request, "pages/admin/item.html", again(page, fields, complaint), status=422)
    return see_done(f"{HERE}/{item_id}", "item-saved", revision)


@router.post("/{item_id}/names")
def add_name(request: Request, item_id: str, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """Another name under which the item is found and imported."""
    page, fields = _page(item_id, site), fields_of(pairs)
    try:
        alias = checked(lambda: AliasFact(name=fields.get("alias", ""), item=item_id, source=fields.get("alias_source", "")))
        _give_name(site, who, alias, "item.name", f"also called {alias.name}")
    except InvalidInput as complaint:
        return admin_page(request, "pages/admin/item.html", again(page, fields, _at_alias(complaint)), status=422)
    return see(f"{HERE}/{item_id}?done=alias-added")


@router.post("/{item_id}/names/remove")
def remove_name(item_id: str, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """The name stands for nothing any more."""
    name = fields_of(pairs).get("alias", "")
    alias = checked(lambda: AliasFact(name=name, source=f"taken away by {who.name}"))
    _give_name(site, who, alias, "item.name", f"no longer called {name}", of=item_id)
    return see(f"{HERE}/{item_id}?done=alias-removed")


def _give_name(site: Site, who: SignedIn, alias: AliasFact, act: str, reason: str, *, of: str = "") -> None:
    def changes(session: Session) -> Changes:
        holder = {one.name: one.item for one in aliases_at(session, current_revision(session))}.get(alias.name, "")
        if holder and holder != (of or alias.item):
            raise InvalidInput(f"this is another name of '{holder}'; take it away there first", "name")
        return Changes(aliases=(alias,))

    record_act(site, who, Act(name=act, subject=of or alias.item, kind="edit", reason=reason[:400]), changes)


def _at_alias(complaint: InvalidInput) -> InvalidInput:
    """Complaints about an alias at the fields of its form."""
    places = {"name": "alias", "source": "alias_source"}
    return InvalidInput([type(one)(path=places.get(one.path, "alias"), message=one.message) for one in complaint.errors])


def _empty(kind: str) -> ItemPage:
    if kind not in ONE_OF:
        raise NotFound(f"there are no items of a kind '{kind[:20]}'")
    return item_page(cast("PartKind", kind), item=None, base=0, today=clock.today())


def _page(item_id: str, site: Site) -> ItemPage:
    with site.database.read() as session:
        found = _found(version_of(session, item_id), item_id)
        aliases = [alias for alias in aliases_at(session, current_revision(session)) if alias.item == item_id]
    return item_page(found.item.kind, item=found.item, base=found.revision, aliases=aliases, today=clock.today())


def _found(version: Version | None, item_id: str) -> Version:
    if version is None:
        raise NotFound(f"the catalogue has no item '{item_id[:120]}'")
    return version


def _read(page: ItemPage, fields: dict[str, str]) -> tuple[ItemFact, str]:
    """The item of the form's fields, and why it is changed. Raises InvalidInput naming every wrong field at once."""
    kind = cast("PartKind", page.kind)
    given = {name: value for name, value in fields.items() if name not in _CONTROLS} | ({"id": page.id} if page.id else {})
    spec = {name: value for name, value in given.items() if name not in ItemFact.model_fields}
    common = {name: value for name, value in given.items() if name in ItemFact.model_fields}
    stand_in = SPECS[kind].model_construct()
    all_of(
        lambda: checked(lambda: SPECS[kind].model_validate(spec)),
        lambda: checked(lambda: ItemFact.model_validate({**common, "kind": kind, "spec": stand_in})),
        lambda: reason_of(fields),
    )
    return checked(lambda: ItemFact.read(kind, given)), reason_of(fields)


def _base(fields: dict[str, str]) -> int:
    base = fields.get("base", "")
    return int(base) if base.isdecimal() and len(base) < 10 else 0
