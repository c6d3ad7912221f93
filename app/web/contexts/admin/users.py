"""The users as administrators see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from app.accounts.roles import Role
from app.accounts.tables import User
from app.errors import InvalidInput
from app.web.contexts.admin.fields import AdminField, AdminForm, form_of

_ROLES = {"editor": "editor: items, prices, imports, rates", "admin": "admin: also rollback, audit log and users"}
_FIELDS = (
    AdminField(name="name", label="Name", required=True, hint="as in ada or ada@example.org"),
    AdminField(name="role", label="Role", kind="select", choices=tuple((role, _ROLES[role]) for role in get_args(Role))),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """One user."""

    name: str
    role: str
    since: str
    disabled: bool
    second_factor: bool
    must_change_password: bool
    sessions: int
    oneself: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersPage:
    """Context of pages/admin/users.html."""

    rows: tuple[UserRow, ...]
    form: AdminForm
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPasswordPage:
    """Context of pages/admin/first_password.html."""

    name: str
    password: str
    new: bool


def user_row(user: User, sessions: int, own_id: int) -> UserRow:
    """A user as shown."""
    return UserRow(
        name=user.name,
        role=user.role,
        since=user.created_at.date().isoformat(),
        disabled=user.disabled_at is not None,
        second_factor=user.totp_confirmed_at is not None,
        must_change_password=user.must_change_password,
        sessions=sessions,
        oneself=user.id == own_id,
    )


def users_page(rows: Sequence[UserRow], values: Mapping[str, str], complaint: InvalidInput | None, *, adding: bool) -> UsersPage:
    """The users and the form for another one; a complaint about an act on one of them stands above."""
    return UsersPage(
        rows=tuple(rows),
        form=form_of(_FIELDS, values if adding else {}, complaint if adding else None),
        error=str(complaint.errors[0].message) if complaint and not adding else "",
    )
