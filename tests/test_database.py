"""Transactions: many at a time, none lost, none half done, and one clear answer where the database cannot."""

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, literal, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from app import database as module
from app.database import Database, ExactDecimal, UtcTime, writing_engine
from app.errors import Busy
from tests.databases import database as database
from tests.databases import database_url as database_url
from tests.databases import migrated_file as migrated_file
from tests.databases import migrated_postgres as migrated_postgres
from tests.databases import sqlite_database as sqlite_database
from tests.databases import sqlite_url as sqlite_url

THREADS, ROUNDS = 8, 50


@pytest.fixture
def counter(database: Database) -> Database:
    """A database with a table of one number, 0."""
    with database.write() as session:
        session.execute(text("CREATE TABLE counter (value INTEGER NOT NULL)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))
    return database


def count(database: Database) -> int:
    with database.read() as session:
        return int(session.scalar(text("SELECT value FROM counter")) or 0)


def count_up(database: Database) -> None:
    """Reads, then writes what it read plus one: what is lost where two do so at once."""
    with database.write() as session:
        value = session.scalar(text("SELECT value FROM counter"))
        session.execute(text("UPDATE counter SET value = :value"), {"value": value + 1})


def in_threads(act: Callable[[], None], threads: int = THREADS) -> list[BaseException]:
    """Runs `act` in many threads at once; what they raised."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            act()
        except (Busy, DBAPIError) as error:
            raised.append(error)

    started = [threading.Thread(target=guarded) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return raised


def test_threads_that_read_and_then_write_lose_nothing_and_never_see_a_lock(counter: Database) -> None:
    def act() -> None:
        for _ in range(ROUNDS):
            count_up(counter)

    assert in_threads(act) == []
    assert count(counter) == THREADS * ROUNDS


def _count_up_often(url: str, rounds: int) -> None:
    database = Database(url)
    for _ in range(rounds):
        count_up(database)
    database.close()


def test_processes_that_read_and_then_write_lose_nothing(counter: Database) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count_up_often, args=(counter.url, ROUNDS)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert count(counter) == 2 * ROUNDS


def test_readers_go_on_while_somebody_writes_and_see_what_was_there_before(counter: Database) -> None:
    with counter.write() as session:
        session.execute(text("UPDATE counter SET value = 7"))
        assert count(counter) == 0
    assert count(counter) == 7


def test_a_read_sees_one_moment(counter: Database) -> None:
    with counter.read() as session:
        before = session.scalar(text("SELECT value FROM counter"))
        count_up(counter)
        assert session.scalar(text("SELECT value FROM counter")) == before
    assert count(counter) == before + 1


def test_an_exception_undoes_the_whole_write(counter: Database) -> None:
    def write_and_fail() -> None:
        with counter.write() as session:
            session.execute(text("UPDATE counter SET value = 7"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert count(counter) == 0
    count_up(counter)
    assert count(counter) == 1


def test_a_read_cannot_write(counter: Database) -> None:
    with pytest.raises(DBAPIError), counter.read() as session:
        session.execute(text("UPDATE counter SET value = 7"))
    assert count(counter) == 0


def test_rows_that_refer_to_nothing_are_refused(database: Database) -> None:
    with pytest.raises(DBAPIError), database.write() as session:
        session.execute(text("INSERT INTO withdrawal (id, revision_id, price_id) VALUES (1, 99, 99)"))


def test_a_writer_that_waits_too_long_is_told_to_come_back(counter: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    with counter.write():
        started = time.monotonic()
        assert [type(error) for error in in_threads(lambda: count_up(counter), threads=1)] == [Busy]
        assert time.monotonic() - started < 2
    count_up(counter)
    assert count(counter) == 1


def test_a_database_locked_by_another_process_is_busy_and_recovers(counter: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 1)
    monkeypatch.setattr(module, "_SQLITE_PRAGMAS", ("busy_timeout=50",))
    impatient = Database(counter.url)
    with counter.write() as session:
        session.execute(text("UPDATE counter SET value = 1"))
        with pytest.raises(Busy, match="nothing was changed"):
            count_up(impatient)
    count_up(impatient)
    impatient.close()
    assert count(counter) == 2


def test_a_full_disk_is_busy_leaves_everything_as_it_was_and_recovers(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        session.execute(text("CREATE TABLE pile (stuff TEXT)"))
        limit = int(session.scalar(text("PRAGMA page_count")) or 0) + 4
        session.execute(text(f"PRAGMA max_page_count = {limit}"))
    with pytest.raises(Busy, match="full"), sqlite_database.write() as session:
        session.execute(text("INSERT INTO pile VALUES (:stuff)"), [{"stuff": "x" * 4000} for _ in range(50)])
    with sqlite_database.write() as session:
        assert session.scalar(text("SELECT count(*) FROM pile")) == 0
        session.execute(text("PRAGMA max_page_count = 1000000"))
        session.execute(text("INSERT INTO pile VALUES ('small')"))
    with sqlite_database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM pile")) == 1


def test_more_readers_than_connections_are_told_to_come_back(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POOL_SIZE", 1)
    monkeypatch.setattr(module, "POOL_WAIT_SECONDS", 0.05)
    narrow = Database(sqlite_url)
    with narrow.read() as session:
        session.execute(select(literal(1)))
        with pytest.raises(Busy), narrow.read() as second:
            second.execute(select(literal(1)))
    narrow.close()


def test_a_wrong_statement_is_not_called_busy(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as session:
        session.execute(text("SELECT nonsense FROM nowhere"))


def test_sqlite_is_set_up_to_keep_what_it_acknowledged(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        found = {name: session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}


def test_the_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'not' / 'yet' / 'rigwise.sqlite'}")
    with database.write() as session:
        session.execute(text("CREATE TABLE something (value INTEGER)"))
    database.close()
    assert (tmp_path / "not" / "yet" / "rigwise.sqlite").is_file()


def test_a_sqlite_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 2))
    with pytest.raises(RuntimeError, match="too old"):
        writing_engine("sqlite:///unused.sqlite")


SAMPLE = Table("sample", MetaData(), Column("id", Integer, primary_key=True), Column("at", UtcTime), Column("amount", ExactDecimal))


@pytest.fixture
def samples(database: Database) -> Database:
    """A database with one column of each type of ours."""
    with database.write() as session:
        SAMPLE.create(session.connection())
    return database


def test_moments_come_back_in_utc_to_the_second(samples: Database) -> None:
    tokyo = datetime(2026, 11, 21, 7, 54, 3, 999, tzinfo=timezone(timedelta(hours=9)))
    with samples.write() as session:
        session.execute(insert(SAMPLE), [{"at": tokyo}, {"at": None}])
    with samples.read() as session:
        assert session.scalars(select(SAMPLE.c.at)).all() == [datetime(2026, 11, 20, 22, 54, 3, tzinfo=UTC), None]


def test_a_moment_without_a_time_zone_is_refused(samples: Database) -> None:
    with pytest.raises(StatementError, match="time zone"), samples.write() as session:
        session.execute(insert(SAMPLE), {"at": datetime(2026, 11, 20)})  # noqa: DTZ001  (that is the point)


@pytest.mark.parametrize("amount", ["0.1", "17365.9", "1E+2", "0.00000000001", "123456789012345678.12345678", "-5.50"])
def test_decimal_numbers_come_back_digit_by_digit(samples: Database, amount: str) -> None:
    with samples.write() as session:
        session.execute(insert(SAMPLE), {"amount": Decimal(amount)})
    with samples.read() as session:
        assert session.scalar(select(SAMPLE.c.amount)) == Decimal(amount)
