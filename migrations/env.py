"""Runs the migrations: in one writing transaction, so that a failure leaves the database as it was."""

from alembic import context
from sqlalchemy import Connection

import app.accounts.tables
import app.backup.tables
import app.catalogue.imports.tables
import app.catalogue.tables
import app.results.tables  # noqa: F401  (imported so that their tables are known)
from app.database import Base, writing_engine
from app.settings import get_settings


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _migrate() -> None:
    url = context.config.attributes.get("url") or get_settings().database_url
    engine = writing_engine(url, foreign_keys=False)
    with engine.begin() as connection:
        _run(connection)
        if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise RuntimeError("the migration would leave rows that refer to nothing; the database was not changed")
    engine.dispose()


_migrate()
