"""What an operator sees: logs without personal data, figures for Prometheus, and a site that sheds what is too much."""

import asyncio
import gc
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from app.backup.backups import make_backup
from app.database import POOL_SIZE
from app.main import create_app
from app.settings import Settings
from app.web.middleware.overload import Overload
from tests.processes import RIGWISE, free_port, serving

TOKEN = "a-token-for-prometheus"


def test_a_log_line_tells_what_happened_and_nothing_about_who_asked(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "RIGWISE_DATABASE_URL": settings.database_url}
    asked = (
        "/?task=run&model=secret-model&budget=EUR+1234", "/r/abcdefghijklmnopqrstuv", "/api/v1/results/abcdefghijklmnopqrstuv",
        "/alice@example.org/notes", "/catalogue/gpus",
    )  # fmt: skip
    with serving([RIGWISE, "serve", "--port", str(port)], environment, port, tmp_path / "log") as address:
        for path in asked:
            httpx.get(address + path, headers={"x-request-id": "from-the-proxy-1", "user-agent": "Alice's own browser"})
    text = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    requests = [line for line in lines if line["event"] == "request" and line["request_id"] == "from-the-proxy-1"]
    assert [line["path"] for line in requests] == ["/", "/r/*", "/api/v1/results/*", "-", "/catalogue/gpus"]
    assert all(isinstance(line["ms"], float) and line["status"] in {200, 404, 422} for line in requests)
    assert not [word for word in ("secret-model", "1234", "alice", "Alice", "abcdefghijklmnopqrstuv", '127.0.0.1"') if word in text]


def with_metrics(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"metrics_token": SecretStr(TOKEN)}))


def test_figures_are_there_only_for_whoever_has_the_token(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 404
    with TestClient(with_metrics(settings)) as client:
        for offered in ("", "Bearer", f"Basic {TOKEN}", "Bearer another", f"Bearer {TOKEN}x"):
            assert client.get("/metrics", headers={"authorization": offered}).status_code == 404
        assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_requests_are_counted_under_their_route_and_never_under_what_was_typed(settings: Settings) -> None:
    with TestClient(with_metrics(settings)) as client:
        for path in ("/r/abcdefghijklmnopqrstuv", "/nowhere/secret", "/api/v1/catalogue/gpus?q=secret"):
            client.get(path)
        client.request("BREW", "/")
        figures = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    assert 'rigwise_requests_total{method="GET",route="/r/{result_id}",status="404"}' in figures
    assert 'route="none",status="404"' in figures
    assert 'method="other"' in figures
    assert "rigwise_catalogue_revision 1.0" in figures
    assert not [word for word in ("secret", "abcdefghijklmnop", "BREW") if word in figures]


def test_the_time_of_the_last_backup_is_among_the_figures(settings: Settings, tmp_path: Path) -> None:
    noon = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
    make_backup(settings.database_url, tmp_path / "night.backup", noon)
    with TestClient(with_metrics(settings)) as client:
        figures = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    line = next(line for line in figures.splitlines() if line.startswith("rigwise_last_backup_timestamp_seconds "))
    assert float(line.split()[1]) == noon.timestamp()


@pytest.mark.slow
def test_several_workers_add_up_their_figures(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "RIGWISE_DATABASE_URL": settings.database_url, "RIGWISE_METRICS_TOKEN": TOKEN}
    with serving([RIGWISE, "serve", "--workers", "2", "--port", str(port)], environment, port, tmp_path / "log") as address:
        for _ in range(40):
            httpx.get(f"{address}/method")  # a new connection each time, so that both workers get some
        figures = httpx.get(f"{address}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    assert 'rigwise_requests_total{method="GET",route="/method",status="200"} 40.0' in figures


def test_more_than_can_be_worked_on_is_told_to_come_back_and_health_goes_on() -> None:
    async def scenario() -> None:
        gate = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await gate.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        async def healthy(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        async def routed(scope: Scope, receive: Receive, send: Send) -> None:
            await (healthy if scope["path"] == "/healthz" else slow)(scope, receive, send)

        transport = httpx.ASGITransport(Overload(routed, most=3))
        async with httpx.AsyncClient(transport=transport, base_url="http://rigwise.test") as client:
            waiting = [asyncio.create_task(client.get("/api/v1/models")) for _ in range(3)]
            await asyncio.sleep(0.05)
            shed = await client.get("/api/v1/models")
            assert (shed.status_code, shed.headers["retry-after"]) == (503, "2")
            assert shed.headers["content-type"] == "application/problem+json"
            assert (await client.get("/healthz")).status_code == 200
            gate.set()
            assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * 3
            assert (await client.get("/api/v1/models")).status_code == 200, "it must recover"

    asyncio.run(scenario())


def test_health_is_answered_while_every_thread_is_busy(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, release = threading.Semaphore(0), threading.Event()

    def slow_advice(*_: object) -> dict[str, object]:
        arrived.release()
        release.wait(30)
        return {}

    job = {"kind": "classical", "library": "pandas", "algorithm": "read_csv", "rows": 1000, "columns": 10}
    app = create_app(settings)
    with TestClient(app) as client, ThreadPoolExecutor(POOL_SIZE + 4) as browsers:
        monkeypatch.setattr(type(app.state.site), "advice", slow_advice)
        waiting = [browsers.submit(client.post, "/api/v1/advise", json={"workload": job}) for _ in range(POOL_SIZE + 4)]
        try:
            assert all(arrived.acquire(timeout=10) for _ in range(POOL_SIZE))
            assert client.get("/healthz").status_code == 200
        finally:
            release.set()
        assert {answer.result().status_code for answer in waiting} == {200}


def test_the_garbage_collector_that_rests_while_the_site_starts_works_once_it_serves(settings: Settings) -> None:
    gc.disable()
    with TestClient(create_app(settings)):
        assert gc.isenabled()
