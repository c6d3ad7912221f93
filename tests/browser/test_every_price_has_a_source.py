"""Every price on every page leads to its source: to the item whose observations name it, or to the bill that it is the sum of."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

# Amounts that nobody observed: the reader's own budget, differences, axes of drawings, what is typed or worked out from several prices.
FIND_PRICES = r"""() => {
  const amount = /[£$€]\s?\d[\d,]*\d(?:\.\d+)?|[£$€]\d(?:\.\d+)?|\d[\d,]*(?:\.\d+)? (?:GBP|USD|EUR|JPY)\b/;
  const source = "a[href^='/catalogue/item/'], a[href^='/?']";
  const seen = new Map();
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, found = node.textContent.match(amount);
    if (!found || node.parentElement.closest("svg, form, pre, option, .question, .tabs, [aria-labelledby=rules]")) continue;
    if (/[+\u2212]\s*[£$€]|left|\bfor \d+ dollars|budget and|1 [A-Z]{3} = /.test(node.textContent)) continue;
    const row = node.parentElement.closest("tr, li, article, .dated");
    const item = location.pathname.startsWith("/catalogue/item/");
    const holder = node.parentElement;
    const shared = holder.closest("table")?.querySelector("thead a[href^='/r/']") || holder.closest("a[href^='/compare']");
    const traced = item || !!shared || !!row?.querySelector(source) || !!holder.closest("tr")?.querySelector(source);
    seen.set(found[0], (seen.get(found[0]) || false) || traced);
  }
  return [...seen];
}"""


def prices(page: Page) -> dict[str, bool]:
    """Every amount of the page, and whether it stands where its source is named (an amount that is repeated counts once)."""
    found: list[Any] = page.evaluate(FIND_PRICES)
    return dict(found)


@pytest.mark.parametrize(
    "address",
    [
        "/?preset=lora-8b",
        "/?preset=resnet50",
        "/?preset=run-70b",
        "/?preset=random-forest",
        "/catalogue/gpus?priced=true",
        "/catalogue/ram",
        "/catalogue/storage?currency=EUR",
        "/catalogue/platforms?currency=JPY",
        "/catalogue/cloud",
    ],
)
def test_every_price_of_a_page_stands_beside_the_way_to_its_source(page: Page, address: str) -> None:
    page.goto(address)
    found = prices(page)
    assert len(found) > 5
    assert [amount for amount, traced in found.items() if not traced] == []


def test_a_shared_answer_and_a_comparison_do_so_too(page: Page) -> None:
    page.goto("/?preset=lora-8b")
    page.get_by_role("button", name="Share this answer").click()
    expect(page).to_have_url(re.compile("/r/"))
    found = prices(page)
    assert len(found) > 10
    assert [amount for amount, traced in found.items() if not traced] == []
    page.get_by_role("link", name="Compare", exact=True).last.click()
    page.locator(".presets a").first.click()
    compared = prices(page)
    assert len(compared) >= 2
    assert [amount for amount, traced in compared.items() if not traced] == []


def test_a_price_without_a_source_would_be_noticed(page: Page) -> None:
    page.goto("/catalogue/gpus?priced=true")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<p>Only £12,345.67 today</p>')")
    assert [amount for amount, traced in prices(page).items() if not traced] == ["£12,345.67"]


def test_the_items_that_pages_lead_to_name_a_source_and_a_day_for_every_price(page: Page) -> None:
    page.goto("/?preset=lora-8b")
    links = page.locator("main a[href^='/catalogue/item/']").evaluate_all("all => [...new Set(all.map(one => one.getAttribute('href')))]")
    assert len(links) > 10
    for link in links:
        item = page.request.get(f"{link}.json").json()
        assert all(price["source"] and price["observed_on"] for price in (*item["prices"], *item["observations"]))
        for price in item["prices"]:
            assert any(seen["price"] == price["price"] and seen["source"] == price["source"] for seen in item["observations"])
