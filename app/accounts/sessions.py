"""Sessions on the server: a random token in the cookie, its hash in the table, an end after idleness and after a day's work."""

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.audit import Actor
from app.accounts.tables import User, UserSession
from app.accounts.visitor import Visitor
from app.database import Database
from app.errors import Busy

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
CONFIRMED_FOR = timedelta(minutes=10)
"""How long after typing the password dangerous acts need no further one."""

_SEEN_EVERY = timedelta(minutes=1)  # how exactly it is kept when a session was last used: a write for each request is too much
_TOKEN_BYTES = 32
_HANDLE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """The user behind a request."""

    user_id: int
    name: str
    role: str
    must_change_password: bool
    token_hash: str
    confirmed_at: datetime
    network: str

    @property
    def actor(self) -> Actor:
        """The user as the audit log names them."""
        return Actor(name=self.name, network=self.network)

    @property
    def handle(self) -> str:
        """What stands for this session in a list."""
        return self.token_hash[:_HANDLE]

    def is_confirmed(self, now: datetime) -> bool:
        """Whether the password was typed not long ago."""
        return timedelta(0) <= now - self.confirmed_at < CONFIRMED_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """One browser in which somebody is signed in."""

    handle: str
    opened_at: datetime
    seen_at: datetime
    client: str
    network: str


def open_session(session: Session, user: User, visitor: Visitor, now: datetime) -> str:
    """Signs the user in and returns the token for the cookie."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    moments = {"opened_at": now, "seen_at": now, "confirmed_at": now}
    session.execute(delete(UserSession).where(UserSession.opened_at <= now - LONGEST))
    session.add(UserSession(token_hash=_hashed(token), user_id=user.id, network=visitor.network, client=visitor.client, **moments))
    return token


def find_session(database: Database, token: str, visitor: Visitor, now: datetime) -> SignedIn | None:
    """Who is signed in with a token, None where nobody is: unknown, ended, too old or the user disabled."""
    with database.read() as session:
        row = session.get(UserSession, _hashed(token))
        user = session.get(User, row.user_id) if row else None
        if row is None or user is None:
            return None
        session.expunge_all()
    if user.disabled_at or abs(now - row.seen_at) >= IDLE or abs(now - row.opened_at) >= LONGEST:
        with suppress(Busy):
            end_session(database, row.token_hash)
        return None
    if now - row.seen_at >= _SEEN_EVERY:
        with suppress(Busy):  # whoever only reads must not wait for a long import
            _see(database, row.token_hash, now)
    return SignedIn(
        user_id=user.id,
        name=user.name,
        role=user.role,
        must_change_password=user.must_change_password,
        token_hash=row.token_hash,
        confirmed_at=row.confirmed_at,
        network=visitor.network,
    )


def end_session(database: Database, token_hash: str) -> None:
    """Ends one session."""
    with database.write() as session:
        session.execute(delete(UserSession).where(UserSession.token_hash == token_hash))


def end_session_of(database: Database, token: str) -> None:
    """Ends the session of a token, if it is one."""
    if token:
        end_session(database, _hashed(token))


def end_sessions(session: Session, user_id: int, *, handle: str = "", but: str = "") -> int:
    """Ends the user's sessions: all, the one of a handle, or all but that of the hash `but`. Returns how many there were."""
    query = delete(UserSession).where(UserSession.user_id == user_id, UserSession.token_hash != but)
    if handle:
        query = query.where(UserSession.token_hash.startswith(handle, autoescape=True))
    ended = session.execute(query.returning(UserSession.token_hash)).all()
    return len(ended)


def confirm_session(session: Session, token_hash: str, now: datetime) -> None:
    """The password was just typed again."""
    row = session.get(UserSession, token_hash)
    if row is not None:
        row.confirmed_at = now


def open_sessions(session: Session, user_id: int, now: datetime) -> Sequence[OpenSession]:
    """The user's sessions that have not ended, the one used last first."""
    live = (UserSession.user_id == user_id, UserSession.seen_at > now - IDLE, UserSession.opened_at > now - LONGEST)
    rows = session.scalars(select(UserSession).where(*live).order_by(UserSession.seen_at.desc()))
    return [
        OpenSession(handle=row.token_hash[:_HANDLE], opened_at=row.opened_at, seen_at=row.seen_at, client=row.client, network=row.network)
        for row in rows
    ]


def _see(database: Database, token_hash: str, now: datetime) -> None:
    with database.write() as session:
        row = session.get(UserSession, token_hash)
        if row is not None:
            row.seen_at = now


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
