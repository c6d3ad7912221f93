"""Signing in, confirming the password, signing out.

Whoever fails learns nothing but that name, password and code do not belong together: the sentence, the work done and the
time taken are the same for an unknown name, a wrong password, a wrong code and a disabled user.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.accounts import audit, passwords, second_factor
from app.accounts.audit import Actor
from app.accounts.sessions import SignedIn, confirm_session, open_session
from app.accounts.tables import User
from app.accounts.throttle import begin_attempt, mark_succeeded
from app.accounts.users import is_name, normalised
from app.accounts.visitor import Visitor
from app.database import Database
from app.errors import Busy, RigwiseError

AT_THE_DOOR = 8  # passwords being checked or waiting for it, of the 16 threads that answer requests
STRANGER = "somebody"  # the log does not keep names that are none: people type passwords there


_door = threading.BoundedSemaphore(AT_THE_DOOR)


class SignInRefused(RigwiseError):
    """Name, password and code do not belong together."""

    title = "Not signed in"
    status = 403

    def __init__(self) -> None:
        super().__init__("name, password and code do not belong together; check each, and whether caps lock is on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody signs in with. The code is empty where no second factor is set up."""

    name: str
    password: str
    code: str = ""


def sign_in(database: Database, offered: Credentials, visitor: Visitor, now: datetime) -> str:
    """The token of a new session. Raises SignInRefused, TooMany where one must wait, Busy."""
    with _at_the_door():
        return _sign_in(database, offered, visitor, now)


def _sign_in(database: Database, offered: Credentials, visitor: Visitor, now: datetime) -> str:
    typed = normalised(offered.name)
    name = typed if is_name(typed) else ""
    with database.write() as session:
        attempt = begin_attempt(session, typed, visitor.network, now)
        known = session.scalars(select(User.password_hash).where(User.name == name)).first()
    right = passwords.matches(known, offered.password)
    with database.write() as session:
        user = session.scalars(select(User).where(User.name == name)).first()
        welcome = right and user is not None and not user.disabled_at and user.password_hash == known
        if user is None or not welcome or not second_factor.accepts(session, user, offered.code, now):
            refused = Actor(name=user.name if user else STRANGER, network=visitor.network)
            audit.note(session, refused, "sign-in.refused", at=now)
            token = ""
        else:
            mark_succeeded(session, attempt)
            audit.note(session, Actor(name=user.name, network=visitor.network), "sign-in.done", detail=visitor.client, at=now)
            token = open_session(session, user, visitor, now)
    if not token:
        raise SignInRefused
    return token


def confirm(database: Database, who: SignedIn, password: str, now: datetime) -> None:
    """Lets the user do dangerous acts for a while. Raises SignInRefused for a wrong password, TooMany, Busy."""
    with _at_the_door():
        with database.write() as session:
            attempt = begin_attempt(session, who.name, who.network, now)
            known = session.get_one(User, who.user_id).password_hash
        right = passwords.matches(known, password)
    with database.write() as session:
        audit.note(session, who.actor, "password.confirmed" if right else "password.refused", at=now)
        if right:
            mark_succeeded(session, attempt)
            confirm_session(session, who.token_hash, now)
    if not right:
        raise SignInRefused


@contextmanager
def _at_the_door() -> Iterator[None]:
    """One of those whose password is being checked. Raises Busy where there are too many: they would keep readers waiting."""
    if not _door.acquire(blocking=False):
        raise Busy("many people are signing in at this moment; please try again")
    try:
        yield
    finally:
        _door.release()
