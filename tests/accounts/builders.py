"""Users, visitors and moments for tests: one line each, everything that does not matter filled in."""

from datetime import UTC, datetime, timedelta
from functools import cache

from app.accounts.audit import COMMAND_LINE
from app.accounts.passwords import hash_password
from app.accounts.roles import Role
from app.accounts.sessions import SignedIn, find_session
from app.accounts.sign_in import Credentials, sign_in
from app.accounts.tables import User
from app.accounts.users import add_user, user_named
from app.accounts.visitor import Visitor
from app.database import Database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSWORD = "plum harbour kettle zebra"
HERE = Visitor(network="203.0.113.0/24", client="Firefox on Linux")


@cache
def _hash() -> str:
    return hash_password(PASSWORD)


def added(database: Database, name: str = "ada", role: Role = "admin", *, must_change: bool = False) -> str:
    """A user with the password of this module; the name."""
    with database.write() as session:
        add_user(session, name, role, _hash(), COMMAND_LINE, NOON, must_change=must_change)
    return name


def token_for(database: Database, name: str = "ada", at: datetime = NOON, visitor: Visitor = HERE, *, code: str = "") -> str:
    """The token of a new session."""
    return sign_in(database, Credentials(name=name, password=PASSWORD, code=code), visitor, at)


def signed_in(database: Database, name: str = "ada", at: datetime = NOON) -> SignedIn:
    """The user in a new session."""
    found = find_session(database, token_for(database, name, at), HERE, at)
    assert found is not None
    return found


def user(database: Database, name: str = "ada") -> User:
    """The row of a user."""
    with database.read() as session:
        row = user_named(session, name)
        session.expunge(row)
        return row


def later(**units: float) -> datetime:
    """A moment after noon."""
    return NOON + timedelta(**units)
