"""The database: engines for SQLite and PostgreSQL, transactions for reading and for writing, and the column types of ours.

Reading and writing are apart. A read sees one moment and cannot write. A write starts with the lock, so that what it reads
is still true when it writes: on SQLite `BEGIN IMMEDIATE`, on PostgreSQL an advisory lock; a lock of the process before that
keeps its own threads from waiting unfairly. What cannot be had in time becomes `Busy`, and nothing is changed.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, MetaData, String, TypeDecorator, create_engine, event, inspect, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from app.errors import Busy, Damaged

WAIT_SECONDS = 5
"""How long a writer waits for the lock before it gives up."""

POOL_SIZE = 16
"""Connections for reading; as many as requests are worked on at a time."""

POOL_WAIT_SECONDS = 2
_POOL: dict[str, Any] = {"max_overflow": 0, "pool_timeout": POOL_WAIT_SECONDS, "hide_parameters": True}  # a log may not hold values
OLDEST_SQLITE = (3, 38)

WRITE_LOCK_KEY = 0x52494757  # "RIGW": the advisory lock that writers on PostgreSQL take

_SQLITE_PRAGMAS = (
    f"busy_timeout={WAIT_SECONDS * 1000}",
    "synchronous=FULL",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "mmap_size=0",
    "temp_store=MEMORY",
)
_PASSING_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")
_DAMAGED_SQLITE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_PASSING_SQLSTATES = ("08", "40", "53", "55P03", "57")  # connection, rollback, resources, lock timeout, operator


class Base(DeclarativeBase):
    """Every table, with a name for every constraint: a later migration can change only what has a name."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC to the second, kept as text that sorts: 2026-11-20T22:54:00Z."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Text of an aware moment. Raises ValueError for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """The aware moment."""
        return None if value is None else datetime.fromisoformat(value)


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal number kept digit by digit: SQLite has only floating point."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Text without an exponent or trailing zeros."""
        return None if value is None else format(value.normalize(), "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """The number."""
        return None if value is None else Decimal(value)


class Database:
    """One database. Safe to share between threads; `close` it at the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._reader = reading_engine(url)
        self._writer = writing_engine(url)
        self._write_lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one moment of the database and cannot change it. Raises Busy where none can be had."""
        with _as_our_errors(), Session(self._reader) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """The one writing transaction: committed at the end, rolled back on any exception. Raises Busy where it must wait too long."""
        if not self._write_lock.acquire(timeout=WAIT_SECONDS):
            raise Busy("somebody else is writing; please try again in a moment")
        try:
            with _as_our_errors(), Session(self._writer) as session, session.begin():
                yield session
        finally:
            self._write_lock.release()

    def close(self) -> None:
        """Closes every connection."""
        self._reader.dispose()
        self._writer.dispose()


def has_table(session: Session, table: type[Base]) -> bool:
    """Whether the database has the table already: a backup may be of an older schema."""
    return inspect(session.connection()).has_table(table.__tablename__)


def reading_engine(url: str) -> Engine:
    """An engine whose transactions see one moment and refuse to write."""
    if is_sqlite(url):
        return _sqlite_engine(url, begin="BEGIN", pragmas=("query_only=ON",), pool_size=POOL_SIZE)
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return _postgres_engine(url, POOL_SIZE).execution_options(**options)


def writing_engine(url: str, *, foreign_keys: bool = True) -> Engine:
    """An engine whose transactions hold the write lock from their start. A migration switches foreign keys off."""
    if is_sqlite(url):
        pragmas = ("journal_mode=WAL", "journal_size_limit=67108864", f"foreign_keys={'ON' if foreign_keys else 'OFF'}")
        return _sqlite_engine(url, begin="BEGIN IMMEDIATE", pragmas=pragmas, pool_size=1)
    engine = _postgres_engine(url, 1)

    @event.listens_for(engine, "begin")
    def _lock(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK_KEY})")

    return engine


def is_sqlite(url: str) -> bool:
    """Whether the address is that of an SQLite file."""
    return make_url(url).get_backend_name() == "sqlite"


def _postgres_engine(url: str, pool_size: int) -> Engine:
    return create_engine(url, pool_size=pool_size, **_POOL, pool_pre_ping=True)


def _sqlite_engine(url: str, *, begin: str, pragmas: tuple[str, ...], pool_size: int) -> Engine:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise RuntimeError(f"SQLite {sqlite3.sqlite_version} is too old; {'.'.join(map(str, OLDEST_SQLITE))} or newer is needed")
    if file := make_url(url).database:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=pool_size, **_POOL)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: object) -> None:  # noqa: ARG001  (SQLAlchemy's signature)
        connection.isolation_level = None  # the driver must not begin transactions on its own
        for pragma in (*_SQLITE_PRAGMAS, *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


@contextmanager
def _as_our_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise Busy("too many requests at a time; please try again in a moment") from error
    except DBAPIError as error:
        if _is_passing(error):
            raise Busy("the database is busy or full; nothing was changed, please try again in a moment") from error
        if _sqlite_name(error).startswith(_DAMAGED_SQLITE):
            raise Damaged(f"the database is damaged ({error.orig}); it has to be restored: rigwise restore FILE --replace") from error
        raise


def _is_passing(error: DBAPIError) -> bool:
    """Whether the same request may succeed later: a lock, a full disk, a lost connection; not a wrong statement."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or _sqlite_name(error).startswith(_PASSING_SQLITE) or state.startswith(_PASSING_SQLSTATES)


def _sqlite_name(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlite_errorname", None) or ""
