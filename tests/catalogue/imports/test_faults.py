"""A process that dies, a disk that fills up, a statement that fails: the catalogue is exactly the old or exactly the new one."""

import io
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from itertools import count
from multiprocessing.connection import Connection

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from app.backup.integrity import problems_of
from app.catalogue.history import current_revision
from app.catalogue.imports.apply import import_file, undo_import
from app.catalogue.imports.profiles import Profile
from app.catalogue.seed import seed
from app.database import Database
from app.errors import Busy
from tests.catalogue.imports.shelf import TODAY, exported, imported, moment

KILLS = int(os.environ.get("RIGWISE_KILLS", "5"))  # 100 before a release
ROWS_FOR_EACH_KILL = 50
LONGEST_COMMIT_S = 0.02
ROWS = 5_000
HEADER = "name,price,capacity,price_per_gb,type,cache,form_factor,interface\n"
OBSERVED = Profile(observed_on=TODAY)


def drives(count: int) -> str:
    """A list of drives that are all new."""
    rows = (f"Maker Model {number},{100 + number % 50}.99,{1000 + number},,SSD,,M.2-2280,M.2 PCIe 4.0 X4\n" for number in range(count))
    return HEADER + "".join(rows)


@pytest.fixture
def seeded(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    seed(database)
    yield database
    database.close()


def revision_of(database: Database) -> int:
    with database.read() as session:
        return current_revision(session)


AT_COMMIT, ACKNOWLEDGED = "at commit", "acknowledged"
Moment = int | str
"""When an importing process dies: before its n-th statement, when it asks for the commit, or once it was told that all is recorded."""


def _import_and_die(url: str, file: bytes, moment_of_death: Moment, told: Connection) -> None:
    """Imports and kills itself without a word; at the commit it is killed from outside, at a moment that nobody chose."""
    database, statements = Database(url), count(1)

    def before_statement(*_: object) -> None:
        if next(statements) == moment_of_death:
            os.kill(os.getpid(), signal.SIGKILL)

    def before_commit(*_: object) -> None:
        if moment_of_death == AT_COMMIT:
            told.send(None)

    event.listen(database._writer, "before_cursor_execute", before_statement)
    event.listen(database._writer, "commit", before_commit)
    import_file(database, io.BytesIO(file), OBSERVED, moment())
    if moment_of_death == ACKNOWLEDGED:
        os.kill(os.getpid(), signal.SIGKILL)
    if moment_of_death == AT_COMMIT:
        told.recv()  # nobody answers: it waits to be killed


def _moments_of_death(kills: int, statements: int) -> list[Moment]:
    """A fifth once it is acknowledged, two fifths at the commit, the rest spread evenly over the statements."""
    early = max(1, 2 * kills // 5)
    spread: list[Moment] = [1 + index * (statements - 1) // max(1, early - 1) for index in range(early)]
    late: list[Moment] = [ACKNOWLEDGED] * max(1, kills // 5)
    return [*spread, *late, *[AT_COMMIT] * (kills - len(spread) - len(late))]


def _statements_of(database: Database, file: bytes) -> int:
    """How many statements an import of this file takes."""
    seen: list[object] = []
    count_one = lambda *given: seen.append(given[2])  # noqa: E731  (the very same object is taken away again)
    event.listen(database._writer, "before_cursor_execute", count_one)
    import_file(database, io.BytesIO(file), OBSERVED, moment())
    event.remove(database._writer, "before_cursor_execute", count_one)
    return len(seen)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_import_killed_anywhere_leaves_the_old_or_the_new_catalogue(database: Database) -> None:
    seed(database)
    file, before = drives(KILLS * ROWS_FOR_EACH_KILL).encode(), exported(database)
    import_file(database, io.BytesIO(file), OBSERVED, moment())
    after = exported(database)
    undo_import(database, 1, moment())
    statements = _statements_of(database, file)  # of the second time: what was undone is known already
    undo_import(database, 2, moment())
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["app.catalogue.imports.apply", "app.catalogue.seed", "tests.catalogue.imports.shelf"])
    outcomes = {before: 0, after: 0}
    for moment_of_death in _moments_of_death(KILLS, statements):
        number, (here, there) = revision_of(database), context.Pipe()
        process = context.Process(target=_import_and_die, args=(database.url, file, moment_of_death, there))
        process.start()
        if moment_of_death == AT_COMMIT:
            here.recv()
            time.sleep(random.uniform(0, LONGEST_COMMIT_S))
            process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it was to die"
        with database.write():
            pass  # a server may still be at work on what the dead process asked for
        now = exported(database)
        outcomes[now] += 1  # a third state is a KeyError
        assert revision_of(database) == number + (now == after)
        assert problems_of(database) == ()
        assert moment_of_death == AT_COMMIT or (now == after) == (moment_of_death == ACKNOWLEDGED)
        if now == after:
            with database.read() as session:
                batch = session.scalar(text("SELECT max(id) FROM import_batch"))
            undo_import(database, batch, moment())
    print(f"{KILLS} kills over {statements} statements: {outcomes[before]} left the old catalogue, {outcomes[after]} the new one")
    assert min(outcomes.values()) > 0


def test_a_full_disk_leaves_the_old_catalogue_and_the_next_try_succeeds(seeded: Database) -> None:
    before = exported(seeded)
    with seeded.write() as session:
        pages = session.scalar(text("PRAGMA page_count"))
        session.execute(text(f"PRAGMA max_page_count = {pages + 40}"))
    with pytest.raises(Busy, match="busy or full; nothing was changed"):
        imported(seeded, drives(ROWS), OBSERVED)
    assert exported(seeded) == before
    assert problems_of(seeded) == ()
    with seeded.write() as session:
        session.execute(text("PRAGMA max_page_count = 1073741823"))
    assert imported(seeded, drives(ROWS), OBSERVED).run.counts["new"] == ROWS


def test_whichever_statement_fails_nothing_is_half_done(seeded: Database) -> None:
    """Every statement of an import and of its undoing fails once."""
    file, before = drives(30).encode(), exported(seeded)
    for act in (
        lambda: import_file(seeded, io.BytesIO(file), OBSERVED, moment()),
        lambda: undo_import(seeded, 1, moment()),
    ):
        for number in range(1, 200):
            with FailingAt(seeded, number) as failed:
                try:
                    act()
                except Busy:
                    assert failed
                    assert exported(seeded) == before
                    continue
            assert not failed, "the failure was swallowed"
            break
        else:
            pytest.fail("it never came to its end")
        assert number > 5
        before = exported(seeded)
    assert problems_of(seeded) == ()


class FailingAt:
    """Makes the n-th statement of the writing connection fail like a full disk."""

    def __init__(self, database: Database, number: int) -> None:
        self.engine, self.left, self.failed = database._writer, number, []

    def __enter__(self) -> list[str]:
        event.listen(self.engine, "before_cursor_execute", self._count)
        return self.failed

    def __exit__(self, *_: object) -> None:
        event.remove(self.engine, "before_cursor_execute", self._count)

    def _count(self, *given: object) -> None:
        self.left -= 1
        if self.left == 0:
            self.failed.append(str(given[2]))
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorname = "SQLITE_FULL"
            raise OperationalError(str(given[2]), None, full)
