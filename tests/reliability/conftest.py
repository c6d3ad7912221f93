"""Databases for these tests."""

from tests.databases import database as database
from tests.databases import database_url as database_url
from tests.databases import migrated_file as migrated_file
from tests.databases import migrated_postgres as migrated_postgres
from tests.databases import sqlite_database as sqlite_database
from tests.databases import sqlite_url as sqlite_url
