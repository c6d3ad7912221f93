"""Backups: made while somebody writes, verified, put back; and refused where they are damaged."""

import os
import shutil
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from app.backup.backups import last_backup, make_backup, restore_backup, verify_backup
from app.backup.integrity import problems_of
from app.backup.postgres_dump import ToolFailed
from app.backup.sqlite_copy import InUse
from app.catalogue.facts import Changes
from app.catalogue.history import current_revision
from app.catalogue.revisions import record
from app.catalogue.seed import seed
from app.database import Base, Database, is_sqlite
from app.errors import InvalidInput
from app.results.permalinks import load_result, save_result
from tests.catalogue.builders import item, occasion
from tests.lacking import lacking
from tests.processes import RIGWISE

WRITES_PER_SECOND = 50
NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def filled(database: Database) -> Database:
    """A seeded database with a shared result, and the tools to back it up."""
    if not is_sqlite(database.url) and not shutil.which("pg_dump"):
        lacking("pg_dump is not installed")
    seed(database)
    save_result(database, {"workload": 1}, {"picks": []}, revision=1, estimator_version="1", now=NOON)
    return database


@pytest.fixture
def empty_url(filled: Database, tmp_path: Path) -> Iterator[str]:
    """Where a backup can be put: a file that is not there yet, or an empty database of the same server."""
    if is_sqlite(filled.url):
        yield f"sqlite:///{tmp_path / 'new' / 'rigwise.sqlite'}"
        return
    url = make_url(filled.url)
    name = f"{url.database}_restored"
    engine = create_engine(filled.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


def contents(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for the list of backups, which a backup cannot be in itself."""
    with closing(Database(url)) as database, database.read() as session:
        return {
            name: sorted((tuple(row) for row in session.execute(text(f"SELECT * FROM {name}"))), key=repr)
            for name in Base.metadata.tables
            if name != "backup"
        }


def test_what_is_restored_is_what_was_there(filled: Database, empty_url: str, tmp_path: Path) -> None:
    made = make_backup(filled.url, tmp_path / "backup", NOON)
    restore_backup(empty_url, tmp_path / "backup", NOON, replace=False)
    assert contents(empty_url) == contents(filled.url)
    assert (made.revision, made.size) == (1, (tmp_path / "backup").stat().st_size)
    with closing(Database(empty_url)) as restored:
        assert problems_of(restored) == ()
        assert record_one_more(restored) == 2


def record_one_more(database: Database) -> int:
    with database.write() as session:
        return record(session, Changes(items=(item("gpu", f"later-{current_revision(session)}"),)), occasion())


def test_the_newest_backup_is_known_and_only_the_owner_can_read_it(filled: Database, tmp_path: Path) -> None:
    assert last_backup(filled) is None
    for hour in (10, 11):
        make_backup(filled.url, tmp_path / f"{hour}.backup", NOON.replace(hour=hour))
    newest = last_backup(filled)
    assert newest is not None
    assert (newest.file, newest.made_at, newest.revision) == ("11.backup", NOON.replace(hour=11), 1)
    assert stat.S_IMODE((tmp_path / "11.backup").stat().st_mode) == 0o600
    assert {file.name for file in tmp_path.iterdir() if "sqlite" not in file.name} == {"10.backup", "11.backup"}


def test_a_backup_never_overwrites_another_one(filled: Database, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("an older backup")
    with pytest.raises(InvalidInput, match="already there"):
        make_backup(filled.url, tmp_path / "kept", NOON)
    assert (tmp_path / "kept").read_text() == "an older backup"


def test_a_backup_while_somebody_writes_holds_every_change_before_it_and_no_half_one(filled: Database, tmp_path: Path) -> None:
    acknowledged, stop = [1], threading.Event()

    def write() -> None:
        while not stop.wait(1 / WRITES_PER_SECOND):
            acknowledged.append(record_one_more(filled))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            before = acknowledged[-1]
            made = make_backup(filled.url, tmp_path / f"{number}.backup", NOON)
            after = acknowledged[-1]
            assert before <= made.revision <= after + 1
            assert verify_backup(tmp_path / f"{number}.backup") == ()
    finally:
        stop.set()
        writer.join()
    assert len(acknowledged) > 3, "nothing was written meanwhile, so nothing was tested"


@pytest.mark.parametrize("damage", ["cut short", "flipped", "not a database", "empty"])
def test_a_damaged_backup_is_refused_and_the_database_is_left_alone(filled: Database, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "backup"
    make_backup(filled.url, file, NOON)
    whole, before = bytearray(file.read_bytes()), contents(filled.url)
    if damage == "cut short":
        whole = whole[: len(whole) // 2]
    elif damage == "flipped":
        middle = len(whole) // 2
        whole[middle : middle + 4096] = bytes(byte ^ 0xFF for byte in whole[middle : middle + 4096])
    else:
        whole = bytearray(b"" if damage == "empty" else b"hello" * 1000)
    file.write_bytes(whole)
    with pytest.raises((InvalidInput, ToolFailed)):
        restore_backup(filled.url, file, NOON, replace=True)
    assert contents(filled.url) == before


def test_a_backup_of_a_later_release_is_refused(sqlite_database: Database, tmp_path: Path) -> None:
    make_backup(sqlite_database.url, tmp_path / "backup", NOON)
    with closing(sqlite3.connect(tmp_path / "backup")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer than this program" in verify_backup(tmp_path / "backup")[0]


def test_a_backup_that_somebody_edited_is_refused(sqlite_database: Database, tmp_path: Path) -> None:
    seed(sqlite_database)
    make_backup(sqlite_database.url, tmp_path / "backup", NOON)
    with closing(sqlite3.connect(tmp_path / "backup")) as connection, connection:
        connection.execute("DROP TRIGGER price_refuse_update")
        connection.execute("UPDATE price SET amount_minor = 1 WHERE id = 7")
    assert "revision 1" in verify_backup(tmp_path / "backup")[0]


def test_a_database_in_use_is_not_replaced(sqlite_database: Database, tmp_path: Path) -> None:
    make_backup(sqlite_database.url, tmp_path / "backup", NOON)
    seed(sqlite_database)
    with pytest.raises(InvalidInput, match="--replace"):
        restore_backup(sqlite_database.url, tmp_path / "backup", NOON, replace=False)
    with sqlite_database.read() as session:
        assert current_revision(session) == 1
    with pytest.raises(InUse, match="stop the server"):
        restore_backup(sqlite_database.url, tmp_path / "backup", NOON, replace=True)
    sqlite_database.close()
    kept = restore_backup(sqlite_database.url, tmp_path / "backup", NOON, replace=True)
    assert kept is not None
    with closing(Database(f"sqlite:///{kept}")) as old, old.read() as session:
        assert current_revision(session) == 1
    with closing(Database(sqlite_database.url)) as new, new.read() as session:
        assert current_revision(session) == 0


def test_a_damaged_database_is_replaced_and_its_pieces_are_kept(sqlite_database: Database, tmp_path: Path) -> None:
    shared = _seeded_with_a_result(sqlite_database)
    make_backup(sqlite_database.url, tmp_path / "backup", NOON)
    sqlite_database.close()
    file = Path(make_url(sqlite_database.url).database or "")
    file.write_bytes(b"\0" * 4096 + file.read_bytes()[4096:])
    with closing(Database(sqlite_database.url)) as damaged:
        assert "rigwise restore FILE" in problems_of(damaged)[0]
    restore_backup(sqlite_database.url, tmp_path / "backup", NOON, replace=True)
    with closing(Database(sqlite_database.url)) as restored:
        assert load_result(restored, shared).advice == {"picks": []}


def test_the_site_does_not_start_on_a_damaged_database(sqlite_database: Database) -> None:
    seed(sqlite_database)
    sqlite_database.close()
    file = Path(make_url(sqlite_database.url).database or "")
    with closing(sqlite3.connect(file)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'price'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(file.read_bytes())
    content[(page - 1) * size : page * size] = os.urandom(size)
    file.write_bytes(content)
    serving = subprocess.run(
        [RIGWISE, "serve", "--port", "0"], env={**os.environ, "RIGWISE_DATABASE_URL": sqlite_database.url},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert serving.returncode == 1, "a check that finds something must not end like one that finds nothing"
    assert "damaged" in serving.stderr
    assert "Traceback" not in serving.stderr


def _seeded_with_a_result(database: Database) -> str:
    seed(database)
    return save_result(database, {"workload": 1}, {"picks": []}, revision=1, estimator_version="1", now=NOON)


def test_the_drill_of_the_command_line(tmp_path: Path) -> None:
    """What docs/operations.md tells people to do, word for word."""
    environment = {**os.environ, "RIGWISE_DATABASE_URL": f"sqlite:///{tmp_path}/rigwise.sqlite"}

    def rigwise(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([RIGWISE, *arguments], env=environment, capture_output=True, text=True, check=False)

    for step in (["migrate"], ["seed"], ["backup", f"{tmp_path}/night.backup"], ["check", f"{tmp_path}/night.backup"]):
        assert rigwise(*step).returncode == 0, step
    for name in tmp_path.glob("rigwise.sqlite*"):
        name.unlink()
    restored = rigwise("restore", f"{tmp_path}/night.backup")
    assert restored.stdout == "restored and checked\n", restored.stderr
    assert rigwise("check").stdout == "the database is whole, its history complete and untouched\n"
    again = rigwise("restore", f"{tmp_path}/night.backup")
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1)
