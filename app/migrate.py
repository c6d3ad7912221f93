"""Bringing a database to the schema of this program, and asking whether it is there."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.database import Database
from app.resources import resource_path


def migrate(url: str) -> None:
    """Brings the database at `url` up to date, creating it where there is none. Nothing happens where it is."""
    command.upgrade(migration_config(url), "head")


def is_current(database: Database) -> bool:
    """Whether the database has the schema that this program expects."""
    head = ScriptDirectory.from_config(migration_config(database.url)).get_current_head()
    with database.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision() == head


def migration_config(url: str) -> Config:
    """Alembic's configuration for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(resource_path("migrations")))
    config.attributes["url"] = url
    return config
