"""The site with an administrator, an editor and a stranger; every test has a database of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app import clock
from app.accounts.roles import Role
from app.accounts.sessions import open_session
from app.accounts.users import user_named
from app.accounts.visitor import Visitor
from app.catalogue.seed import seed
from app.database import Database
from app.main import create_app
from app.migrate import migrate
from app.settings import Settings
from app.web.session_cookie import SECURE_NAME
from tests.accounts.builders import PASSWORD, added

HOST = "https://rigwise.test"
OWN = {"Sec-Fetch-Site": "same-origin"}

SignIn = Callable[[str], TestClient]


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded database with the users ada (admin), bob and dee (editors) and cy (editor, must change the password)."""
    file = tmp_path_factory.mktemp("seeded") / "rigwise.sqlite"
    migrate(f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}")
    seed(database)
    roles: tuple[tuple[str, Role], ...] = (("ada", "admin"), ("bob", "editor"))
    for name, role in roles:
        added(database, name, role)
    added(database, "cy", "editor", must_change=True)
    added(database, "dee", "editor")
    database.close()
    return file


@pytest.fixture
def site(seeded_file: Path, tmp_path: Path) -> Iterator[FastAPI]:
    """The application on a copy of that database, running."""
    copy = tmp_path / "rigwise.sqlite"
    copy.write_bytes(seeded_file.read_bytes())
    app = create_app(Settings(database_url=f"sqlite:///{copy}"))
    with TestClient(app):
        yield app


@pytest.fixture(scope="session")
def shared_site(seeded_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The application on another copy, for tests that leave nothing behind that others would notice."""
    copy = tmp_path_factory.mktemp("shared") / "rigwise.sqlite"
    copy.write_bytes(seeded_file.read_bytes())
    app = create_app(Settings(database_url=f"sqlite:///{copy}"))
    with TestClient(app):
        yield app


def browser_of(site: FastAPI, name: str = "", headers: dict[str, str] | None = None) -> TestClient:
    """A browser, with a session of the named user that was opened behind the door."""
    browser = TestClient(site, base_url=HOST, follow_redirects=False, headers=OWN if headers is None else headers)
    if name:
        with site.state.site.database.write() as session:
            token = open_session(session, user_named(session, name), Visitor(network="unknown", client="a test"), clock.now())
        browser.cookies.set(SECURE_NAME, token)
    return browser


@pytest.fixture
def stranger(site: FastAPI) -> TestClient:
    """A browser that is not signed in."""
    return TestClient(site, base_url=HOST, follow_redirects=False, headers=OWN)


@pytest.fixture
def sign_in(site: FastAPI) -> SignIn:
    """A browser in which the named user is signed in."""

    def signed_in(name: str) -> TestClient:
        browser = TestClient(site, base_url=HOST, follow_redirects=False, headers=OWN)
        answer = browser.post("/admin/sign-in", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return browser

    return signed_in
