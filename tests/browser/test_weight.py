"""The first view is light, asks nobody else, and does not flash."""

import pytest
from playwright.sync_api import Page, Response, expect

MOST_BYTES = 60_000  # of the first view, compressed: page, style sheets, scripts and pictures together
ADDRESSES = ("/", "/?preset=lora-8b", "/catalogue/gpus", "/catalogue/item/rtx-3090", "/method", "/accuracy", "/compare")


def opened(page: Page, address: str) -> list[Response]:
    """Everything that came over the wire until the page was at rest."""
    found: list[Response] = []

    def note(answer: Response) -> None:
        found.append(answer)

    page.on("response", note)
    page.goto(address, wait_until="networkidle")
    return found


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_first_view_is_light_and_asks_nobody_else(page: Page, live_server: str, address: str) -> None:
    answers = opened(page, address)
    assert len(answers) > 5
    assert [one.url for one in answers if not one.url.startswith((live_server, "data:"))] == []
    loaded = [one for one in answers if one.request.resource_type not in {"xhr", "fetch"}]
    assert sum(one.request.sizes()["responseBodySize"] for one in loaded) <= MOST_BYTES


@pytest.mark.parametrize(("theme", "background"), [("dark", "rgb(19, 23, 31)"), ("light", "rgb(255, 255, 255)")])
def test_a_chosen_theme_is_in_the_page_as_it_arrives(page: Page, live_server: str, theme: str, background: str) -> None:
    page.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    page.context.add_cookies([{"name": "theme", "value": theme, "url": live_server}])
    arrived = page.goto("/catalogue/gpus")
    assert arrived is not None
    assert f'data-theme="{theme}"' in arrived.text()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background


def test_nothing_moves_for_readers_who_asked_for_less_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto("/?preset=lora-8b")
    moving = """() => [...document.querySelectorAll("a, button, input, summary")]
        .filter(one => getComputedStyle(one).transitionDuration !== "0s").length"""
    assert page.evaluate(moving) == 0


def test_a_drawing_is_read_with_the_arrow_keys_and_with_the_pointer(page: Page) -> None:
    page.goto("/catalogue/item/rtx-5090")
    figure = page.locator("#price_chart figure")
    figure.focus()
    page.keyboard.press("ArrowRight")
    first = figure.locator("output").inner_text()
    assert "15 Nov 2025" in first
    page.keyboard.press("ArrowRight")
    expect(figure.locator("output")).to_contain_text("28 Feb 2026")
    page.keyboard.press("Home")
    expect(figure.locator("output")).to_have_text(first)
    figure.locator("circle.point").last.hover()
    expect(figure.locator("output")).to_contain_text("28 Feb 2026")
