"""The what-if box below an answer."""

import pytest
from starlette.testclient import TestClient

from app.web.charts.curve import Sample, curve_chart
from tests.web.markup import read

GIB = 2**30


def job(client: TestClient, preset: str) -> str:
    return read(client.get(f"/?preset={preset}").text).value_of("request")


def test_the_answer_leaves_the_curves_for_later(client: TestClient) -> None:
    box = read(client.get("/?preset=chat-8b").text)
    (form,) = [form for form in box.all("form") if form.attributes["action"] == "/what-if"]
    assert form.attributes["hx-trigger"].startswith("revealed")


@pytest.mark.parametrize("preset", ["chat-8b", "resnet50", "random-forest"])
def test_the_curves_are_a_page_of_their_own_and_a_part_of_the_answer(client: TestClient, preset: str) -> None:
    question = job(client, preset)
    whole = read(client.post("/what-if", data={"job": question}).text)
    only = read(client.post("/what-if", data={"job": question}, headers={"HX-Request": "true"}).text)
    assert whole.all("h1")
    assert not only.all("h1")
    assert only.elements[0].attributes["id"] == "what_if"
    assert "up to" in only.by_id("what_if").text
    assert len(only.all("figure")) == len(only.all("table")) == only.by_id("what_if").text.count("The same as a table")
    assert all("as asked" in table.text for table in only.all("table"))


def test_a_size_of_the_table_leads_to_that_job(client: TestClient) -> None:
    part = read(client.post("/what-if", data={"job": job(client, "chat-8b")}, headers={"HX-Request": "true"}).text)
    link = next(link for link in part.all("a") if link.text == "16,384")
    assert read(client.get(link.attributes["href"]).text).value_of("context") in {"16384", "16k", "16,384"}


@pytest.mark.parametrize("question", ["", "{", "[]", '{"workload": {"kind": "training"}}'])
def test_a_job_that_cannot_be_read_is_refused(client: TestClient, question: str) -> None:
    assert client.post("/what-if", data={"job": question}).status_code in {400, 422}


def sample(size: int, need: int) -> Sample:
    return Sample(size=size, need=need, low=need - GIB, high=need + GIB, label=f"{size}", title=f"{size}")


def test_a_larger_job_lies_further_right_and_higher_and_cards_lie_where_they_end() -> None:
    chart = curve_chart(
        [sample(1, 10 * GIB), sample(2, 20 * GIB), sample(4, 40 * GIB)], 2, {"20 GB": (20 * GIB, 2), "32 GB": (32 * GIB, 3)}
    )
    xs, ys = [dot.x for dot in chart.dots], [dot.y for dot in chart.dots]
    assert xs == [0, 50, 100]
    assert ys == sorted(ys, reverse=True)
    assert [dot.asked for dot in chart.dots] == [False, True, False]
    small, large = chart.rooms
    assert (small.end, small.y) == (50, chart.dots[1].y)
    assert small.y > large.y


def test_labels_of_cards_do_not_cover_each_other() -> None:
    rooms = {f"{size} GB": (size * GIB, 2) for size in range(20, 40)}
    chart = curve_chart([sample(1, 10 * GIB), sample(4, 40 * GIB)], 1, rooms)
    gaps = [before.y - after.y for before, after in zip(chart.rooms, chart.rooms[1:], strict=False)]
    assert min(gaps) >= 7
