"""The pages of measured runs."""

import csv
import io
import statistics

import pytest
from starlette.testclient import TestClient

from app.web.contexts.accuracy import accuracy_page, subject_view
from app.web.measured_runs import SUBJECTS, Run, Subject, subject_named
from tests.web.markup import read


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.id)
def test_every_run_of_a_subject_is_drawn_listed_and_a_file(client: TestClient, subject: Subject) -> None:
    page = read(client.get(f"/accuracy/{subject.id}").text)
    rows = list(csv.DictReader(io.StringIO(client.get(f"/accuracy/{subject.id}.csv").text)))
    assert page.problems == []
    assert len(page.all("circle")) == len(page.all("tr")) - 1 == len(rows) == len(subject.runs) > 20
    assert all(float(row["error"]) == pytest.approx(float(row["estimate"]) / float(row["measured"]) - 1) for row in rows)


def test_a_group_has_a_page_of_its_runs(client: TestClient) -> None:
    overview = read(client.get("/accuracy").text)
    link = next(link for link in overview.all("a") if link.text == "llama")
    page = read(client.get(link.attributes["href"]).text)
    expected = [run for run in SUBJECTS[0].runs if run.group == "llama"]
    assert len(page.all("tr")) - 1 == len(expected) > 10
    assert client.get("/accuracy/training?group=perpetuum+mobile").status_code == 404
    assert client.get("/accuracy/alchemy").status_code == 404


def test_the_figures_at_a_glance_are_those_of_the_runs() -> None:
    for view in accuracy_page().subjects:
        subject = subject_named(view.id)
        assert subject is not None
        errors = [abs(run.error) for run in subject.runs]
        assert view.all.median == statistics.median(errors)
        assert sum(group.runs for group in view.groups) == view.all.runs == len(errors)
        assert view.worst[0].id == max(subject.runs, key=lambda run: abs(run.error)).id


def test_the_worst_runs_are_named_in_the_drawing_and_explained(client: TestClient) -> None:
    page = read(client.get("/accuracy").text)
    for view in accuracy_page().subjects:
        assert view.chart is not None
        named = [dot.name for dot in view.chart.dots if dot.name]
        assert sorted(named) == sorted(run.id for run in view.worst[:3])
        assert all(run.reason for run in view.worst)
    assert all(name in page.by_id("main").text for name in named)


def test_other_rules_stand_beside_the_estimator(client: TestClient) -> None:
    text = read(client.get("/accuracy").text).by_id("main").text
    for rule in ("accelerate estimate-memory", "DeepSpeed and ZeRO, 16 B a parameter", "1.2 x (weights + cache)", "10 x data set"):
        assert rule in text


def test_an_under_estimate_is_told_apart() -> None:
    runs = [Run(id=f"{share}", group="one", measured=100.0, estimate=100.0 * share, covered=True, reason="") for share in (0.95, 1.2)]
    view = subject_view(SUBJECTS[0], runs)
    assert (view.all.worst_under, view.all.median) == ("\N{MINUS SIGN}5.00 %", pytest.approx(0.125))
    assert [run.under for run in view.worst] == [False, True]
