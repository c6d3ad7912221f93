"""The catalogue in memory, and that it is renewed whoever records a revision."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event

from app.catalogue.facts import Changes
from app.catalogue.revisions import record
from app.catalogue.seed import catalogue_from_seed, seed
from app.catalogue.snapshot import CatalogueCache, snapshot_at
from app.database import Database
from app.hardware import Catalogue
from tests.catalogue.builders import item, occasion, price, rate

IN_ANOTHER_PROCESS = """
import sys
from app.catalogue.facts import Changes
from app.catalogue.revisions import record
from app.database import Database
from tests.catalogue.builders import item, occasion
with Database(sys.argv[1]).write() as session:
    record(session, Changes(items=(item("gpu", "from-elsewhere"),)), occasion())
"""


def recorded(database: Database, changes: Changes) -> None:
    """Records as one revision."""
    with database.write() as session:
        record(session, changes, occasion())


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement sent to any database meanwhile."""
    sent: list[str] = []

    def note(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_database_without_a_revision_has_an_empty_catalogue(database: Database) -> None:
    empty = CatalogueCache(database).current()
    assert (empty.revision, empty.parts, empty.rates.currencies) == (0, {}, ("EUR",))


def test_the_seeded_database_holds_the_same_catalogue_as_the_tables(database: Database) -> None:
    seed(database)
    assert CatalogueCache(database).current() == catalogue_from_seed()


def test_an_unchanged_catalogue_is_handed_out_again_for_one_number_read(sqlite_database: Database) -> None:
    seed(sqlite_database)
    cache = CatalogueCache(sqlite_database)
    first = cache.current()
    with statements() as sent:
        assert cache.current() is first
    assert [statement for statement in sent if statement.startswith("SELECT")] == ["SELECT max(revision.id) AS max_1 \nFROM revision"]


def test_a_new_revision_is_seen_at_once(database: Database) -> None:
    recorded(database, Changes(items=(item("gpu", "first"),), rates=(rate("USD", "1.1"),)))
    cache = CatalogueCache(database)
    assert set(cache.current().gpus) == {"first"}
    recorded(database, Changes(items=(item("gpu", "second"),), prices=(price("first", "700"),)))
    assert set(cache.current().gpus) == {"first", "second"}
    assert cache.current().gpus["first"].prices[0].money.minor == 70000
    assert cache.current().revision == 2


def test_a_revision_recorded_by_another_process_is_seen_at_once(sqlite_database: Database) -> None:
    recorded(sqlite_database, Changes(items=(item("gpu", "from-here"),)))
    cache = CatalogueCache(sqlite_database)
    cache.current()
    subprocess.run([sys.executable, "-c", IN_ANOTHER_PROCESS, sqlite_database.url], check=True)
    assert set(cache.current().gpus) == {"from-here", "from-elsewhere"}


def test_an_earlier_revision_can_still_be_looked_at(sqlite_database: Database) -> None:
    for name in ("first", "second", "third"):
        recorded(sqlite_database, Changes(items=(item("gpu", name),)))
    with sqlite_database.read() as session:
        assert set(snapshot_at(session, 2).catalogue.gpus) == {"first", "second"}


def test_announced_and_market_items_are_known_but_not_in_the_catalogue(sqlite_database: Database) -> None:
    kinds = (item("gpu", "soon", status="announced"), item("ram", "index", status="market"), item("gpu", "now"))
    recorded(sqlite_database, Changes(items=kinds))
    snapshot = CatalogueCache(sqlite_database).snapshot()
    assert set(snapshot.catalogue.parts) == {"now"}
    assert set(snapshot.items) == {"soon", "index", "now"}


def test_threads_that_ask_at_once_get_the_same_catalogue_and_never_an_older_one(sqlite_database: Database) -> None:
    cache = CatalogueCache(sqlite_database)
    recorded(sqlite_database, Changes(items=(item("gpu", "first"),)))
    seen: list[list[Catalogue]] = [[] for _ in range(6)]

    def ask(mine: list[Catalogue]) -> None:
        mine.extend(cache.current() for _ in range(30))

    threads = [threading.Thread(target=ask, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for name in ("second", "third", "fourth"):
        recorded(sqlite_database, Changes(items=(item("gpu", name),)))
    for thread in threads:
        thread.join()
    for mine in seen:
        assert [catalogue.revision for catalogue in mine] == sorted(catalogue.revision for catalogue in mine)
        assert all(len(catalogue.gpus) == catalogue.revision for catalogue in mine)
    assert cache.current().revision == 4
