"""One's own account: password, second factor, sessions."""

from dataclasses import dataclass
from datetime import datetime

import segno

from app.accounts.account import Account
from app.accounts.passwords import SHORTEST
from app.accounts.sessions import SignedIn
from app.errors import InvalidInput
from app.web.contexts.admin.fields import AdminField, AdminForm, form_of

_PASSWORD_FIELDS = (
    AdminField(
        name="current_password", label="Current password", kind="password", autocomplete="current-password", required=True, wide=True
    ),
    AdminField(
        name="password", label="New password", kind="password", autocomplete="new-password", required=True, wide=True,
        hint=f"{SHORTEST} characters or more; a few words that do not belong together are easy to remember",
    ),
    AdminField(name="password_again", label="New password again", kind="password", autocomplete="new-password", required=True, wide=True),
)  # fmt: skip
_CODE_FIELDS = (
    AdminField(name="code", label="Code", required=True, autocomplete="one-time-code", hint="the six digits that the app shows now"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One browser in which the user is signed in."""

    handle: str
    client: str
    network: str
    opened: str
    seen: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """Context of pages/admin/account.html."""

    name: str
    must_change_password: bool
    password: AdminForm
    second_factor_since: str
    recovery_codes_left: int
    sessions: tuple[SessionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentPage:
    """Context of pages/admin/second_factor.html."""

    picture: str  # the QR code as an SVG in a data: address
    secret: str
    form: AdminForm


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesPage:
    """Context of pages/admin/recovery_codes.html."""

    codes: tuple[str, ...]


def account_page(who: SignedIn, account: Account, complaint: InvalidInput | None = None) -> AccountPage:
    """The account as it is now."""
    return AccountPage(
        name=who.name,
        must_change_password=who.must_change_password,
        password=form_of(_PASSWORD_FIELDS, complaint=complaint),
        second_factor_since=account.second_factor_since.date().isoformat() if account.second_factor_since else "",
        recovery_codes_left=account.recovery_codes_left,
        sessions=tuple(
            SessionView(
                handle=one.handle,
                client=one.client,
                network=one.network,
                opened=moment(one.opened_at),
                seen=moment(one.seen_at),
                current=one.handle == who.handle,
            )
            for one in account.sessions
        ),
    )


def enrolment_page(address: str, secret: str, complaint: InvalidInput | None = None) -> EnrolmentPage:
    """The QR code of an otpauth:// address, and its secret for typing."""
    picture = segno.make(address, micro=False).svg_data_uri(scale=5, border=2, light="white")
    grouped = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return EnrolmentPage(picture=picture, secret=grouped, form=form_of(_CODE_FIELDS, complaint=complaint))


def moment(at: datetime) -> str:
    """A moment to the minute: "2026-11-21 02:14 UTC"."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
