"""Up, down and up again, on both kinds of database, with rows in every table."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from app.accounts.audit import COMMAND_LINE
from app.accounts.audit import check as check_audit
from app.accounts.roles import Role
from app.accounts.second_factor import renew_recovery_codes
from app.accounts.sessions import open_session
from app.accounts.throttle import begin_attempt
from app.accounts.users import add_user
from app.accounts.visitor import Visitor
from app.backup.tables import Backup
from app.catalogue.chain import check
from app.catalogue.facts import AliasFact, Changes, Confidence, PriceKind, RevisionKind, Status
from app.catalogue.imports.tables import ImportBatch, ImportRow, ImportSource, State
from app.catalogue.revisions import record
from app.catalogue.seed import catalogue_from_seed, seed
from app.catalogue.snapshot import CatalogueCache
from app.clock import now
from app.database import Base, Database
from app.hardware import Condition, PartKind
from app.migrate import is_current, migrate, migration_config
from app.results.permalinks import save_result
from tests.catalogue.builders import item, occasion, price

PART = item("gpu", "a-card")
EXTRA = price("rtx-3090", "1")
LITERALS = {
    ("revision", "kind"): RevisionKind,
    ("item", "kind"): PartKind,
    ("item_version", "status"): Status,
    ("item_version", "confidence"): Confidence,
    ("user_account", "role"): Role,
    ("import_batch", "state"): State,
    ("price", "kind"): PriceKind,
    ("price", "condition"): Condition,
}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


def filled(url: str) -> dict[str, int]:
    """Puts rows into every table; how many there are."""
    database = Database(url)
    seed(database)
    with database.write() as session:
        record(session, Changes(items=(PART,), prices=(EXTRA,)), occasion())
    with database.write() as session:
        record(session, Changes(withdrawn_prices=(EXTRA,), withdrawn_items=(PART.id,)), occasion("rollback"))
    with database.write() as session:
        record(session, Changes(aliases=(AliasFact(name="GeForce 3090", item="rtx-3090", source="a test"),)), occasion())
        user = add_user(session, "ada", "admin", "a hash", COMMAND_LINE, now(), must_change=False)
        session.flush()
        open_session(session, user, Visitor(network="unknown", client="a test"), now())
        renew_recovery_codes(session, user)
        begin_attempt(session, "ada", "unknown", now())
    save_result(database, {"a": 1}, {"b": 2}, revision=1, estimator_version="1", now=now())
    with database.write() as session:
        batch = ImportBatch(
            state="applied", created_at=now(), touched_at=now(), actor="ada", file_name="list.csv", sha256="0" * 64, size=1, profile={}
        )
        session.add(batch)
        session.flush()
        session.add(ImportRow(batch_id=batch.id, number=1, line=2, verdict="new", label="", item="", was="", would_be="", reason=""))
        session.add(ImportSource(name="a shop", profile={}, updated_at=now()))
        session.add(Backup(made_at=now(), file="night.backup", size=1, sha256="0" * 64, revision=1))
    with database.read() as session:
        rows = {name: session.scalar(text(f"SELECT count(*) FROM {name}")) for name in Base.metadata.tables}
    database.close()
    return rows


def test_a_new_database_gets_the_schema_of_the_program(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    database = Database(url)
    assert not is_current(database)
    migrate(url)
    assert is_current(database)
    database.close()


def test_the_migrations_make_exactly_the_tables_of_the_models(database_url: str) -> None:
    command.check(migration_config(database_url))


def test_migrating_again_changes_nothing(database_url: str) -> None:
    rows = filled(database_url)
    migrate(database_url)
    database = Database(database_url)
    with database.read() as session:
        assert {name: session.scalar(text(f"SELECT count(*) FROM {name}")) for name in rows} == rows
    assert all(rows.values()), "every table must have rows for this test to mean anything"
    assert check(database) == ()
    assert check_audit(database) == ()
    assert CatalogueCache(database).current().parts == catalogue_from_seed().parts
    database.close()


def test_down_and_up_again_leaves_an_empty_database_that_works(database_url: str, engine: Engine) -> None:
    filled(database_url)
    command.downgrade(migration_config(database_url), "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate(database_url)
    database = Database(database_url)
    assert seed(database) == 1
    assert check(database) == ()
    database.close()


def test_every_step_down_and_up_again_keeps_every_row_that_has_a_place(database_url: str) -> None:
    filled(database_url)
    scripts = ScriptDirectory.from_config(migration_config(database_url))
    older = [script.revision for script in scripts.walk_revisions()][1:]
    for schema in older:
        before = rows_of(database_url)
        command.downgrade(migration_config(database_url), schema)
        there = rows_of(database_url)
        assert there == {table: rows for table, rows in before.items() if table in there}, schema
        migrate(database_url)
        after = rows_of(database_url)
        assert {table: after[table] for table in there} == there, schema
    assert older, "there is more than one step"


def rows_of(url: str) -> dict[str, int]:
    """How many rows each table has that is there."""
    engine = create_engine(url)
    with engine.connect() as connection:
        names = set(inspect(engine).get_table_names()) - {"alembic_version"}
        rows = {name: int(connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0) for name in sorted(names)}
    engine.dispose()
    return rows


def test_every_constraint_has_a_name(engine: Engine) -> None:
    inspector = inspect(engine)
    for table in Base.metadata.tables:
        found = [
            inspector.get_pk_constraint(table),
            *inspector.get_foreign_keys(table),
            *inspector.get_unique_constraints(table),
            *inspector.get_check_constraints(table),
        ]
        assert all(constraint["name"] for constraint in found), table


@pytest.mark.parametrize("table", list(Base.metadata.tables))
def test_the_database_names_its_constraints_as_the_models_do(engine: Engine, table: str) -> None:
    named = {str(constraint.name) for constraint in Base.metadata.tables[table].constraints}
    inspector = inspect(engine)
    kept = {
        inspector.get_pk_constraint(table)["name"],
        *(constraint["name"] for constraint in inspector.get_foreign_keys(table)),
        *(constraint["name"] for constraint in inspector.get_unique_constraints(table)),
        *(constraint["name"] for constraint in inspector.get_check_constraints(table)),
    }
    assert kept == named


@pytest.mark.parametrize(("table", "column"), list(LITERALS))
def test_the_database_accepts_every_value_that_the_program_knows(engine: Engine, table: str, column: str) -> None:
    """The limits in the database and the types in the program are written apart, so they are compared here."""
    (limit,) = [c for c in inspect(engine).get_check_constraints(table) if c["name"] == f"ck_{table}_{column}"]
    assert all(f"'{value}'" in limit["sqltext"] for value in get_args(LITERALS[table, column]))


def test_a_failing_migration_leaves_the_database_as_it_was(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    seed(database)
    with database.write() as session:
        session.execute(text("DROP TABLE result"))
    with pytest.raises(DBAPIError):
        command.downgrade(migration_config(sqlite_url), "base")
    assert check(database) == ()
    assert is_current(database)
    database.close()
