"""Databases for these tests, and a small catalogue to import into."""

import pytest

from app.catalogue.revisions import record
from app.database import Database
from tests.catalogue.builders import occasion
from tests.catalogue.imports.shelf import CATALOGUE
from tests.databases import database as database
from tests.databases import database_url as database_url
from tests.databases import migrated_file as migrated_file
from tests.databases import migrated_postgres as migrated_postgres
from tests.databases import sqlite_database as sqlite_database
from tests.databases import sqlite_url as sqlite_url


@pytest.fixture
def shelf(sqlite_database: Database) -> Database:
    """A database with a small catalogue, revision 1."""
    with sqlite_database.write() as session:
        record(session, CATALOGUE, occasion("seed"))
    return sqlite_database
