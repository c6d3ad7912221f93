"""The process is killed in the middle of its work (kill -9): what was acknowledged is there, and nothing is there in part.

A kill is not a power cut: that what a commit acknowledged survives one of those rests on `synchronous=FULL` (on PostgreSQL on its own
`synchronous_commit`) and on the tests of those programs.
"""

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.connection import Connection

import pytest

from app.backup.integrity import problems_of
from app.catalogue.facts import Changes
from app.catalogue.history import current_revision, prices_at
from app.catalogue.revisions import record
from app.database import Database
from tests.catalogue.builders import item, occasion, price

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


def _received(pipe: Connection) -> list[int]:
    numbers = []
    while pipe.poll():
        try:
            numbers.append(int(pipe.recv()))
        except (EOFError, OSError):
            break
    return numbers
