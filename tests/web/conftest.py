"""The site on a database of its own, migrated and seeded with the real catalogue."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.catalogue.seed import seed
from app.database import Database
from app.main import create_app
from app.migrate import migrate
from app.settings import Settings


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a seeded database, shared by every test of this folder: pages only read, shared results only grow."""
    url = f"sqlite:///{tmp_path_factory.mktemp('web') / 'rigwise.sqlite'}"
    migrate(url)
    database = Database(url)
    seed(database)
    database.close()
    return Settings(database_url=url)


@pytest.fixture(scope="session")
def site(settings: Settings) -> Iterator[FastAPI]:
    """The application, running."""
    app = create_app(settings)
    with TestClient(app):
        yield app


@pytest.fixture
def client(site: FastAPI) -> TestClient:
    """A browser without cookies that does not follow redirects."""
    return TestClient(site, base_url="http://rigwise.test", follow_redirects=False)
