"""Naming a repository of the hub in the form: switched off by default, and nothing typed is lost."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.hub.client import Hub
from app.hub.network import GuardedTransport
from app.main import create_app
from app.settings import Settings
from tests.hub.fake import fake_hub
from tests.web.markup import read

FORM = {"task": "run", "budget": "EUR 4000"}


@pytest.fixture
def asking(settings: Settings) -> Iterator[tuple[TestClient, list[str]]]:
    """A browser on a site with the hub switched on, and what a fake hub was asked."""
    app: FastAPI = create_app(settings.model_copy(update={"hub": True}))
    with fake_hub() as (origin, asked), TestClient(app, base_url="http://rigwise.test") as client:
        hub = Hub(origin, lambda: GuardedTransport(seconds=1, allowed=lambda _: True))
        app.state.site = type(app.state.site)(**{
            name: getattr(app.state.site, name) for name in ("settings", "database", "catalogue")
        }, hub=hub)  # fmt: skip
        yield client, asked


def test_a_repository_becomes_the_model_of_the_form(asking: tuple[TestClient, list[str]]) -> None:
    client, asked = asking
    answer = client.post("/hub", data={**FORM, "repository": "acme/fine"})
    page = read(answer.text)
    assert answer.status_code == 200
    assert page.all("h1")[0].text.startswith("You need ")
    assert '"hidden_size":512' in page.value_of("config")
    assert page.value_of("budget") == "EUR 4000"
    assert asked == ["/acme/fine/resolve/main/config.json"]


@pytest.mark.parametrize("name", ["missing", "not-json", "..", "<script>"])
def test_what_cannot_be_used_is_told_at_the_field_and_stays_as_typed(asking: tuple[TestClient, list[str]], name: str) -> None:
    answer = asking[0].post("/hub", data={**FORM, "repository": f"acme/{name}"})
    page = read(answer.text)
    assert answer.status_code == 422
    assert page.value_of("repository") == f"acme/{name}"
    assert page.value_of("budget") == "EUR 4000"
    assert page.by_id("repository-error").text.strip()


def test_typing_asks_nobody(asking: tuple[TestClient, list[str]]) -> None:
    for path in ("/", "/answer"):
        asking[0].get(path, params={**FORM, "repository": "acme/fine"})
        asking[0].post(path, data={**FORM, "repository": "acme/fine"})
    assert asking[1] == []


def test_looking_up_too_often_is_refused(asking: tuple[TestClient, list[str]]) -> None:
    answers = [asking[0].post("/hub", data={**FORM, "repository": "acme/fine"}).status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]


def test_a_site_with_the_hub_switched_off_neither_offers_nor_does_it(client: TestClient) -> None:
    assert not read(client.get("/?task=run").text).all("input", name="repository")
    refused = client.post("/hub", data={**FORM, "repository": "acme/fine"})
    assert refused.status_code == 422
    assert "does not ask" in refused.text
