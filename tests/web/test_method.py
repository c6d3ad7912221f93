"""The method, told by the program itself."""

import pytest
from starlette.testclient import TestClient

from app.estimation.classical import linear
from app.web.contexts.formula_book import CHAPTERS, chapter_named
from app.web.contexts.rules_of_thumb import RULES
from tests.web.markup import read


def test_the_guides_examples_are_worked_out(client: TestClient) -> None:
    text = read(client.get("/method").text).by_id("main").text
    for result in ("40.0 MB", "700 GB", "350 GB", "392 MiB", "30 GB"):
        assert result in text


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_of_thumb_is_judged_with_figures(rule: object) -> None:
    found = rule()  # type: ignore[operator]
    assert found.verdict in {"right", "half right", "wrong"}
    assert sum(character.isdigit() for character in found.found) >= 2


def test_the_rule_about_prices_is_judged_by_the_catalogue(client: TestClient) -> None:
    text = read(client.get("/method").text).by_id("main").text
    assert "A gigabyte costs \u00a30.08 on an SSD and \u00a30.02 on a hard disk." in text
    assert "Prices seen from" in text


def test_the_rule_of_the_current_price_is_told_in_the_words_of_the_program(client: TestClient) -> None:
    page = read(client.get("/method").text)
    assert page.by_id("current-price")
    assert "only observations at most 30 days older than the newest" in page.by_id("main").text


@pytest.mark.parametrize("chapter", [chapter.id for chapter in CHAPTERS])
def test_a_chapter_lists_every_formula_with_its_docstring(client: TestClient, chapter: str) -> None:
    page = read(client.get(f"/method/{chapter}").text)
    assert page.problems == []
    assert sorted(page.ids) == sorted(set(page.ids))
    found = chapter_named(chapter)
    assert found is not None
    listed = {term.text for term in page.all("dt")}
    for note in found.notes:
        assert page.by_id(note.name)
        assert {formula.name for formula in note.formulas} <= listed


def test_constants_stand_with_their_comments_and_sources(client: TestClient) -> None:
    text = read(client.get("/method/classical").text).by_id("main").text
    assert f"BINARY_VECTORS = {linear.BINARY_VECTORS}" in text
    assert "raw prediction, gradient, loss" in text
    assert linear.LIBLINEAR in text


def test_a_chapter_that_is_none_is_not_found(client: TestClient) -> None:
    assert client.get("/method/alchemy").status_code == 404
