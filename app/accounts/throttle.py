"""How often somebody may try a password.

Every attempt is written down as failed before the password is looked at, and as succeeded afterwards: attempts that are made
at the same time count as well. After the free failures each further one doubles the wait, from one minute to one hour. The
waits are in the database, so that starting the program again does not end them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.accounts.tables import SignInAttempt
from app.errors import TooMany

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How many failures are free within a window. A success of the account wipes its own slate, never the network's."""

    column: InstrumentedAttribute[str]
    free: int
    window: timedelta
    forgiven_by_success: bool


PER_ACCOUNT = Allowance(column=SignInAttempt.account, free=5, window=timedelta(hours=24), forgiven_by_success=True)
PER_NETWORK = Allowance(column=SignInAttempt.network, free=20, window=timedelta(hours=1), forgiven_by_success=False)


def begin_attempt(session: Session, name: str, network: str, now: datetime) -> int:
    """Writes an attempt down as failed and returns its number. Raises TooMany where the name or the network must wait."""
    account = account_key(name)
    wait = max(_wait(session, PER_ACCOUNT, account, now), _wait(session, PER_NETWORK, network, now))
    if wait > timedelta(0):
        seconds = int(wait.total_seconds()) + 1
        minutes = -(-seconds // 60)
        raise TooMany(f"too many attempts; try again in {minutes} minute{'s' if minutes > 1 else ''}", seconds)
    session.execute(delete(SignInAttempt).where(SignInAttempt.at < now - KEPT))
    attempt = SignInAttempt(at=now, account=account, network=network)
    session.add(attempt)
    session.flush()
    return attempt.id


def mark_succeeded(session: Session, attempt: int) -> None:
    """The attempt was right after all."""
    session.get_one(SignInAttempt, attempt).succeeded = True


def account_key(name: str) -> str:
    """What stands for a name in the table of attempts."""
    return hashlib.sha256(name.encode()).hexdigest()


def _wait(session: Session, allowance: Allowance, key: str, now: datetime) -> timedelta:
    """How long the account or network still has to wait."""
    recent = (allowance.column == key, SignInAttempt.at > now - allowance.window)
    query = select(SignInAttempt.at, SignInAttempt.succeeded).where(*recent).order_by(SignInAttempt.id.desc())
    failures = _failures([(at, succeeded) for at, succeeded in session.execute(query)], allowance)
    if len(failures) < allowance.free:
        return timedelta(0)
    doublings = min(len(failures) - allowance.free, 10)
    doubled: timedelta = FIRST_WAIT * 2**doublings
    return min(doubled, LONGEST_WAIT) - (now - failures[0])


def _failures(attempts: Sequence[tuple[datetime, bool]], allowance: Allowance) -> list[datetime]:
    """The moments of the failures that count, newest first."""
    counted: list[datetime] = []
    for at, succeeded in attempts:
        if succeeded and allowance.forgiven_by_success:
            break
        if not succeeded:
            counted.append(at)
    return counted
