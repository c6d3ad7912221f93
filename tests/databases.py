"""Fixtures for tests that need a database of their own: a new one for each test, on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url

from app.database import Database
from app.migrate import migrate

_TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with every table and no row."""
    file = tmp_path_factory.mktemp("migrated") / "rigwise.sqlite"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> str:
    """The same on PostgreSQL; the address of the server's own database, from which copies are made."""
    _administer(postgres_url, f"DROP DATABASE IF EXISTS {_TEMPLATE}", f"CREATE DATABASE {_TEMPLATE}")
    migrate(_address_of(postgres_url, _TEMPLATE))
    return postgres_url


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """The address of a migrated SQLite database of this test's own."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'rigwise.sqlite')}"


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """The database at `sqlite_url`."""
    database = Database(sqlite_url)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database of this test's own, once on each kind of server."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server, name = request.getfixturevalue("migrated_postgres"), f"test_{uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield _address_of(server, name)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database at `database_url`."""
    database = Database(database_url)
    yield database
    database.close()


def _address_of(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _administer(server: str, *statements: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
