"""Bringing a database to the schema of this program, and asking whether it is there."""

from dataclasses import dataclass

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.database import Database
from app.resources import resource_path


def migrate(url: str) -> None:
    """Brings the database at `url` up to date, creating it where there is none. Nothing happens where it is."""
    command.upgrade(migration_config(url), "head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The schema that a database is at: its number, empty where there are no tables, and what this program makes of it."""

    number: str
    known: bool
    newest: bool


def schema_of(database: Database) -> Schema:
    """The schema that the database says it has."""
    scripts = ScriptDirectory.from_config(migration_config(database.url))
    with database.read() as session:
        number = MigrationContext.configure(session.connection()).get_current_revision() or ""
    numbers = {script.revision for script in scripts.walk_revisions()}
    return Schema(number=number, known=number in numbers, newest=number == scripts.get_current_head())


def is_current(database: Database) -> bool:
    """Whether the database has the schema that this program expects."""
    return schema_of(database).newest


def migration_config(url: str) -> Config:
    """Alembic's configuration for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(resource_path("migrations")))
    config.attributes["url"] = url
    return config
