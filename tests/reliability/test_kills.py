"""The process is killed in the middle of its work (kill -9): what was acknowledged is there, and nothing is there in part.

A kill is not a power cut: that what a commit acknowledged survives one of those rests on `synchronous=FULL` (on PostgreSQL on its own
`synchronous_commit`) and on the tests of those programs.
"""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from app.backup.integrity import problems_of
from app.catalogue.facts import Changes
from app.catalogue.history import current_revision, prices_at
from app.catalogue.revisions import record
from app.database import Database
from app.errors import Busy
from app.migrate import migrate
from tests.catalogue.builders import item, occasion, price
from tests.lacking import lacking
from tests.processes import free_port

POSTGRES = str(Path(__file__).resolve().parents[2] / "scripts" / "postgres.sh")
NO_BINARIES = 3  # its exit status where PostgreSQL is not installed
KILLS = int(os.environ.get("RIGWISE_KILLS", "12"))
PRICES = 300  # in each revision
PRELOADED = ["app.backup.integrity", "app.catalogue.revisions", "app.catalogue.seed", "tests.catalogue.builders"]


def _record_for_ever(url: str, acknowledged: Connection) -> None:
    database = Database(url)
    while True:
        with database.write() as session:
            number = current_revision(session) + 1
            prices = tuple(price("a-card", f"{number}.{index % 100:02d}", shop=f"shop {number} {index}") for index in range(PRICES))
            record(session, Changes(prices=prices), occasion("import"))
        acknowledged.send(number)


@pytest.mark.slow
def test_what_was_acknowledged_survives_and_nothing_is_there_in_part(database: Database) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with database.write() as session:
        record(session, Changes(items=(item("gpu", "a-card"),)), occasion("seed"))
    acknowledged, chance = 1, random.Random(20261120)
    for _ in range(KILLS):
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=_record_for_ever, args=(database.url, sending))
        process.start()
        assert receiving.poll(90), "the process to be killed did nothing"
        acknowledged = receiving.recv()
        time.sleep(chance.uniform(0, 0.25))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        sending.close()
        acknowledged = max([acknowledged, *_received(receiving)])
        with database.read() as session:
            revision = current_revision(session)
            assert revision in {acknowledged, acknowledged + 1}
            assert len(prices_at(session, revision)) == PRICES * (revision - 1)
        assert problems_of(database) == ()
    assert acknowledged > KILLS


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_a_postgresql_server_acknowledged_survives_its_own_death() -> None:
    """The server goes down at once (-m immediate), as in a crash, while somebody records; it comes back by replaying its log."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    chance = random.Random(20261121)
    with durable_postgres() as (url, pull_the_plug):
        migrate(url)
        with closing(Database(url)) as database, database.write() as session:
            record(session, Changes(items=(item("gpu", "a-card"),)), occasion("seed"))
        for _ in range(max(2, KILLS // 6)):
            receiving, sending = context.Pipe(duplex=False)
            process = context.Process(target=_record_until_refused, args=(url, sending))
            process.start()
            assert receiving.poll(90), "nothing was recorded before the server went down"
            acknowledged = receiving.recv()
            time.sleep(chance.uniform(0, 0.5))
            pull_the_plug()
            process.join()
            sending.close()
            acknowledged = max([acknowledged, *_received(receiving)])
            with closing(Database(url)) as database:
                with database.read() as session:
                    revision = current_revision(session)
                    assert revision in {acknowledged, acknowledged + 1}
                    assert len(prices_at(session, revision)) == PRICES * (revision - 1)
                assert problems_of(database) == ()


def _record_until_refused(url: str, acknowledged: Connection) -> None:
    with suppress(Busy, DBAPIError):
        _record_for_ever(url, acknowledged)


@contextmanager
def durable_postgres() -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a server that keeps PostgreSQL's own promises, and what pulls its plug and starts it again."""
    port, folder = str(free_port()), tempfile.mkdtemp(prefix="rigwise-postgres-")

    def script(act: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [POSTGRES, act, folder, port], env={**os.environ, "DURABLE": "1"}, capture_output=True, text=True, check=False
        )

    def pull_the_plug() -> None:
        assert script("stop").returncode == 0
        resumed = script("resume")
        assert resumed.returncode == 0, resumed.stderr

    try:
        started = script("start")
        if started.returncode == NO_BINARIES:
            lacking(started.stderr.strip())
        assert started.returncode == 0, started.stderr
        yield f"postgresql+psycopg://app@127.0.0.1:{port}/app", pull_the_plug
        script("stop")
    finally:
        shutil.rmtree(folder)


def _received(pipe: Connection) -> list[int]:
    numbers = []
    while pipe.poll():
        try:
            numbers.append(int(pipe.recv()))
        except (EOFError, OSError):
            break
    return numbers
