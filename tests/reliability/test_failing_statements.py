"""Every statement of every act that changes something fails once: nothing may be left half done, and the next try succeeds.

Not sampled: for each act, statement 1 fails, then statement 2, and so on to the commit.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from app.backup.integrity import problems_of
from app.catalogue.facts import Changes
from app.catalogue.history import current_revision
from app.catalogue.reversal import reversal_of
from app.catalogue.revisions import record
from app.catalogue.seed import seed
from app.database import Base, Database
from app.errors import Busy
from app.results.permalinks import save_result
from tests.catalogue.builders import item, occasion, price, rate

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
Act = Callable[[Database], object]


def edit(database: Database) -> None:
    changes = Changes(
        items=(item("gpu", "new-card"), item("ram", "new-kit")), prices=(price("new-card", "900"), price("a-card", "800", on="2026-11-02")),
        rates=(rate("GBP", "0.87", on="2026-11-02"),), withdrawn_prices=(price("a-card", "700"),),
    )  # fmt: skip
    with database.write() as session:
        record(session, changes, occasion("import"))


def undo(database: Database) -> None:
    with database.write() as session:
        record(session, reversal_of(session, current_revision(session)).changes, occasion("rollback"))


def share(database: Database) -> None:
    save_result(database, {"workload": 1}, {"picks": []}, revision=1, estimator_version="1", now=NOON)


ACTS: dict[str, tuple[Act, str]] = {
    "an edit": (edit, "SQLITE_IOERR"),
    "an undo": (undo, "SQLITE_FULL"),
    "a share": (share, "SQLITE_BUSY"),
}
"""Each with the way in which its statements fail."""


@pytest.fixture
def begun(database: Database) -> Database:
    """A database with two revisions."""
    with database.write() as session:
        record(session, Changes(items=(item("gpu", "a-card"),), rates=(rate("GBP", "0.86"),)), occasion("seed"))
    with database.write() as session:
        record(session, Changes(prices=(price("a-card", "700"),)), occasion("prices"))
    return database


def state(database: Database) -> dict[str, list[str]]:
    """Every row of every table."""
    with database.read() as session:
        return {name: sorted(repr(tuple(row)) for row in session.execute(text(f"SELECT * FROM {name}"))) for name in Base.metadata.tables}


class Failing:
    """Makes one statement of a writing engine fail: the one of a number, counted from 1; the commit counts as the last."""

    def __init__(self, number: int, name: str) -> None:
        self.number, self.name, self.seen = number, name, 0

    def count(self) -> None:
        self.seen += 1
        if self.seen == self.number:
            error = sqlite3.OperationalError("made to fail")
            error.sqlite_errorname = self.name
            raise error


@contextmanager
def failing(engine: Engine, number: int, name: str) -> Iterator[Failing]:
    failure = Failing(number, name)

    def before(*_: Any) -> None:
        failure.count()

    listened = [(engine, "do_execute"), (engine, "do_executemany"), (engine, "commit")]
    for target, moment in listened:
        event.listen(target, moment, before)
    try:
        yield failure
    finally:
        for target, moment in listened:
            event.remove(target, moment, before)


def succeeded(act: Act, database: Database, number: int, name: str) -> bool:
    """Whether the act came to its end although its statement of this number fails, which means that it has fewer of them."""
    with failing(database._writer, number, name) as failure:
        try:
            act(database)
        except (Busy, sqlite3.OperationalError, DBAPIError):
            return False
    return failure.seen < number


@pytest.mark.parametrize("name", ACTS)
def test_whichever_statement_fails_nothing_is_left_half_done(begun: Database, name: str) -> None:
    act, failure = ACTS[name]
    before, number = state(begun), 1
    while not succeeded(act, begun, number, failure):
        assert state(begun) == before, f"statement {number} failed and left something behind"
        number += 1
    assert number > 2, "nothing was made to fail"
    assert state(begun) != before
    assert problems_of(begun) == ()


def test_a_failing_seed_leaves_an_empty_catalogue_and_the_next_one_works(database: Database) -> None:
    number = 0
    for number in (1, 3, 5, 8):
        with failing(database._writer, number, "SQLITE_FULL"), pytest.raises(Exception, match=r"made to fail|busy or full"):
            seed(database)
        with database.read() as session:
            assert current_revision(session) == 0
    assert seed(database) == 1
    assert problems_of(database) == ()
