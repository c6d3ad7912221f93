"""A process that dies, a disk that fills up, a statement that fails: the catalogue is exactly the old or exactly the new one."""

import io
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

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
from tests.processes import RIGWISE

KILLS = int(os.environ.get("RIGWISE_KILLS", "5"))  # 100 before a release
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


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_import_killed_anywhere_leaves_the_old_or_the_new_catalogue(seeded: Database, sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "drives.csv"
    file.write_text(drives(ROWS))
    command = [RIGWISE, "import", str(file), "--observed-on", f"{TODAY}"]
    environment = {**os.environ, "RIGWISE_DATABASE_URL": sqlite_url}
    before = exported(seeded)
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    lasts = time.monotonic() - began
    after = exported(seeded)
    undo_import(seeded, 1, moment())
    outcomes = {before: 0, after: 0}
    for _ in range(KILLS):
        number = revision_of(seeded)
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(random.uniform(0.2, 1.6) * lasts)
            process.send_signal(signal.SIGKILL)
        now = exported(seeded)
        outcomes[now] += 1  # a third state is a KeyError
        assert revision_of(seeded) == number + (now == after)
        assert problems_of(seeded) == ()
        if now == after:
            with seeded.read() as session:
                batch = session.scalar(text("SELECT max(id) FROM import_batch"))
            undo_import(seeded, batch, moment())
    print(f"{KILLS} kills: {outcomes[before]} left the old catalogue, {outcomes[after]} the new one")


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
