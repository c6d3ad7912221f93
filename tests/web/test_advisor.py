"""The advisor's page: a form whose state is its address, an answer beside it, errors at their fields."""

import json
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.testclient import TestClient

from app.workloads.presets import Preset, presets
from tests.web.markup import Page, read

HTMX = {"HX-Request": "true"}
SMALL_LLAMA = {
    "model_type": "llama",
    "hidden_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "intermediate_size": 1376,
    "vocab_size": 32000,
}


def test_the_first_page_shows_a_job_with_its_answer(client: TestClient) -> None:
    page = read(client.get("/").text)
    assert page.value_of("model") == "meta-llama/Llama-3.1-8B"
    assert page.all("h1")[0].text.startswith("You need ")
    assert page.by_id("picks").text.strip()


@pytest.mark.parametrize(("address", "swapped"), [("/", ""), ("/answer", ' hx-swap-oob="true"')])
def test_a_known_data_set_tells_its_samples_and_size_where_it_is_chosen(client: TestClient, address: str, swapped: str) -> None:
    page = client.get(address, params={"task": "images", "dataset": "imagenet-1k"}, headers={"HX-Request": "true"} if swapped else {})
    assert page.status_code == 200
    assert f'<span class="hint" id="dataset-hint"{swapped}>1.28 M images, 150 GB</span>' in page.text


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.id)
def test_every_example_is_one_click_and_has_an_answer(client: TestClient, preset: Preset) -> None:
    answer = client.get(f"/?preset={preset.id}")
    assert answer.status_code == 200
    assert "You need" in read(answer.text).all("h1")[0].text


def test_loose_units_are_kept_as_they_were_typed(client: TestClient) -> None:
    page = read(client.get("/", params={"sequence": "8k", "data": "1.5 TB", "budget": "EUR 4 000"}).text)
    assert [page.value_of(name) for name in ("sequence", "data", "budget")] == ["8k", "1.5 TB", "EUR 4 000"]


def test_errors_come_with_status_422_a_summary_and_everything_kept(client: TestClient) -> None:
    answer = client.get("/", params={"batch": "-5", "budget": "300 XYZ", "sequence": "4096", "rank": "32", "data": "120 GB"})
    page = read(answer.text)
    assert answer.status_code == 422
    assert page.all("title")[0].text.startswith("Error: ")
    assert [link.attributes["href"] for link in page.all("a") if "section#error_summary" in link.parents] == ["#batch"]
    assert [page.value_of(name) for name in ("batch", "budget", "rank", "data")] == ["-5", "300 XYZ", "32", "120 GB"]
    assert page.by_id("batch").attributes["aria-describedby"] == "batch-error"
    assert "-5" in page.by_id("batch-error").text


def test_a_currency_without_a_rate_is_told_at_the_budget(client: TestClient) -> None:
    answer = client.get("/", params={"budget": "300 XYZ"})
    assert answer.status_code == 422
    assert "XYZ" in read(answer.text).by_id("budget-error").text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("sequence", "1e400"),
        ("batch", "9" * 40),
        ("data", "-1 TB"),
        ("rank", "0"),
        ("epochs", "nan"),
        ("max_watts", "lots"),
        ("owned", "a flux capacitor"),
    ],
)
def test_absurd_values_are_refused_at_their_field(client: TestClient, field: str, text: str) -> None:
    answer = client.get("/", params={field: text})
    assert answer.status_code == 422
    assert read(answer.text).by_id(f"{field}-error").text


def test_an_unknown_field_is_named(client: TestClient) -> None:
    answer = client.get("/?colour=blue")
    assert answer.status_code == 422
    assert "colour" in read(answer.text).by_id("error_summary").text


def test_an_unknown_model_is_told_with_what_may_have_been_meant(client: TestClient) -> None:
    page = read(client.get("/", params={"model": "llama 3.1"}).text)
    assert page.by_id("model-error").text
    assert "meta-llama/Llama-3.1-8B" in [button.attributes["value"] for button in page.all("button", name="pick")]


def test_a_model_picked_from_the_list_wins_over_the_search_text(client: TestClient) -> None:
    page = read(client.get("/", params={"model": "qwen", "pick": "Qwen/Qwen3-32B"}).text)
    assert page.value_of("model") == "Qwen/Qwen3-32B"


def test_a_models_plain_name_is_enough(client: TestClient) -> None:
    by_name, by_id = (client.get("/", params={"model": model}).text for model in ("llama 3.1 70b", "meta-llama/Llama-3.1-70B"))
    assert read(by_name).all("h1")[0].text == read(by_id).all("h1")[0].text


def test_typed_markup_is_shown_as_text(client: TestClient) -> None:
    hostile = '"><script>alert(1)</script>'
    for field in ("model", "batch", "budget", "owned", "data"):
        html = client.get("/", params={field: hostile}).text
        assert "<script>alert" not in html
        assert escape(hostile) in html.replace("&#34;", "&quot;")


def test_a_pasted_config_json_moves_into_the_address(client: TestClient) -> None:
    answer = client.post("/", data={"paste": json.dumps(SMALL_LLAMA, indent=2), "sequence": "1024"})
    assert answer.status_code == 303
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["sequence"] == ["1024"]
    page = read(client.get(answer.headers["location"]).text)
    assert page.value_of("config") == query["config"][0]
    assert "You need" in page.all("h1")[0].text


def test_a_config_json_too_long_for_an_address_is_posted_on(client: TestClient) -> None:
    answer = client.post("/", data={"paste": json.dumps({**SMALL_LLAMA, "note": "x" * 5000})})
    page = read(answer.text)
    assert answer.status_code == 200
    assert page.by_id("form").attributes["method"] == "post"
    assert page.by_id("form").attributes["hx-post"] == "/answer"


@pytest.mark.parametrize("paste", ["this is not json", "[1]", '{"hidden_size": 3}'])
def test_a_config_json_that_cannot_be_used_is_told_and_kept(client: TestClient, paste: str) -> None:
    answer = client.post("/", data={"paste": paste, "batch": "3"})
    page = read(answer.text)
    assert answer.status_code == 422
    assert page.value_of("batch") == "3"
    assert paste in page.by_id("paste").text or page.value_of("config")
    assert page.by_id("error_summary").text


def test_the_live_answer_is_the_same_as_the_whole_page(client: TestClient) -> None:
    query = urlencode({"task": "run", "weights": "q8_0", "context": "16k"})
    whole, part = read(client.get(f"/?{query}").text), read(client.get(f"/answer?{query}", headers=HTMX).text)
    assert part.by_id("answer").text == whole.by_id("answer").text


def test_the_live_answer_puts_the_shortest_address_of_the_job_into_the_browser(client: TestClient) -> None:
    answer = client.get("/answer?sequence=4096&batch=8&precision=bf16", headers=HTMX)
    assert answer.headers["hx-replace-url"] == "/?batch=8"
    assert "HX-Request" in answer.headers["vary"]


def test_the_live_answer_waits_without_scolding(client: TestClient) -> None:
    answer = client.get("/answer?batch=", headers=HTMX)
    assert answer.status_code == 200
    answer = client.get("/answer?batch=x", headers=HTMX)
    assert answer.status_code == 422
    assert "Waiting" in read(answer.text).all("h1")[0].text


def test_the_answers_address_without_htmx_is_the_whole_page(client: TestClient) -> None:
    assert read(client.get("/answer?batch=8").text).all("form", id="form")


def question_in(page: Page) -> dict[str, str]:
    """What the form of the levers sends."""
    (field,) = [one for one in page.all("input", name="job") if "section#levers" in one.parents]
    return {"job": field.attributes["value"]}


def lever_links(page: Page) -> list[str]:
    return [link.attributes["href"] for link in page.all("a") if "section#levers" in link.parents]


def test_a_lever_leads_to_the_form_with_the_change_made(client: TestClient) -> None:
    question = question_in(read(client.get("/?preset=lora-8b").text))
    page = read(client.post("/levers", data=question).text)
    links = lever_links(page)
    assert links
    assert client.get(links[0]).status_code == 200


def test_the_levers_are_the_same_in_the_page_without_scripts_and_in_the_part_for_htmx(client: TestClient) -> None:
    question = question_in(read(client.get("/?preset=405b-300").text))
    whole, part = (read(client.post("/levers", data=question, headers=headers).text) for headers in ({}, HTMX))
    assert whole.by_id("levers").text == part.by_id("levers").text
    assert len(lever_links(part)) > 1
    assert not part.all("h1")


def test_levers_of_something_else_than_a_request_are_refused(client: TestClient) -> None:
    for question in ("", "{", "[]", '{"workload": {"kind": "training"}}', "\0", "{" * 9000):
        assert client.post("/levers", data={"job": question}).status_code in {400, 422}


def test_no_gpu_is_shown_for_work_on_the_processor(client: TestClient) -> None:
    page = read(client.get("/?preset=random-forest").text)
    assert "no GPU" in page.all("h1")[0].text
    assert "GPU memory" not in page.by_id("needs").text


def test_a_budget_that_is_too_small_is_answered_with_what_it_would_cost(client: TestClient) -> None:
    page = read(client.get("/?preset=405b-300").text)
    assert "No machine for $300 does it; the cheapest that does costs $" in page.all("h1")[0].text
    assert page.by_id("blockers").text.strip()
    assert question_in(page)


def test_models_are_searched_as_one_types(client: TestClient) -> None:
    options = read(client.get("/models?model=llama+70b", headers=HTMX).text)
    assert "meta-llama/Llama-3.1-70B" in [button.attributes["value"] for button in options.all("button")]
    assert read(client.get("/models?model=llama").text).all("table")


def test_the_theme_is_kept_in_a_cookie_that_the_page_obeys(client: TestClient) -> None:
    answer = client.post("/theme", data={"theme": "dark", "back": "/catalogue/gpus?q=a"})
    assert answer.headers["location"] == "/catalogue/gpus?q=a"
    assert read(client.get("/").text).all("html")[0].attributes["data-theme"] == "dark"


@pytest.mark.parametrize("back", ["https://elsewhere.test/", "//elsewhere.test", "/\\elsewhere.test", "javascript:alert(1)", ""])
def test_the_theme_switch_leads_nowhere_else(client: TestClient, back: str) -> None:
    assert client.post("/theme", data={"theme": "light", "back": back}).headers["location"] == "/"
