"""An answer is shared, stays what it was, and can be compared."""

from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from app.web.routes.theme import own_address
from tests.web.markup import Page, read


@pytest.fixture(scope="module")
def shared(site: object) -> str:
    """The address of a shared answer."""
    client = TestClient(site, base_url="http://rigwise.test", follow_redirects=False)  # type: ignore[arg-type]
    return share(client, "/?preset=lora-8b")


def share(client: TestClient, address: str) -> str:
    """Press the share button on a page."""
    page = read(client.get(address).text)
    answer = client.post("/results", data={"request": page.value_of("request")}, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 303
    return str(answer.headers["location"])


def links(page: Page) -> list[str]:
    return [link.attributes["href"] for link in page.all("a")]


def test_the_share_button_leads_to_an_address_that_cannot_be_guessed(shared: str) -> None:
    assert shared.startswith("/r/")
    assert len(shared) == len("/r/") + 22


def test_a_shared_answer_shows_what_was_asked_what_was_answered_and_what_it_costs_today(client: TestClient, shared: str) -> None:
    page = read(client.get(shared).text)
    assert "Llama 3.1 8B" in page.all("h1")[0].text
    assert "Fine-tune with LoRA" in page.all("dl")[0].text
    assert page.by_id("receipt").text.startswith("With today's prices: ")
    assert "The pick would be the same." in page.by_id("receipt").text
    assert page.by_id("maths").text


def test_a_shared_answer_is_not_indexed_sets_no_cookie_and_leaks_no_referrer(client: TestClient, shared: str) -> None:
    answer = client.get(shared)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in answer.headers


def test_a_copy_can_be_edited_and_starts_as_the_same_job(client: TestClient, shared: str) -> None:
    page = read(client.get(shared).text)
    copy = next(link.attributes["href"] for link in page.all("a") if link.text == "Edit a copy")
    original = read(client.get("/?preset=lora-8b").text)
    assert read(client.get(copy).text).value_of("request") == original.value_of("request")


def test_the_json_of_a_shared_answer_is_what_the_page_was_made_of(client: TestClient, shared: str) -> None:
    page = read(client.get(shared).text)
    address = next(link for link in links(page) if link.startswith("/api/v1/results/"))
    document = client.get(address).json()
    assert document["request"]["workload"]["tuning"]["method"] == "lora"
    assert document["advice"]["picks"]
    assert document["id"] == shared.removeprefix("/r/")


def test_the_api_shares_too_and_says_where(client: TestClient) -> None:
    request = {"workload": {"kind": "inference", "model": {"parameters": 7_000_000_000}, "parallelism": "auto"}}
    answer = client.post("/api/v1/results", json=request)
    assert answer.status_code == 201
    assert answer.headers["location"] == answer.json()["url"]
    assert client.get(answer.headers["location"]).status_code == 200


@pytest.mark.parametrize("unknown", ["unknown", "A" * 22, "..%2f..", "a" * 500])
def test_addresses_that_lead_nowhere_all_look_the_same(client: TestClient, unknown: str) -> None:
    answer = client.get(f"/r/{unknown}")
    assert answer.status_code == 404
    if "/" not in unknown and "%" not in unknown:
        assert answer.text == client.get("/r/other").text.replace("/r/other", f"/r/{unknown}")


@pytest.mark.parametrize("request_text", ["", "{", "[]", '{"workload": {"kind": "training"}}'])
def test_what_cannot_be_answered_cannot_be_shared(client: TestClient, request_text: str) -> None:
    answer = client.post("/results", data={"request": request_text})
    assert answer.status_code in {400, 422}
    assert read(answer.text).all("h1")


def test_results_are_compared_by_id_or_by_link(client: TestClient, shared: str) -> None:
    other = share(client, "/?preset=resnet50")
    page = read(client.get("/compare", params={"r": [shared.removeprefix("/r/"), f"https://rigwise.test{other}"]}).text)
    headings = [cell.text for cell in page.all("th", scope="col")]
    assert headings[1].startswith("Llama 3.1 8B")
    assert headings[2].startswith("ResNet-50")
    assert "differs" in page.all("tbody")[0].text


def test_a_comparison_starts_empty_and_holds_four_at_most(client: TestClient, shared: str) -> None:
    assert read(client.get("/compare").text).by_id("r")
    assert client.get("/compare", params={"r": ["A" * 22]}).status_code == 404
    assert client.get("/compare", params={"r": [f"{letter * 22}" for letter in "ABCDE"]}).status_code == 422


@pytest.mark.parametrize("address", ["/", "/r/x?y=z", "/catalogue/gpus"])
def test_own_addresses_stay(address: str) -> None:
    assert own_address(address) == address
    assert not urlsplit(own_address(address)).netloc
