"""The site while its database is full, locked or damaged, while somebody imports, and in several processes."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url, text
from starlette.testclient import TestClient

from app import database as database_module
from app.backup.integrity import problems_of
from app.catalogue.facts import Changes
from app.catalogue.history import current_revision
from app.catalogue.revisions import record
from app.catalogue.seed import seed
from app.database import Database
from app.main import create_app
from app.settings import Settings
from tests.catalogue.builders import item, occasion, price
from tests.processes import RIGWISE, free_port, serving

JOB = {"workload": {"kind": "classical", "library": "pandas", "algorithm": "read_csv", "rows": 10_000, "columns": 10}}


@pytest.fixture
def site(database_url: str) -> Iterator[FastAPI]:
    """The site on a seeded database of its own, once on each kind of server."""
    with closing(Database(database_url)) as database:
        seed(database)
    app = create_app(Settings(database_url=database_url))
    with TestClient(app):
        yield app


@pytest.fixture
def client(site: FastAPI) -> TestClient:
    return TestClient(site, base_url="http://rigwise.test", follow_redirects=False, raise_server_exceptions=False)


def shared(client: TestClient) -> httpx.Response:
    return client.post("/api/v1/results", json=JOB)  # type: ignore[return-value]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_is_told_reading_goes_on_and_space_is_used_when_it_comes_back(site: FastAPI, client: TestClient) -> None:
    database: Database = site.state.site.database
    with database.write() as session:
        size = session.scalar(text("PRAGMA page_count"))
        session.execute(text(f"PRAGMA max_page_count = {size}"))
    answers = [shared(client) for _ in range(8)]
    assert answers[-1].status_code == 503
    assert answers[-1].headers["retry-after"]
    assert "busy or full" in answers[-1].json()["detail"]
    assert client.get("/").status_code == 200
    assert client.get("/readyz").status_code == 200
    with database.write() as session:
        session.execute(text("PRAGMA max_page_count = 1000000"))
    assert shared(client).status_code == 201
    assert problems_of(database) == ()


def test_a_locked_database_is_told_and_reading_goes_on(
    site: FastAPI, client: TestClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "WAIT_SECONDS", 1)
    monkeypatch.setattr(database_module, "_SQLITE_PRAGMAS", ("busy_timeout=50",))
    with closing(Database(database_url)) as somebody, somebody.write() as session:
        session.execute(text("DELETE FROM result"))
        refused = shared(client)
        assert (refused.status_code, bool(refused.headers["retry-after"])) == (503, True)
        assert client.get("/?batch=3").status_code == 200
    assert shared(client).status_code == 201


def test_a_damaged_file_is_told_as_such_and_never_answered_from(sqlite_url: str) -> None:
    with closing(Database(sqlite_url)) as database:
        seed(database)
    file = Path(make_url(sqlite_url).database or "")
    with file.open("r+b") as opened:
        opened.write(os.urandom(file.stat().st_size))
    app = create_app(Settings(database_url=sqlite_url))
    with TestClient(app, raise_server_exceptions=False) as client:
        for path in ("/", "/readyz", "/catalogue/gpus"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert "rigwise restore" in answer.text


def test_the_site_reads_what_was_there_while_an_import_writes(site: FastAPI, client: TestClient, database_url: str) -> None:
    with closing(Database(database_url)) as importing, importing.write() as session:
        prices = tuple(price("rtx-3090", f"{500 + i}", shop=f"shop {i}") for i in range(1000))
        record(session, Changes(prices=prices), occasion("import"))
        for path in ("/?batch=5", "/catalogue/item/rtx-3090", "/api/v1/catalogue/gpus", "/readyz"):
            assert client.get(path).status_code == 200, path
        assert client.get("/api/v1/catalogue/gpus").json()["revision"] == 1
    assert client.get("/api/v1/catalogue/gpus").json()["revision"] == 2


def test_two_who_write_the_same_at_once_make_one_revision(site: FastAPI, database_url: str) -> None:
    change = Changes(items=(item("gpu", "a-new-card"),))
    numbers: list[int] = []

    def write() -> None:
        with closing(Database(database_url)) as database, database.write() as session:
            numbers.append(record(session, change, occasion()))

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == [2] * 6
    with site.state.site.database.read() as session:
        assert current_revision(session) == 2


@pytest.mark.slow
def test_every_process_sees_a_new_revision_at_its_next_request(database_url: str, tmp_path: Path) -> None:
    with closing(Database(database_url)) as database:
        seed(database)
        environment = {**os.environ, "RIGWISE_DATABASE_URL": database_url}
        with ExitStack() as running:
            ports = [free_port(), free_port()]
            addresses = [
                running.enter_context(serving([RIGWISE, "serve", "--port", str(port)], environment, port, tmp_path / f"{port}.log"))
                for port in ports
            ]
            for revision in (1, 2, 3):
                if revision > 1:
                    with database.write() as session:
                        record(session, Changes(items=(item("gpu", f"card-{revision}"),)), occasion())
                for address in addresses:
                    found = httpx.get(f"{address}/api/v1/catalogue/gpus?q=card-{revision}").json()
                    assert found["revision"] == revision
                    assert [one["id"] for one in found["items"]] == ([f"card-{revision}"] if revision > 1 else [])
