"""An answer is shared, stays what it was, and can be compared."""

import csv
import io
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from app.estimation.estimate import ESTIMATOR_VERSION
from app.web.contexts.result_text import escaped
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
    address = next(link for link in links(page) if link.endswith(".json"))
    document = client.get(address).json()
    assert document == client.get(f"/api/v1/results/{shared.removeprefix('/r/')}").json()
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
    first, second = (cell.text for cell in page.all("th", scope="col"))
    assert "Llama 3.1 8B" in first
    assert "ResNet-50" in second
    assert "differs" in page.all("tbody")[0].text


def test_machines_of_one_answer_are_compared_and_the_best_of_each_row_is_told(client: TestClient, shared: str) -> None:
    page = read(client.get("/compare", params={"r": shared.removeprefix("/r/")}).text)
    others = [link for link in links(page) if "~" in link]
    two = read(client.get(others[0]).text)
    assert len(two.all("th", scope="col")) == 2
    price = next(row for row in two.all("tr") if row.text.strip().startswith("Price"))
    assert price.text.count("best") == 1
    job = next(row for row in two.all("tr") if row.text.strip().startswith("Job"))
    assert "differs" not in job.text
    switch = next(link for link in links(two) if "differences=true" in link and ".csv" not in link)
    assert "Job" not in read(client.get(switch).text).all("tbody")[0].text
    assert client.get(f"{shared.replace('/r/', '/compare?r=')}~nothing").status_code == 404


def test_the_picks_of_a_shared_answer_are_compared_by_one_link(client: TestClient, shared: str) -> None:
    page = read(client.get(shared).text)
    link = next(link.attributes["href"] for link in page.all("a") if link.text == "Compare its machines")
    heads = read(client.get(link).text).all("th", scope="col")
    picks = client.get(f"{shared}.json").json()["advice"]["picks"]
    assert len(heads) == len({pick["machine"]["id"] for pick in picks}) > 1


def test_a_comparison_can_be_taken_along(client: TestClient, shared: str) -> None:
    rows = list(csv.reader(io.StringIO(client.get("/compare.csv", params={"r": shared.removeprefix("/r/")}).text)))
    assert rows[0][1].endswith(f"({shared.removeprefix('/r/')})")
    assert ["Estimator", ESTIMATOR_VERSION] in rows


def test_a_column_is_taken_away_by_its_link(client: TestClient, shared: str) -> None:
    page = read(client.get("/compare", params={"r": shared.removeprefix("/r/")}).text)
    assert next(link.attributes["href"] for link in page.all("a") if link.text.startswith("Remove")) == "/compare"


def test_the_parts_and_the_maths_of_a_result_are_files(client: TestClient, shared: str) -> None:
    document = client.get(f"{shared}.json").json()
    bill = list(csv.DictReader(io.StringIO(client.get(f"{shared}.csv").text)))
    pick = document["advice"]["picks"][0]
    mine = [row for row in bill if row["role"] == pick["role"]]
    total = sum(Decimal(row["unit_price"]) * int(row["quantity"]) for row in mine)
    assert str(total) == pick["machine"]["price"]["total"]["amount"]
    assert all(row["source"] and row["observed_on"] for row in mine)
    maths = list(csv.DictReader(io.StringIO(client.get(f"{shared}/maths.csv").text)))
    of_gpu = sum(int(row["bytes"]) for row in maths if row["ledger"] == "gpu_memory")
    assert of_gpu == document["advice"]["estimate"]["gpu_memory"]["required_bytes"]


def test_a_result_is_a_card_of_plain_text_and_a_markdown_document(client: TestClient, shared: str) -> None:
    page = read(client.get(shared).text)
    card = client.get(f"{shared}.txt").text
    assert card.strip() == page.all("pre")[0].text
    assert card.endswith(f"http://rigwise.test{shared}\n")
    assert len(card.splitlines()) < 16
    document = client.get(f"{shared}.md").text
    assert document.startswith("# You need ")
    assert "## The question" in document
    assert "not current" in document
    rows = [line for line in document.splitlines() if line.startswith("|")]
    assert all(line.endswith(" |") for line in rows)


def test_markdown_shows_what_people_typed_as_text() -> None:
    assert escaped("a|b <script>\n*c*") == r"a\|b \<script\> \*c\*"


@pytest.mark.parametrize("form", ["", ".json", ".md", ".txt", ".csv", "/maths.csv"])
def test_every_form_of_a_result_is_private_and_not_sent_twice(client: TestClient, shared: str, form: str) -> None:
    answer = client.get(shared + form)
    again = client.get(shared + form, headers={"If-None-Match": answer.headers["etag"]})
    assert (answer.status_code, again.status_code) == (200, 304)
    for one in (answer, again):
        assert (one.headers["referrer-policy"], one.headers["x-robots-tag"]) == ("no-referrer", "noindex")
    assert client.get(f"/r/{'A' * 22}{form}").status_code == 404


def test_a_shared_answer_tells_other_programs_what_it_is(client: TestClient, shared: str) -> None:
    page = read(client.get(shared).text)
    told = {meta.attributes["property"]: meta.attributes["content"] for meta in page.all("meta") if "property" in meta.attributes}
    assert told["og:url"] == f"http://rigwise.test{shared}"
    assert "Llama 3.1 8B" in told["og:title"]
    assert told["og:description"].startswith("You need ")


def test_a_comparison_starts_empty_and_holds_four_at_most(client: TestClient, shared: str) -> None:
    assert read(client.get("/compare").text).by_id("r")
    assert client.get("/compare", params={"r": ["A" * 22]}).status_code == 404
    assert client.get("/compare", params={"r": [f"{letter * 22}" for letter in "ABCDE"]}).status_code == 422


@pytest.mark.parametrize("address", ["/", "/r/x?y=z", "/catalogue/gpus"])
def test_own_addresses_stay(address: str) -> None:
    assert own_address(address) == address
    assert not urlsplit(own_address(address)).netloc
