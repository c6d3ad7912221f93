"""axe-core finds nothing on any page, in either theme, on a phone or a desk."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

ADDRESSES = (
    "/?preset=lora-8b",
    "/?preset=random-forest",
    "/?preset=405b-300",
    "/?batch=-5&model=llama",
    "/?task=run&with=task%3Dtabular&job=2&together=at_once",
    "/catalogue/gpus",
    "/catalogue/storage?medium=hdd&currency=GBP",
    "/catalogue/item/rtx-3090",
    "/catalogue/rates",
    "/models?model=llama",
    "/method",
    "/method/speed",
    "/accuracy",
    "/accuracy/classical",
    "/compare",
)


def violations(page: Page, axe_source: str) -> list[str]:
    """What axe finds, each with the elements it is about."""
    page.evaluate(axe_source)
    report: dict[str, Any] = page.evaluate("axe.run()")
    return [f"{one['id']}: {', '.join(str(node['target']) for node in one['nodes'])}" for one in report["violations"]]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_can_be_used_by_everybody(page: Page, axe_source: str, address: str, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    assert violations(page, axe_source) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["/?preset=lora-8b", "/?task=run&with=task%3Dtabular&with=task%3Drun&job=2"])
def test_everything_that_can_be_unfolded_can_be_used_by_everybody(page: Page, axe_source: str, address: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
    assert violations(page, axe_source) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_shared_answer_can_be_used_by_everybody(page: Page, axe_source: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto("/?preset=resnet50")
    page.get_by_role("button", name="Share this answer").click()
    expect(page).to_have_url(re.compile(r"/r/"))
    assert violations(page, axe_source) == []
    page.get_by_role("link", name="Compare", exact=True).last.click()
    page.locator(".presets a").first.click()
    expect(page.locator("table.compare th[scope=col]")).to_have_count(2)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page, axe_source) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_curves_below_an_answer_can_be_used_by_everybody(page: Page, axe_source: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto("/?preset=chat-8b")
    page.locator("#what_if").scroll_into_view_if_needed()
    page.locator("#what_if figure").first.wait_for()
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
    assert violations(page, axe_source) == []


def test_an_inaccessible_page_would_be_noticed(page: Page, axe_source: str) -> None:
    page.goto("/compare")
    page.evaluate("document.querySelector('main').innerHTML = '<img src=\"/static/img/icon.svg\"><input>'")
    found = violations(page, axe_source)
    assert any(one.startswith("image-alt") for one in found)
    assert any(one.startswith("label") for one in found)
