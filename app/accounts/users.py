"""Users: adding, changing, disabling. At least one administrator always remains, and every act is in the audit log."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts import audit, passwords, second_factor
from app.accounts.audit import Actor
from app.accounts.roles import Role
from app.accounts.sessions import end_sessions
from app.accounts.tables import User
from app.errors import InvalidInput, NotFound

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,79}")
_FIRST_PASSWORD_BYTES = 15


def normalised(name: str) -> str:
    """A name as it is kept: without spaces around it, in lower case."""
    return name.strip().casefold()


def is_name(name: str) -> bool:
    """Whether a user could be called so: two characters or more, none of which a database or a page could stumble over."""
    return _NAME.fullmatch(name) is not None


def first_password() -> str:
    """A password to hand over to a new user, who must change it."""
    return secrets.token_urlsafe(_FIRST_PASSWORD_BYTES)


def add_user(session: Session, name: str, role: Role, password_hash: str, by: Actor, now: datetime, *, must_change: bool) -> User:
    """Adds a user. Raises InvalidInput for a name that is none or taken."""
    name = normalised(name)
    if not is_name(name):
        raise InvalidInput("use 2 to 80 letters, digits or . _ @ + -, as in ada or ada@example.org", "name")
    if session.scalars(select(User.id).where(User.name == name)).first():
        raise InvalidInput(f"there is a user called '{name}' already", "name")
    user = User(name=name, role=role, password_hash=password_hash, must_change_password=must_change, created_at=now)
    session.add(user)
    audit.note(session, by, "user.add", name, f"role {role}", at=now)
    return user


def users(session: Session) -> Sequence[User]:
    """Every user by name, the disabled ones too."""
    return session.scalars(select(User).order_by(User.name)).all()


def user_named(session: Session, name: str) -> User:
    """The user of that name. Raises NotFound."""
    found = session.scalars(select(User).where(User.name == normalised(name))).first()
    if found is None:
        raise NotFound(f"there is no user called '{name[:80]}'")
    return found


def set_role(session: Session, user: User, role: Role, by: Actor, now: datetime) -> None:
    """Changes what a user may do. Raises InvalidInput where no administrator would remain."""
    if user.role == role:
        return
    if role != "admin":
        _keep_an_administrator(session, user, "role")
    audit.note(session, by, "user.role", user.name, f"{user.role} becomes {role}", at=now)
    user.role = role


def disable(session: Session, user: User, by: Actor, now: datetime) -> None:
    """Ends the user's sessions and keeps them out. Raises InvalidInput where no administrator would remain."""
    if user.disabled_at:
        return
    _keep_an_administrator(session, user, "name")
    user.disabled_at = now
    ended = end_sessions(session, user.id)
    audit.note(session, by, "user.disable", user.name, f"{ended} sessions ended", at=now)


def enable(session: Session, user: User, by: Actor, now: datetime) -> None:
    """Lets a disabled user in again."""
    if user.disabled_at:
        user.disabled_at = None
        audit.note(session, by, "user.enable", user.name, at=now)


def set_password(session: Session, user: User, password_hash: str, by: Actor, now: datetime, *, must_change: bool) -> None:
    """Gives the user another password and ends every session of theirs."""
    user.password_hash, user.must_change_password = password_hash, must_change
    ended = end_sessions(session, user.id)
    audit.note(session, by, "user.password", user.name, f"{ended} sessions ended", at=now)


def reset_second_factor(session: Session, user: User, by: Actor, now: datetime) -> None:
    """Lets a user who lost the authenticator sign in with the password alone."""
    if second_factor.is_on(user):
        second_factor.switch_off(session, user)
        audit.note(session, by, "user.second-factor", user.name, "switched off by an administrator", at=now)


def checked_hash(password: str, user_name: str) -> str:
    """The hash of a password that a person chose. Raises InvalidInput where it is too weak, Busy."""
    passwords.check_password(password, user_name)
    return passwords.hash_password(password)


def _keep_an_administrator(session: Session, user: User, path: str) -> None:
    others = select(func.count()).select_from(User).where(User.role == "admin", User.disabled_at.is_(None), User.id != user.id)
    if user.role == "admin" and not session.scalar(others):
        raise InvalidInput(f"'{user.name}' is the only administrator; make somebody else one first", path)
