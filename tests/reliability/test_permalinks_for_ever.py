"""A shared answer shows the same for ever: after prices moved, after a year, and when it was frozen by the first release."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, text
from starlette.testclient import TestClient

from app import clock
from app.catalogue.facts import Changes
from app.catalogue.revisions import record
from app.catalogue.seed import seed
from app.database import Database
from app.main import create_app
from app.results.tables import Result
from app.settings import Settings
from tests.catalogue.builders import occasion, price
from tests.web.markup import read

FROZEN = sorted((Path(__file__).parent / "frozen").glob("schema_*.json"))
JOB = {"workload": {"kind": "training", "model": {"preset": "resnet50"}, "image_size": [224, 224], "optimizer": "sgd_momentum"}}
PARTS = ("needs", "memory", "picks", "levers", "tradeoff", "ladder", "near_misses", "rentals", "findings")


@pytest.fixture
def site(database_url: str) -> Iterator[FastAPI]:
    with closing(Database(database_url)) as database:
        seed(database)
    app = create_app(Settings(database_url=database_url))
    with TestClient(app):
        yield app


def shown(client: TestClient, address: str) -> dict[str, str]:
    """Every part of the answer, by its id, as it reads."""
    page = client.get(address)
    assert page.status_code == 200
    found = read(page.text)
    return {name: found.by_id(name).text for name in PARTS if name in found.ids}


def test_an_answer_reads_the_same_after_prices_moved_and_a_year_went_by(site: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    client = TestClient(site)
    address = "/r/" + client.post("/api/v1/results", json=JOB).json()["id"]
    before = shown(client, address)
    frozen = client.get(address.replace("/r/", "/api/v1/results/")).content
    with site.state.site.database.write() as session:
        dearer = tuple(price(gpu, "99999", on="2027-11-01") for gpu in site.state.site.catalogue.current().gpus)
        record(session, Changes(prices=dearer), occasion("prices"))
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 11, 20, 12, 0, 0, tzinfo=UTC))
    assert shown(client, address) == before
    assert client.get(address.replace("/r/", "/api/v1/results/")).content == frozen
    assert {"needs", "picks", "levers", "ladder"} <= before.keys()


@pytest.mark.parametrize("file", FROZEN, ids=lambda file: file.stem)
def test_what_an_older_release_froze_can_still_be_read(site: FastAPI, file: Path) -> None:
    """The file holds what was stored then. It is never written anew: a release that changes the schema adds another one."""
    kept = json.loads(file.read_text())
    asked, answered = (json.dumps(kept[part], separators=(",", ":")) for part in ("request", "advice"))
    schema = int(file.stem.removeprefix("schema_"))
    row = {
        "id": "F" * 22, "created_at": datetime(2026, 11, 20, tzinfo=UTC), "revision_id": 1, "schema_version": schema,
        "estimator_version": "0.1.0", "request": asked, "advice": answered, "fingerprint": hashlib.sha256(b"of no matter here").hexdigest(),
    }  # fmt: skip
    with site.state.site.database.write() as session:
        session.execute(insert(Result), [row])
    client = TestClient(site)
    assert client.get("/api/v1/results/" + "F" * 22).json()["advice"] == kept["advice"]
    parts = shown(client, "/r/" + "F" * 22)
    assert "GPU memory" in parts["needs"]
    assert all(line["part"]["name"] in parts["picks"] for pick in kept["advice"]["picks"] for line in pick["machine"]["price"]["lines"])


def test_ids_have_128_bits_of_chance_and_every_wrong_one_is_answered_alike(site: FastAPI) -> None:
    client = TestClient(site)
    known = client.post("/api/v1/results", json=JOB).json()["id"]
    answers = {client.get(f"/r/{wrong}").text.replace(wrong, "") for wrong in ("A" * 22, known[:-1] + ("A" if known[-1] != "A" else "B"))}
    statuses = {client.get(f"/r/{wrong}").status_code for wrong in ("A" * 22, "short", "A" * 5000, "%00", known.swapcase())}
    assert (len(answers), statuses) == (1, {404})
    with site.state.site.database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM result")) == 1


def test_one_anonymous_request_stores_less_than_64_kb(site: FastAPI) -> None:
    """The largest answers that there are: every machine, several cards, no budget."""
    client = TestClient(site)
    requests = (
        {**JOB, "limits": {"max_gpus": 64}},
        {"workload": {"kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-405B"}, "weight_format": "q4_k_m",
                      "runtime": "llama.cpp"}, "limits": {"max_gpus": 64}},
    )  # fmt: skip
    assert [client.post("/api/v1/results", json=request).status_code for request in requests] == [201, 201]
    with site.state.site.database.read() as session:
        sizes = [len(row.request) + len(row.advice) for row in session.execute(text("SELECT request, advice FROM result"))]
    assert len(sizes) == 2
    assert max(sizes) <= 64 * 1024
