"""What holds for every answer of the site: headers, sizes, origins, allowances, ids."""

import json
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.web.middleware.body_limit import FORM_LIMIT_BYTES, JSON_LIMIT_BYTES
from app.web.middleware.security_headers import CONTENT_SECURITY_POLICY, HEADERS


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/?batch=-5", 422),
        ("GET", "/nowhere", 404),
        ("GET", "/r/unknown", 404),
        ("DELETE", "/", 405),
        ("GET", "/static/css/base.css", 200),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/api/v1/results/unknown", 404),
        ("GET", "/catalogue", 307),
        ("GET", "/healthz", 200),
    ],
)
def test_every_answer_carries_the_security_headers(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert {name for name in HEADERS if name not in answer.headers} == set()


def test_pages_are_compressed_for_whoever_accepts_it_but_not_behind_the_sign_in(client: TestClient) -> None:
    accepted, refused = (client.get("/catalogue/gpus", headers={"Accept-Encoding": coding}) for coding in ("gzip", "identity"))
    assert accepted.headers["content-encoding"] == "gzip"
    assert int(accepted.headers["content-length"]) < len(refused.content) / 3
    assert "content-encoding" not in refused.headers
    assert accepted.text == refused.text
    assert "Accept-Encoding" in accepted.headers["vary"]
    private = client.get("/admin/sign-in", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in private.headers


def test_a_failure_of_our_own_carries_them_too_and_names_its_log_line(site: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(site.state.site), "first_view", fail)
    answer = TestClient(site, raise_server_exceptions=False).get("/?batch=77")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-request-id"] in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_shared_results_do_not_leak_their_address(client: TestClient) -> None:
    assert client.get("/r/unknown").headers["referrer-policy"] in {"same-origin", "no-referrer"}


def test_two_megabytes_of_json_are_refused_by_their_announced_length(client: TestClient) -> None:
    answer = client.post("/api/v1/estimate", content=b" " * 2_000_000, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["title"] == "Too large"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_without_a_length_is_refused_once_it_is_too_large(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(JSON_LIMIT_BYTES // 1024 + 1):
            yield b" " * 1024

    answer = client.post("/api/v1/estimate", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_two_megabytes_of_form_are_refused_with_a_page(client: TestClient) -> None:
    answer = client.post("/", data={"paste": "x" * (FORM_LIMIT_BYTES + 1)})
    assert answer.status_code == 413
    assert "Too large" in answer.text


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://rigwise.test"}, True),
        ({"origin": "http://elsewhere.test"}, False),
        ({"origin": "null"}, False),
        ({}, True),
        ({"cookie": "theme=dark"}, False),
        ({"cookie": "theme=dark", "origin": "http://rigwise.test"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://rigwise.test"}, False),
    ],
)
def test_only_our_own_pages_may_change_anything(client: TestClient, headers: dict[str, str], passes: bool) -> None:
    answer = client.post("/theme", data={"theme": "dark", "back": "/"}, headers=headers)
    assert answer.status_code == (303 if passes else 403)


def test_sharing_too_often_is_refused_with_the_time_to_wait(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        answers = [client.post("/api/v1/results", json={"workload": {"kind": "?"}}) for _ in range(31)]
    assert {answer.status_code for answer in answers[:30]} == {422}
    assert answers[30].status_code == 429
    assert int(answers[30].headers["retry-after"]) > 0


def test_a_request_id_is_given_back_and_a_hostile_one_is_replaced(client: TestClient) -> None:
    assert client.get("/healthz", headers={"x-request-id": "from-the-proxy-1"}).headers["x-request-id"] == "from-the-proxy-1"
    replaced = client.get("/healthz", headers={"x-request-id": "<script>"}).headers["x-request-id"]
    assert "<" not in replaced


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"", 400),
        (b"[" * 20_000, 422),
        (b"[" * 100 + b"]" * 100, 422),
        (b'{"kind": NaN}', 422),
        (b'{"kind": 1' + b"0" * 5000 + b"}", 422),
        (b'{"kind": 1e999}', 422),
        (b'{"kind": 10000000000000000000000}', 422),
        (json.dumps({"kind": "a\0b"}).encode(), 422),
    ],
)
def test_hostile_json_is_a_problem_document_and_never_a_failure(client: TestClient, body: bytes, status: int) -> None:
    answer = client.post("/api/v1/estimate", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


def test_a_body_that_is_not_announced_as_json_is_refused(client: TestClient) -> None:
    assert client.post("/api/v1/estimate", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
