"""The box that asks why a part was not recommended: on the answer, on a shared answer, over the API, with and without scripts."""

import pytest
from starlette.testclient import TestClient

from tests.web.markup import read

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
CHAT = {"kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "runtime": "llama.cpp", "weight_format": "q8_0"}


@pytest.fixture
def question(client: TestClient) -> str:
    """The question of a page's box."""
    return read(client.get("/?preset=lora-8b").text).value_of("question")


def test_without_scripts_the_box_leads_to_a_page_with_the_reason_and_a_way_back(client: TestClient, question: str) -> None:
    answer = client.post("/why-not", data={"question": question, "part": "H100 SXM"}, headers=SAME_ORIGIN)
    page = read(answer.text)
    assert answer.status_code == 200
    assert page.all("h1")[0].text.startswith("Why not")
    assert "finding" in answer.text
    back = next(link.attributes["href"] for link in page.all("a") if link.text == "back to the answer")
    assert read(client.get(back).text).value_of("question") == question


def test_with_scripts_the_box_alone_comes_back(client: TestClient, question: str) -> None:
    answer = client.post("/why-not", data={"question": question, "part": "RTX 3060"}, headers={**SAME_ORIGIN, "HX-Request": "true"})
    assert answer.text.lstrip().startswith('<section id="why_not"')


def test_a_part_that_is_not_there_is_told_at_the_field_and_stays_as_typed(client: TestClient, question: str) -> None:
    answer = client.post("/why-not", data={"question": question, "part": "a toaster"}, headers=SAME_ORIGIN)
    page = read(answer.text)
    assert answer.status_code == 422
    assert page.value_of("part") == "a toaster"
    assert "a toaster" in page.by_id("part-error").text


def test_a_shared_answer_has_the_box_too(client: TestClient) -> None:
    request = read(client.get("/?preset=lora-8b").text).value_of("request")
    address = client.post("/results", data={"request": request}, headers=SAME_ORIGIN).headers["location"]
    box = read(client.get(address).text).value_of("question")
    answer = client.post("/why-not", data={"question": box, "part": "rtx-3060-12gb"}, headers=SAME_ORIGIN)
    assert answer.status_code == 200


def test_a_broken_question_is_refused_without_a_traceback(client: TestClient) -> None:
    assert client.post("/why-not", data={"question": "{", "part": "x"}, headers=SAME_ORIGIN).status_code == 400
    assert client.post("/why-not", data={"part": "x"}, headers=SAME_ORIGIN).status_code == 400


def test_parts_are_found_by_the_words_typed_so_far(client: TestClient) -> None:
    options = [option.attributes["value"] for option in read(client.get("/why-not/parts", params={"part": "rtx 309"}).text).all("option")]
    assert options
    assert all("3090" in option for option in options)


def test_the_api_answers_for_an_id_and_for_a_name(client: TestClient) -> None:
    for part in ("rtx-3090", "RTX 3090"):
        answer = client.post("/api/v1/why-not", json={"workload": CHAT, "limits": {"objective": "cheapest"}, "part": part}).json()
        assert answer["part"]["id"] == "rtx-3090"
        assert answer["finding"]["code"] in {"price", "outdone", "picked", "gpu-memory"}
        assert answer["finding"]["message"]


def test_the_api_names_the_wrong_field(client: TestClient) -> None:
    unknown = client.post("/api/v1/why-not", json={"workload": CHAT, "part": "toaster"})
    assert (unknown.status_code, unknown.json()["errors"][0]["path"]) == (422, "part")
    wrong = client.post("/api/v1/why-not", json={"workload": {**CHAT, "runtime": "magic"}, "part": "rtx-3090"})
    assert wrong.json()["errors"][0]["path"] == "workload.runtime"
