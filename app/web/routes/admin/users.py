"""Users: adding one, role, disabling, signing out everywhere, another first password. Every act asks for one's own password."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast, get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app import clock
from app.accounts import audit, users
from app.accounts.audit import Actor
from app.accounts.passwords import hash_password
from app.accounts.roles import Role
from app.accounts.sessions import SignedIn, end_sessions, open_sessions
from app.accounts.tables import User
from app.errors import InvalidInput
from app.web.access import Confirmed, SignedInUser
from app.web.admin_form import fields_of
from app.web.admin_page import admin_page, see
from app.web.contexts.admin.users import FirstPasswordPage, user_row, users_page
from app.web.requests import FormPairs
from app.web.site import Site, SiteOf

router = APIRouter(prefix="/admin/users")
HERE = "/admin/users"


@router.get("")
def list_users(request: Request, who: SignedInUser, site: SiteOf) -> Response:
    """Every user, the disabled ones too."""
    return _page(request, who, site)


@router.post("")
def add_user(request: Request, pairs: FormPairs, who: Confirmed, site: SiteOf) -> Response:
    """A new user with a first password, shown this once."""
    fields, password = fields_of(pairs), users.first_password()
    password_hash = hash_password(password)
    try:
        with site.database.write() as session:
            role = _role(fields)
            user = users.add_user(session, fields.get("name", ""), role, password_hash, who.actor, clock.now(), must_change=True)
            name = user.name
    except InvalidInput as complaint:
        return _page(request, who, site, fields, complaint, adding=True)
    return admin_page(request, "pages/admin/first_password.html", FirstPasswordPage(name=name, password=password, new=True))


@router.post("/{name}/password")
def reset_password(request: Request, name: str, who: Confirmed, site: SiteOf) -> Response:
    """Another first password for somebody who forgot theirs; the second factor goes off with it."""
    password = users.first_password()
    password_hash, now = hash_password(password), clock.now()
    with site.database.write() as session:
        user = users.user_named(session, name)
        users.set_password(session, user, password_hash, who.actor, now, must_change=True)
        users.reset_second_factor(session, user, who.actor, now)
    return admin_page(request, "pages/admin/first_password.html", FirstPasswordPage(name=name, password=password, new=False))


@router.post("/{name}/{act}")
def change_user(request: Request, name: str, act: str, pairs: FormPairs, who: Confirmed, site: SiteOf) -> Response:
    """Role, disabling, enabling, signing out everywhere."""
    fields = fields_of(pairs)
    try:
        with site.database.write() as session:
            _act(act)(session, users.user_named(session, name), fields, who.actor, clock.now())
    except InvalidInput as complaint:
        return _page(request, who, site, fields, complaint)
    return see(f"{HERE}?done=user-changed")


def _set_role(session: Session, user: User, fields: Mapping[str, str], by: Actor, now: datetime) -> None:
    users.set_role(session, user, _role(fields), by, now)


def _disable(session: Session, user: User, fields: Mapping[str, str], by: Actor, now: datetime) -> None:
    users.disable(session, user, by, now)


def _enable(session: Session, user: User, fields: Mapping[str, str], by: Actor, now: datetime) -> None:
    users.enable(session, user, by, now)


def _sign_out(session: Session, user: User, fields: Mapping[str, str], by: Actor, now: datetime) -> None:
    ended = end_sessions(session, user.id)
    audit.note(session, by, "user.sign-out", user.name, f"{ended} sessions ended", at=now)


_ACTS: Mapping[str, Callable[[Session, User, Mapping[str, str], Actor, datetime], None]] = {
    "role": _set_role,
    "disable": _disable,
    "enable": _enable,
    "sign-out": _sign_out,
}


def _act(name: str) -> Callable[[Session, User, Mapping[str, str], Actor, datetime], None]:
    if name not in _ACTS:
        raise InvalidInput(f"there is no act called '{name[:20]}'")
    return _ACTS[name]


def _role(fields: Mapping[str, str]) -> Role:
    role = fields.get("role", "")
    if role not in get_args(Role):
        raise InvalidInput(f"choose one of {', '.join(get_args(Role))}", "role")
    return cast("Role", role)


def _page(
    request: Request,
    who: SignedIn,
    site: Site,
    fields: Mapping[str, str] | None = None,
    complaint: InvalidInput | None = None,
    *,
    adding: bool = False,
) -> Response:
    now = clock.now()
    with site.database.read() as session:
        rows = [user_row(user, len(open_sessions(session, user.id, now)), who.user_id) for user in users.users(session)]
    ctx = users_page(rows, fields or {}, complaint, adding=adding)
    return admin_page(request, "pages/admin/users.html", ctx, status=complaint.status if complaint else 200)
