"""Making a backup and putting one back. A backup counts only once it was read back and found whole."""

import hashlib
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, select

from app.backup.integrity import problems_of, problems_of_file
from app.backup.postgres_dump import dump_postgres, load_dump, read_dump
from app.backup.sqlite_copy import copy_sqlite, set_aside
from app.backup.tables import Backup
from app.catalogue.history import current_revision
from app.database import Database, is_sqlite
from app.errors import InvalidInput
from app.migrate import migrate

SQLITE_START, POSTGRES_START = b"SQLite format 3\0", b"PGDMP"


def make_backup(url: str, file: Path, now: datetime) -> Backup:
    """Copies the database at `url` to a new file while others go on writing, verifies the copy, and records that there is one.

    Raises InvalidInput where the file is already there or the copy is not whole, ToolFailed where a tool of PostgreSQL fails.
    """
    if file.exists():
        raise InvalidInput(f"{file} is already there; name a new file, so that an older backup is not lost")
    with closing(Database(url)) as database:
        with database.read() as session:
            revision = current_revision(session)
        if is_sqlite(url):
            copy_sqlite(_file_of(url), file)
            _refuse(file, problems_of_file(file))
        else:
            dump_postgres(url, file)
        made = Backup(made_at=now, file=file.name[:400], size=file.stat().st_size, sha256=_sha256(file), revision=revision)
        with database.write() as session:
            session.expire_on_commit = False
            session.add(made)
    return made


def last_backup(database: Database) -> Backup | None:
    """The newest verified backup; None where there has never been one."""
    with database.read() as session:
        session.expire_on_commit = False
        return session.scalars(select(Backup).order_by(Backup.made_at.desc(), Backup.id.desc()).limit(1)).first()


def verify_backup(file: Path) -> tuple[str, ...]:
    """Everything wrong with a backup, without a server: a dump of PostgreSQL is read through, a copy of SQLite also checked row by row."""
    if _start_of(file) == POSTGRES_START:
        read_dump(file)
        return ()
    return problems_of_file(file)


def restore_backup(url: str, file: Path, now: datetime, *, replace: bool) -> Path | None:
    """Puts a backup in the place of the database at `url`, brings it to the schema of this program and checks it.

    Returns where the replaced SQLite database was kept. Raises InvalidInput where the backup is damaged or of another kind, or where
    there is a database already and `replace` is not given; InUse where somebody has it open.
    """
    if is_sqlite(url) != (_start_of(file) == SQLITE_START):
        raise InvalidInput(f"{file} is not a backup of the kind of database that RIGWISE_DATABASE_URL names")
    _refuse(file, verify_backup(file))
    kept = None
    if is_sqlite(url):
        kept = _put_back_file(url, file, now, replace=replace)
    else:
        _put_back_dump(url, file, replace=replace)
    migrate(url)
    with closing(Database(url)) as database:
        _refuse(file, problems_of(database))
    return kept


def _put_back_file(url: str, file: Path, now: datetime, *, replace: bool) -> Path | None:
    target = _file_of(url)
    if target.exists() and not replace:
        raise InvalidInput(f"there is a database at {target}; to put the backup in its place, add --replace (the old one is kept aside)")
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = set_aside(target, now.strftime("%Y%m%dT%H%M%SZ"))
    copy_sqlite(file, target)
    return kept


def _put_back_dump(url: str, file: Path, *, replace: bool) -> None:
    with closing(Database(url)) as database, database.read() as session:
        filled = session.connection().exec_driver_sql("SELECT to_regclass('revision')").scalar() is not None
    if filled and not replace:
        raise InvalidInput("there is a catalogue in this database; to put the backup in its place, add --replace (make a backup first)")
    load_dump(url, file)


def _refuse(file: Path, problems: tuple[str, ...]) -> None:
    if problems:
        raise InvalidInput(f"{file} cannot be trusted: {'; '.join(problems[:5])}")


def _file_of(url: str) -> Path:
    return Path(make_url(url).database or "")


def _start_of(file: Path) -> bytes:
    """The word by which the file says what it is. Raises FileNotFoundError."""
    with file.open("rb") as opened:
        start = opened.read(len(SQLITE_START))
    return start[: len(POSTGRES_START)] if start.startswith(POSTGRES_START) else start


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
