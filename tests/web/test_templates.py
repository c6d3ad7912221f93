"""Pages are valid, and their parts can be found by their names."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.web.render import environment
from tests.web.markup import Page, read

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
PAGES = (
    "/",
    "/?task=run",
    "/?task=images",
    "/?task=tabular",
    "/?preset=405b-300",
    "/?task=run&with=task%3Dtabular&with=model%3Dresnet50&job=2&together=at_once",
    "/?task=run&context=x&with=task%3Dtabular%26rows%3Dx&job=2",
    "/?batch=x&model=llama&vendors=none&paste=x",
    "/models",
    "/catalogue/gpus",
    "/catalogue/cloud",
    "/catalogue/rates",
    "/catalogue/gpus?size=x&currency=JPY",
    "/catalogue/item/rtx-3090",
    "/compare",
    "/method",
    "/accuracy",
    "/accuracy/classical",
    "/method/speed",
    "/docs",
    "/nowhere",
)


@pytest.fixture(params=PAGES)
def parsed(request: pytest.FixtureRequest, client: TestClient) -> Page:
    """Each page, parsed."""
    return read(client.get(request.param).text)


def test_every_tag_closes_in_order(parsed: Page) -> None:
    assert parsed.problems == []


def test_every_id_is_unique(parsed: Page) -> None:
    assert sorted(parsed.ids) == sorted(set(parsed.ids))


def test_there_is_one_main_heading_one_title_and_one_main_part(parsed: Page) -> None:
    titles = [title for title in parsed.all("title") if title.parents[-1] == "head"]
    assert (len(titles), len(parsed.all("h1")), len(parsed.all("main"))) == (1, 1, 1)


def test_every_control_has_a_label(parsed: Page) -> None:
    labelled = {label.attributes.get("for") for label in parsed.all("label")}
    controls = [one for tag in ("input", "select", "textarea") for one in parsed.all(tag) if one.attributes.get("type") != "hidden"]
    assert [one.attributes for one in controls if one.attributes.get("id") not in labelled and "label" not in one.parents] == []


def test_every_description_and_label_reference_leads_somewhere(parsed: Page) -> None:
    named = ("aria-describedby", "aria-labelledby", "for")
    references = [one.attributes[name] for one in parsed.elements for name in named if name in one.attributes]
    assert set(references) <= set(parsed.ids)


def test_every_link_within_the_page_leads_somewhere(parsed: Page) -> None:
    targets = [link.attributes["href"][1:] for link in parsed.all("a") if link.attributes.get("href", "").startswith("#")]
    assert set(targets) <= set(parsed.ids)


def test_forms_and_links_are_not_nested(parsed: Page) -> None:
    nested = [one for one in parsed.elements for tag in ("form", "a", "button") if one.tag == tag and tag in _tags(one.parents)]
    assert nested == []


def _tags(parents: tuple[str, ...]) -> set[str]:
    return {parent.partition("#")[0] for parent in parents}


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.stem)
def test_every_template_can_be_read(path: Path) -> None:
    assert environment().get_template(str(path.relative_to(TEMPLATES)))


@pytest.mark.parametrize("path", sorted((TEMPLATES / "partials").glob("_*.html")), ids=lambda path: path.stem)
def test_a_part_is_one_element_named_like_its_file(path: Path) -> None:
    markup = re.sub(r"{#.*?#}|{%\s*macro.*?endmacro\s*%}|{%.*?%}", "", path.read_text(), flags=re.DOTALL).strip()
    first = re.match(r"<\w+[^>]*?\bid=\"([^\"]*)\"", markup)
    assert first is not None
    assert first[1] == path.stem.removeprefix("_")


@pytest.mark.parametrize("path", sorted((TEMPLATES / "pages").rglob("*.html")), ids=lambda path: path.stem)
def test_every_page_names_itself(path: Path) -> None:
    assert "{% block title %}" in path.read_text()


def test_pages_name_their_own_files_only(client: TestClient) -> None:
    for address in PAGES:
        loaded = re.findall(r'<(?:script|link|img)[^>]*\s(?:src|href)="([^"]*)"', client.get(address).text)
        assert [one for one in loaded if not one.startswith("/static/")] == []


def test_files_with_a_fingerprint_may_be_kept_for_ever(client: TestClient) -> None:
    loaded = re.findall(r'="(/static/[^"]*\.css[^"]*)"', client.get("/").text)
    assert loaded
    for address in loaded:
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/css/base.css").headers["cache-control"] == "no-cache"
