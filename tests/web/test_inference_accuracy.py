"""The memory of running models on the page of accuracy."""

from starlette.testclient import TestClient

from app.web.routes.accuracy import accuracy_page


def test_the_estimator_stands_beside_simple_rules() -> None:
    shown = accuracy_page().inference
    assert shown is not None
    assert shown.rules[0].rule == "Rigwise"
    assert all(rule.runs == shown.rules[0].runs for rule in shown.rules)
    assert shown.groups[-1].rule == "Median over groups"
    assert shown.groups[-1].runs == sum(group.runs for group in shown.groups[:-1])


def test_the_page_shows_both_tables(client: TestClient) -> None:
    page = client.get("/accuracy").text
    assert "Memory of running models" in page
    assert "1.2 x (weights + cache)" in page
    assert "By source and model family" in page
