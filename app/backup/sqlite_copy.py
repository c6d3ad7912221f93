"""Copying an SQLite database by its online backup interface, which sees one moment and stops nobody."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from app.errors import RigwiseError

OWNER_ONLY = 0o600  # a copy holds the hashes of passwords


class InUse(RigwiseError):
    """Somebody works with the database that is to be replaced."""

    title = "In use"
    status = 409


def copy_sqlite(source: Path, target: Path) -> None:
    """Copies what `source` holds at this moment to `target`, which appears only when it is whole and on the disk."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL, OWNER_ONLY))
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(part)) as writing,
        ):
            reading.backup(writing)  # in one step: one read transaction, during which writers go on in the write-ahead log
            writing.execute("PRAGMA journal_mode=DELETE")  # one file, without a write-ahead log beside it
        _flush(part)
        part.replace(target)
        _flush(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _reading(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def set_aside(file: Path, moment: str) -> Path | None:
    """Renames a database that is to be replaced, with what belongs to it; its new name. Raises InUse where somebody has it open."""
    if not file.exists():
        return None
    _refuse_if_open(file)
    kept = file.with_name(f"{file.name}.before-{moment}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            file.with_name(file.name + suffix).rename(kept.with_name(kept.name + suffix))
    return kept


def _refuse_if_open(file: Path) -> None:
    """An exclusive connection to a database in WAL mode can be had only where there is no other one."""
    with closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname in {"SQLITE_BUSY", "SQLITE_LOCKED"}:
                raise InUse(f"{file} is in use; stop the server before its database is replaced") from None
        except sqlite3.DatabaseError:
            return  # damaged: that is why it is being replaced


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
