"""Several jobs on one machine: described one after the other, answered together, shared, and told apart where one is wrong."""

import csv
import io
import json
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from tests.web.markup import Page, read

HTMX = {"HX-Request": "true"}
CHAT = "task=run&context=16k"
FOREST = "task=tabular&rows=2M"
Pairs = list[tuple[str, str]]


def pressed(client: TestClient, page: Page, button: str, value: str) -> Page:
    """The page after a button of the form is pressed in a browser without scripts."""
    answer = client.get("/jobs", params=[*fields(page), (button, value)])
    assert answer.status_code == 303
    return read(client.get(answer.headers["location"]).text)


def fields(page: Page) -> Pairs:
    """What a browser would send of the form, buttons and boxes apart."""
    inputs = [one.attributes for one in page.all("input") if "form#form" in one.parents]
    typed = [(one["name"], one["value"]) for one in inputs if one["type"] in {"text", "hidden"}]
    chosen = [(one["name"], one["value"]) for one in inputs if one["type"] == "radio" and "checked" in one]
    return [*typed, *((one.attributes["name"], page.value_of(one.attributes["name"])) for one in page.all("select")), *chosen]


def jobs(page: Page) -> list[str]:
    return [" ".join(one.text.split()) for one in page.all("li") if "ol" in one.parents and "fieldset#job_set" in one.parents]


def figure(page: Page, label: str) -> str:
    terms = [one.text for one in page.all("dt") if "dl#needs" in one.parents]
    figures = [one.text for one in page.all("dd", class_="figure")]
    return dict(zip(terms, figures, strict=True))[label]


def request_of(page: Page) -> dict[str, object]:
    (share,) = [one for one in page.all("input", name="request") if "form#share" in one.parents]
    found: dict[str, object] = json.loads(share.attributes["value"])
    return found


def address(*beside: str, **own: str) -> str:
    return f"/?{urlencode([*own.items(), *(('with', job) for job in beside)])}"


def test_another_job_is_added_beside_the_first_one_and_both_are_answered_within_the_same_budget(client: TestClient) -> None:
    alone = read(client.get("/?preset=lora-8b").text)
    assert jobs(alone) == []
    both = pressed(client, alone, "add", "yes")
    first, second = jobs(both)
    assert "LoRA r16" in first
    assert "in the fields below" in second
    assert both.all("h1")[0].text.startswith("The neediest of two jobs needs ")
    assert request_of(both)["limits"] == request_of(alone)["limits"]
    assert figure(both, "GPU memory") == figure(alone, "GPU memory")


def test_jobs_at_once_need_the_memory_of_all(client: TestClient) -> None:
    either, at_once = (read(client.get(address(CHAT, together=manner)).text) for manner in ("either", "at_once"))
    assert at_once.all("h1")[0].text.startswith("Two jobs at once need ")
    sizes = [float(figure(page, "GPU memory").split()[0]) for page in (either, at_once)]
    assert sizes[0] < sizes[1]
    assert [page.value_of("job") for page in (either, at_once)] == ["2", "2"]


def test_a_job_is_taken_into_the_fields_and_a_job_is_removed_without_a_change_of_the_others(client: TestClient) -> None:
    page = read(client.get(address(CHAT, FOREST, model="resnet50", task="images")).text)
    first = pressed(client, page, "edit", "1")
    assert first.value_of("context") == "16k"
    assert request_of(first) == request_of(page)
    two = pressed(client, first, "remove", "2")
    assert [workload["kind"] for workload in request_of(two)["workloads"]] == ["inference", "training"]  # type: ignore[attr-defined]
    one = pressed(client, two, "remove", "1")
    assert request_of(one)["workload"]["model"]["preset"] == "resnet50"  # type: ignore[index]
    assert jobs(one) == []


def test_while_one_job_is_typed_its_row_and_the_address_follow(client: TestClient) -> None:
    answer = client.get(address(FOREST, task="run", context="32k").replace("/?", "/answer?"), headers=HTMX)
    page = read(answer.text)
    assert answer.status_code == 200
    assert answer.headers["hx-replace-url"].count("with=") == 1
    assert "32k context" in page.by_id("job_at_hand").text
    assert page.by_id("job_at_hand").attributes["hx-swap-oob"] == "true"
    assert page.by_id("answer").text == read(client.get(address(FOREST, task="run", context="32k")).text).by_id("answer").text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_is_wrong_in_a_job_is_told_with_its_number_and_its_field(client: TestClient, headers: dict[str, str]) -> None:
    wrong = address("task=tabular&rows=many", task="run", context="-1", budget="300 XYZ")
    answer = client.get(wrong if not headers else wrong.replace("/?", "/answer?"), headers=headers)
    page = read(answer.text)
    links = {link.attributes["href"]: link.text for link in page.all("a") if link.attributes["href"] in {"#edit-1", "#context"}}
    assert answer.status_code == 422
    assert links["#edit-1"].startswith("Job 1, Rows")
    assert links["#context"].startswith("Job 2, Context length")
    if not headers:
        assert page.value_of("context") == "-1"
        assert "rows=many" in page.value_of("with")
        assert pressed(client, page, "edit", "1").value_of("rows") == "many"


def test_a_job_that_its_own_program_refuses_is_named(client: TestClient) -> None:
    answer = client.get(address("model=no-such-model", task="run"))
    assert answer.status_code == 422
    assert "Job 1, Model" in read(answer.text).by_id("error_summary").text


def test_there_is_room_for_six_jobs_and_a_seventh_is_refused_in_words(client: TestClient) -> None:
    six, seven = (client.get(address(*[FOREST] * count, task="tabular")) for count in (5, 6))
    assert six.status_code == 200
    assert "Add another job" not in six.text
    assert seven.status_code == 422
    assert "at most 6 jobs" in read(seven.text).by_id("error_summary").text


def test_nothing_that_is_sent_as_a_set_breaks_the_page(client: TestClient) -> None:
    for query in ("with=%00&job=9", "with=with%3Dx%26job%3D3&job=-1", "with=task%3Drun&together=never", "with=" + "%26" * 900, "job=2"):
        assert client.get(f"/?{query}").status_code in {200, 422}
        assert client.get(f"/jobs?{query}&edit=99&remove=x").status_code == 303


def test_a_set_that_is_too_long_for_an_address_is_carried_by_the_form(client: TestClient) -> None:
    config = {"model_type": "llama", "hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "vocab_size": 32000,
              "intermediate_size": 1376, "note": "x" * 5000}  # fmt: skip
    added = client.post("/jobs", data={"paste": json.dumps(config), "sequence": "1024", "add": "yes"})
    page = read(added.text)
    assert added.status_code == 200
    assert page.by_id("form").attributes["method"] == "post"
    back = client.post("/jobs", data={**dict(fields(page)), "edit": "1"})
    assert read(back.text).value_of("sequence") == "1024"
    refused = client.post("/jobs", data={"paste": "no config", "add": "yes"})
    assert refused.status_code == 422
    assert read(refused.text).by_id("paste-error").text


def test_why_a_part_is_not_picked_is_answered_for_all_jobs(client: TestClient) -> None:
    page = read(client.get(address(CHAT)).text)
    answer = client.post("/why-not", data={"question": json.dumps(request_of(page)), "part": "GeForce GTX 1080 Ti"})
    assert answer.status_code == 200
    assert "Llama 3.1 8B" in answer.text


def shared(client: TestClient, page: Page) -> str:
    answer = client.post("/results", data={"request": json.dumps(request_of(page))}, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 303
    return str(answer.headers["location"])


def test_the_answer_for_several_jobs_is_shared_frozen_and_taken_along_in_every_form(client: TestClient) -> None:
    live = read(client.get(address(CHAT, FOREST, together="at_once")).text)
    link = shared(client, live)
    page = read(client.get(link).text)
    assert page.problems == []
    assert "Llama 3.1 8B + RandomForestClassifier" in page.all("h1")[0].text
    assert "With today's prices" in page.by_id("receipt").text
    assert "The pick would be the same. No part changed its price. No formula has changed." in page.by_id("receipt").text
    assert [page.by_id(part).text for part in ("needs", "job_needs", "picks")] == [
        live.by_id(part).text for part in ("needs", "job_needs", "picks")
    ]
    copy = next(one.attributes["href"] for one in page.all("a") if one.text == "Edit a copy")
    assert request_of(read(client.get(copy).text)) == request_of(live)

    document = client.get(f"{link}.json").json()
    assert document["request"] == request_of(live)
    assert document == client.get(link.replace("/r/", "/api/v1/results/")).json()
    maths = list(csv.DictReader(io.StringIO(client.get(f"{link}/maths.csv").text)))
    assert {row["job"] for row in maths} == {"1", "2", "3"}
    assert list(csv.DictReader(io.StringIO(client.get(f"{link}.csv").text)))
    assert "## Job 3, Llama 3.1 8B: GPU memory" in client.get(f"{link}.md").text
    assert "RandomForestClassifier" in client.get(f"{link}.txt").text
    assert client.get("/compare", params={"r": link}).status_code == 200


def test_each_pick_says_where_every_job_runs(client: TestClient) -> None:
    page = read(client.get(address(CHAT, FOREST, task="run")).text)
    picks = [one.text for one in page.all("article")]
    assert picks
    for pick in picks:
        assert pick.index("Job 1, Llama 3.1 8B") < pick.index("Job 2, RandomForestClassifier") < pick.index("Job 3, Llama 3.1 8B")
        assert "processor, " in pick
