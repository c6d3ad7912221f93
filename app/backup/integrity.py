"""Whether a database is whole: file, references, schema, the chains of the catalogue and of the audit log, shared results."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from app.accounts.audit import check as touched_acts
from app.catalogue.chain import check as broken_revisions
from app.database import Database, is_sqlite
from app.errors import Busy, Damaged
from app.migrate import is_current, schema_of
from app.results.permalinks import is_untouched
from app.results.tables import Result

MOST_PROBLEMS = 20


def problems_of(database: Database) -> tuple[str, ...]:
    """Everything wrong with a database, each in one sentence. Raises Busy where it cannot be asked."""
    return problems_at_start(database) or tuple(_touched_results(database))


def problems_at_start(database: Database) -> tuple[str, ...]:
    """The same without the shared results, of which there may be very many: what must hold before the site may serve."""
    try:
        return tuple(_problems(database))
    except Damaged as error:
        return (str(error),)


def _problems(database: Database) -> Iterator[str]:
    if is_sqlite(database.url):
        yield from _problems_of_pages(database)
    if not is_current(database):
        yield "the database is not at the schema of this program: run `rigwise migrate`"
    else:
        yield from broken_revisions(database)
        yield from touched_acts(database)


def _problems_of_pages(database: Database) -> Iterator[str]:
    """What SQLite itself finds: damaged pages, indexes that miss rows, references to nothing."""
    with database.read() as session:
        connection = session.connection()
        said = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA integrity_check({MOST_PROBLEMS})")]
        yield from (f"the database file is damaged: {line}" for line in said if line != "ok")
        for table, _, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(MOST_PROBLEMS):
            yield f"a row of {table} refers to a row of {parent} that is not there"


def _touched_results(database: Database) -> Iterator[str]:
    with database.read() as session:
        for row in session.scalars(select(Result).execution_options(yield_per=100)):
            if not is_untouched(row):
                yield f"the shared result {row.id[:4]}... of {row.created_at:%Y-%m-%d} is not as it was frozen"


def problems_of_file(file: Path) -> tuple[str, ...]:
    """Everything wrong with a copy of an SQLite database; it may be at an older schema, never at one that this program does not know."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            said = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST_PROBLEMS})")]
            dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.DatabaseError as error:
        return (f"the file cannot be read: {error}",)
    if said != ["ok"]:
        return tuple(f"the file is damaged: {line}" for line in said)
    if dangling:
        return ("rows of the file refer to rows that are not there",)
    return _problems_of_history(file)


def _problems_of_history(file: Path) -> tuple[str, ...]:
    with closing(Database(f"sqlite:///{file}")) as database:
        try:
            schema = schema_of(database)
        except (Busy, Damaged) as busy:
            return (str(busy),)
        if not schema.number:
            return ("the file is an SQLite database, but not one of Rigwise",)
        if not schema.known:
            return (f"the file has schema {schema.number}, which is newer than this program: install the release that wrote it",)
        return (*broken_revisions(database), *touched_acts(database), *_touched_results(database))
