"""Who may open what below /admin: the routes are read from the application, so that a new one without a rule fails."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import text
from starlette.testclient import TestClient

from app import clock
from app.accounts.audit import COMMAND_LINE
from app.accounts.users import disable, user_named
from app.main import create_app
from app.settings import Settings
from app.web.session_cookie import SECURE_NAME
from tests.accounts.builders import PASSWORD
from tests.security.conftest import HOST, OWN, SignIn, browser_of

FOR_STRANGERS = {("GET", "/admin/sign-in"), ("POST", "/admin/sign-in")}
FOR_ADMINISTRATORS = re.compile(r"/admin/(users|audit)|/admin/revisions/{number}/roll-back")
ASKS_FOR_THE_PASSWORD = "Confirm that it is you"
EXAMPLES = {"item_id": "rtx-3090", "number": "1", "kind": "gpu", "table": "gpu", "name": "dee", "how": "to", "act": "disable"}


def _routes(routes: list[object]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _routes(list(getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", [])))


def admin_routes() -> list[tuple[str, str]]:
    """Method and address of every route below /admin."""
    app = create_app(Settings(database_url="sqlite://"))
    found = {(method, route.path) for route in _routes(list(app.routes)) for method in route.methods if route.path.startswith("/admin")}
    return sorted(found)


ORIGINS: list[tuple[dict[str, str], bool]] = [
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": HOST}, False),
    ({"Origin": HOST}, True),
    ({"Origin": "https://evil.test"}, False),
    ({"Origin": "null"}, False),
    ({}, False),
]
GUARDED = [route for route in admin_routes() if route not in FOR_STRANGERS]


def address(path: str) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda name: EXAMPLES[name[1]], path)


def test_the_routes_are_found() -> None:
    assert set(admin_routes()) >= FOR_STRANGERS
    assert len(GUARDED) >= 10


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_stranger_is_sent_to_the_door(shared_site: FastAPI, method: str, path: str) -> None:
    answer = browser_of(shared_site).request(method, address(path))
    if method == "GET":
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/admin/sign-in")
    else:
        assert answer.status_code == 401
        assert 'name="password"' in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_an_editor_may_do_what_editors_do_and_nothing_more(shared_site: FastAPI, method: str, path: str) -> None:
    answer = browser_of(shared_site, "bob").request(method, address(path))
    refused = answer.status_code == 403 and ASKS_FOR_THE_PASSWORD not in answer.text
    assert refused == bool(FOR_ADMINISTRATORS.match(path)), answer.text[:2000]
    assert answer.status_code < 500
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_an_administrator_may_do_everything(shared_site: FastAPI, method: str, path: str) -> None:
    answer = browser_of(shared_site, "ada").request(method, address(path))
    assert answer.status_code in {200, 303, 404, 409, 422}, answer.text[:2000]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_user_with_a_first_password_reaches_the_account_alone(shared_site: FastAPI, method: str, path: str) -> None:
    answer = browser_of(shared_site, "cy").request(method, address(path))
    if not path.startswith(("/admin/account", "/admin/sign-out")):
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/account")


@pytest.mark.parametrize(("method", "path"), [route for route in admin_routes() if route[0] == "POST"])
def test_a_form_of_another_site_is_refused(shared_site: FastAPI, method: str, path: str) -> None:
    for headers, let_through in ORIGINS:
        answer = browser_of(shared_site, "bob", headers=headers).post(address(path))
        assert ("came from another site" not in answer.text) == let_through, headers


def test_reading_pages_never_writes(site: FastAPI) -> None:
    browser = browser_of(site, "ada")
    with site.state.site.database.read() as session:
        before = session.scalar(text("SELECT count(*) FROM audit_entry")), session.scalar(text("SELECT max(id) FROM revision"))
    for method, path in GUARDED:
        if method == "GET":
            browser.get(address(path))
    with site.state.site.database.read() as session:
        assert before == (session.scalar(text("SELECT count(*) FROM audit_entry")), session.scalar(text("SELECT max(id) FROM revision")))


def test_the_cookie_is_bound_to_the_host_and_out_of_reach_of_scripts(stranger: TestClient) -> None:
    answer = stranger.post("/admin/sign-in", data={"name": "ada", "password": PASSWORD})
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == SECURE_NAME
    marks = {mark.strip().lower() for mark in rest.split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= marks
    assert not any(mark.startswith("domain") for mark in marks)


def test_a_token_that_was_planted_before_signing_in_is_worth_nothing(site: FastAPI, sign_in: SignIn) -> None:
    planted = sign_in("bob").cookies[SECURE_NAME]
    victim = TestClient(site, base_url=HOST, follow_redirects=False, headers=OWN, cookies={SECURE_NAME: planted})
    victim.post("/admin/sign-in", data={"name": "ada", "password": PASSWORD})
    attacker = TestClient(site, base_url=HOST, follow_redirects=False, headers=OWN, cookies={SECURE_NAME: planted})
    assert attacker.get("/admin").status_code == 303
    made_up = TestClient(site, base_url=HOST, follow_redirects=False, headers=OWN, cookies={SECURE_NAME: "x" * 43})
    made_up.post("/admin/sign-in", data={"name": "ada", "password": PASSWORD})
    stale = TestClient(site, base_url=HOST, follow_redirects=False, headers=OWN, cookies={SECURE_NAME: "x" * 43})
    assert stale.get("/admin").status_code == 303


def test_signing_out_ends_the_session_on_the_server(site: FastAPI, sign_in: SignIn) -> None:
    browser = sign_in("ada")
    token = browser.cookies[SECURE_NAME]
    assert browser.post("/admin/sign-out").status_code == 303
    again = TestClient(site, base_url=HOST, follow_redirects=False, headers=OWN, cookies={SECURE_NAME: token})
    assert again.get("/admin").status_code == 303


def test_a_disabled_user_is_out_with_the_next_request(site: FastAPI, sign_in: SignIn) -> None:
    browser = sign_in("bob")
    with site.state.site.database.write() as session:
        disable(session, user_named(session, "bob"), COMMAND_LINE, clock.now())
    assert browser.get("/admin").status_code == 303


def test_every_failure_to_sign_in_looks_the_same(stranger: TestClient) -> None:
    answers = [
        stranger.post("/admin/sign-in", data={"name": name, "password": password, "code": code})
        for name, password, code in (("ada", "wrong", ""), ("nobody", PASSWORD, ""), ("ada", "wrong", "123456"))
    ]
    pages = {re.sub(r'value="(ada|nobody)"', "", answer.text) for answer in answers}
    assert {answer.status_code for answer in answers} == {403}
    assert len(pages) == 1


def test_the_sixth_failure_is_429_with_retry_after_and_the_form_keeps_the_name(stranger: TestClient) -> None:
    for _ in range(5):
        assert stranger.post("/admin/sign-in", data={"name": "ada", "password": "wrong"}).status_code == 403
    answer = stranger.post("/admin/sign-in", data={"name": "ada", "password": PASSWORD})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 61
    assert 'value="ada"' in answer.text
    assert PASSWORD not in answer.text


def test_a_first_password_must_be_changed_before_anything_else(sign_in: SignIn) -> None:
    browser = sign_in("cy")
    assert browser.get("/admin").headers["location"] == "/admin/account"
    fields = {"current_password": PASSWORD, "password": "quite another long one", "password_again": "quite another long one"}
    assert browser.post("/admin/account/password", data=fields).status_code == 303
    assert browser.get("/admin").status_code == 200


@pytest.mark.parametrize("next_", ["//evil.test", "https://evil.test", "/\\evil.test", "/admin/\\evil", "/catalogue", "/admin/\r\nX: y"])
def test_signing_in_leads_only_to_admin_pages(stranger: TestClient, next_: str) -> None:
    answer = stranger.post("/admin/sign-in", data={"name": "ada", "password": PASSWORD, "next": next_})
    assert answer.headers["location"] == "/admin"


def test_signing_in_goes_on_to_the_page_that_was_wanted(stranger: TestClient) -> None:
    door = stranger.get("/admin/account")
    assert 'value="/admin/account"' in stranger.get(door.headers["location"]).text
    answer = stranger.post("/admin/sign-in", data={"name": "ada", "password": PASSWORD, "next": "/admin/account"})
    assert answer.headers["location"] == "/admin/account"


def test_a_form_that_arrives_after_the_session_ended_is_kept_until_one_is_signed_in(stranger: TestClient) -> None:
    stopped = stranger.post("/admin/account/sessions/end", data={"session": "abc", "password": "never written back"})
    assert stopped.status_code == 401
    assert 'name="carried:session" value="abc"' in stopped.text
    assert "never written back" not in stopped.text
    resume = {"name": "ada", "password": PASSWORD, "resume": "/admin/account/sessions/end", "carried:session": "abc"}
    page = stranger.post("/admin/sign-in", data=resume).text
    assert 'action="/admin/account/sessions/end"' in page
    assert 'name="session" value="abc"' in page


def test_a_dangerous_act_asks_for_the_password_and_then_goes_on(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, then = sign_in("ada"), clock.now() + timedelta(minutes=11)
    monkeypatch.setattr(clock, "now", lambda: then)
    asked = browser.post("/admin/account/second-factor", data={"kept": "as typed"})
    assert asked.status_code == 403
    assert ASKS_FOR_THE_PASSWORD in asked.text
    assert 'name="kept" value="as typed"' in asked.text
    wrong = browser.post("/admin/account/second-factor", data={"confirm_password": "wrong"})
    assert "not your password" in wrong.text
    right = browser.post("/admin/account/second-factor", data={"confirm_password": PASSWORD})
    assert right.headers["location"] == "/admin/account/second-factor"
    assert "data:image/svg+xml" in browser.get("/admin/account/second-factor").text
    assert browser.post("/admin/account/second-factor").status_code == 303, "not asked again within ten minutes"
