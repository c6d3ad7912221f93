"""What users do with their own account: password, second factor, sessions. All of it is in the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.accounts import audit, second_factor
from app.accounts.sessions import OpenSession, SignedIn, end_sessions, open_session, open_sessions
from app.accounts.sign_in import SignInRefused, confirm
from app.accounts.tables import User
from app.accounts.users import checked_hash, set_password
from app.accounts.visitor import Visitor
from app.database import Database
from app.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One's own account as it is now."""

    sessions: Sequence[OpenSession]
    second_factor_since: datetime | None
    recovery_codes_left: int


def account_of(database: Database, who: SignedIn, now: datetime) -> Account:
    """The account of the signed-in user."""
    with database.read() as session:
        user = session.get_one(User, who.user_id)
        return Account(
            sessions=open_sessions(session, user.id, now),
            second_factor_since=user.totp_confirmed_at,
            recovery_codes_left=second_factor.recovery_codes_left(session, user.id),
        )


def change_password(database: Database, who: SignedIn, current: str, chosen: str, visitor: Visitor, now: datetime) -> str:
    """Changes the password, ends every session and returns the token of a new one.

    Raises InvalidInput where the current password is wrong or the chosen one too weak, TooMany, Busy.
    """
    try:
        confirm(database, who, current, now)
    except SignInRefused:
        raise InvalidInput("this is not your current password", "current_password") from None
    if chosen == current:
        raise InvalidInput("this is the password that you have; choose another", "password")
    password_hash = checked_hash(chosen, who.name)
    with database.write() as session:
        user = session.get_one(User, who.user_id)
        set_password(session, user, password_hash, who.actor, now, must_change=False)
        return open_session(session, user, visitor, now)


def begin_second_factor(database: Database, who: SignedIn) -> None:
    """Makes a new secret for the authenticator. Raises InvalidInput where a second factor is on already."""
    with database.write() as session:
        user = session.get_one(User, who.user_id)
        if second_factor.is_on(user):
            raise InvalidInput("the second factor is on already; switch it off first to set up another authenticator")
        second_factor.begin_enrolment(user)


def pending_enrolment(database: Database, who: SignedIn) -> tuple[str, str] | None:
    """The address for the QR code and the secret to type instead, while the first code is awaited."""
    with database.read() as session:
        user = session.get_one(User, who.user_id)
        if user.totp_secret is None or second_factor.is_on(user):
            return None
        return second_factor.provisioning_address(user), user.totp_secret


def finish_second_factor(database: Database, who: SignedIn, code: str, now: datetime) -> tuple[str, ...]:
    """Switches the second factor on and returns the recovery codes. Raises InvalidInput for a wrong code."""
    with database.write() as session:
        codes = second_factor.finish_enrolment(session, session.get_one(User, who.user_id), code, now)
        audit.note(session, who.actor, "account.second-factor", who.name, "switched on", at=now)
        return codes


def renew_recovery_codes(database: Database, who: SignedIn, now: datetime) -> tuple[str, ...]:
    """New recovery codes instead of the old ones."""
    with database.write() as session:
        codes = second_factor.renew_recovery_codes(session, session.get_one(User, who.user_id))
        audit.note(session, who.actor, "account.recovery-codes", who.name, "renewed", at=now)
        return codes


def switch_second_factor_off(database: Database, who: SignedIn, now: datetime) -> None:
    """Signing in needs the password alone again."""
    with database.write() as session:
        second_factor.switch_off(session, session.get_one(User, who.user_id))
        audit.note(session, who.actor, "account.second-factor", who.name, "switched off", at=now)


def end_own_session(database: Database, who: SignedIn, handle: str, now: datetime) -> None:
    """Ends one of the user's sessions."""
    with database.write() as session:
        if end_sessions(session, who.user_id, handle=handle):
            audit.note(session, who.actor, "account.session", who.name, "one session ended", at=now)


def end_other_sessions(database: Database, who: SignedIn, now: datetime) -> None:
    """Ends every session of the user but this one."""
    with database.write() as session:
        ended = end_sessions(session, who.user_id, but=who.token_hash)
        audit.note(session, who.actor, "account.session", who.name, f"{ended} other sessions ended", at=now)
