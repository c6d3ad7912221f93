"""The catalogue for readers."""

import pytest
from starlette.testclient import TestClient

from tests.web.markup import read

KINDS = ("gpus", "ram", "storage", "platforms", "cloud")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_list_whose_items_have_pages(client: TestClient, kind: str) -> None:
    page = read(client.get(f"/catalogue/{kind}").text)
    links = [link.attributes["href"] for link in page.all("a") if link.attributes["href"].startswith("/catalogue/item/")]
    assert links
    assert read(client.get(links[0]).text).all("h1")[0].text.strip()


def test_a_list_is_filtered_and_sorted_by_its_address(client: TestClient) -> None:
    page = read(client.get("/catalogue/gpus?q=rtx+3090&sort=-memory_gb").text)
    names = [link.text for link in page.all("a") if link.attributes["href"].startswith("/catalogue/item/")]
    assert names
    assert all("3090" in name for name in names)
    assert page.value_of("q") == "rtx 3090"


def test_a_filter_that_nothing_passes_offers_the_way_back(client: TestClient) -> None:
    assert "Remove them" in client.get("/catalogue/gpus?q=flux+capacitor").text


@pytest.mark.parametrize("address", ["/catalogue/flux", "/catalogue/item/flux-capacitor"])
def test_what_the_catalogue_lacks_is_not_found(client: TestClient, address: str) -> None:
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("query", ["sort=colour", "page=0", "page=x", "colour=blue", "q=" + "x" * 100])
def test_addresses_that_make_no_sense_are_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/catalogue/gpus?{query}").status_code == 422


def test_every_price_on_an_items_page_has_its_day_its_age_and_its_source(client: TestClient) -> None:
    page = read(client.get("/catalogue/item/rtx-3090").text)
    rows = page.all("tbody")[-1].text
    assert "marketplace" in rows
    assert "old" in page.by_id("price_chart").text
    assert "Source: " in page.by_id("main").text


def test_a_gpus_page_tells_what_it_runs(client: TestClient) -> None:
    runs = read(client.get("/catalogue/item/rtx-3090").text).by_id("runs").text
    assert "fits" in runs
    assert "lacks" in runs


def test_a_pages_links_keep_the_filter(client: TestClient) -> None:
    page = read(client.get("/catalogue/gpus?vendor=NVIDIA").text)
    (following,) = page.all("a", rel="next")
    assert "vendor=NVIDIA" in following.attributes["href"]
    assert client.get(f"/catalogue/gpus{following.attributes['href']}").status_code == 200
