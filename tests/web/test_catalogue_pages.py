"""The catalogue for readers."""

import csv
import io

import pytest
from starlette.testclient import TestClient

from app.web.downloads import csv_download
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
    assert "15 May 2026" in page.by_id("observations").text
    assert "runlocalai.co" in page.by_id("observations").text
    assert "Last known, used: $800" in page.by_id("price_chart").text
    assert "old: not current" in page.by_id("main").text


def test_every_figure_of_a_specification_names_its_source(client: TestClient) -> None:
    page = read(client.get("/catalogue/item/rtx-3090").text)
    marks = [link.attributes["href"].removeprefix("#") for link in page.all("a", class_="mark")]
    rows = [row for row in page.all("tr") if "section#specification" in row.parents]
    assert len(marks) == len(rows) > 15
    for mark in set(marks):
        assert page.by_id(mark)
    sources = page.by_id("specification").text
    assert "high confidence" in sources
    assert "worked out by a rule" in sources


def test_a_gpus_page_tells_what_it_runs(client: TestClient) -> None:
    runs = read(client.get("/catalogue/item/rtx-3090").text).by_id("runs").text
    assert "fits" in runs
    assert "lacks" in runs


def test_machines_with_gpus_tell_what_runs_on_all_of_them(client: TestClient) -> None:
    offers = client.get("/catalogue/cloud.json?gpu=h100-sxm").json()["items"]
    eight = next(offer["id"] for offer in offers if offer["spec"]["gpu_quantity"] == 8)
    page = read(client.get(f"/catalogue/item/{eight}").text)
    assert "8 \u00d7 H100" in page.by_id("models_run").text
    assert "405B" in page.by_id("models_run").text


def test_the_models_of_a_card_fit_at_the_settings_that_are_told(client: TestClient) -> None:
    page = read(client.get("/catalogue/item/rtx-3090").text)
    link = next(one.attributes["href"] for one in page.all("a") if one.text == "Llama 3.1 8B" and "weights=" in one.attributes["href"])
    assert "F16" in page.by_id("models_run").text
    assert read(client.get(link).text).value_of("weights") == "f16"


def test_prices_are_shown_in_any_currency_beside_what_was_seen_with_rate_and_day(client: TestClient) -> None:
    for address in ("/catalogue/item/rtx-3090?currency=gbp", "/catalogue/gpus?q=rtx-3090&currency=gbp"):
        page = read(client.get(address).text)
        assert "seen as $800" in page.by_id("main").text
        assert "Converted at 1 USD = 0.74" in page.by_id("main").text
        assert "reference rate of 30 Oct 2026" in page.by_id("main").text
    assert client.get("/catalogue/item/rtx-3090?currency=XYZ").status_code == 422


def test_every_currency_has_a_rate_with_its_day_and_source(client: TestClient) -> None:
    page = read(client.get("/catalogue/rates").text)
    rows = [row.text for row in page.all("tr")][1:]
    assert len(rows) == 29
    assert all("30 Oct 2026" in row and "ECB" in row for row in rows)
    assert {row["currency"] for row in client.get("/catalogue/rates.json").json()["rates"]} >= {"USD", "GBP", "JPY", "ZAR"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_can_be_taken_along_as_csv_and_json(client: TestClient, kind: str) -> None:
    page = read(client.get(f"/catalogue/{kind}?priced=true").text)
    links = {link.text: link.attributes["href"] for link in page.all("a") if link.text in ("CSV", "JSON")}
    rows = list(csv.DictReader(io.StringIO(client.get(links["CSV"]).text)))
    items = client.get(links["JSON"]).json()["items"]
    assert {row["id"] for row in rows} == {item["id"] for item in items}
    assert len(rows) == sum(len(item["prices"]) for item in items) > 5
    assert all(row["price_source"] and row["observed_on"] and row["source"] for row in rows)


def test_a_cell_that_a_spreadsheet_would_run_stays_a_text() -> None:
    answer = csv_download([{"note": "=1+1", "amount": -2}], ("note", "amount"), "x")
    assert bytes(answer.body) == b"note,amount\r\n'=1+1,-2\r\n"


def test_the_prices_of_an_item_can_be_taken_along(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/catalogue/item/rtx-5090.csv").text)))
    assert [row["amount"] for row in rows] == ["1999.00", "2500.00", "3500.00"]
    assert [one["revision"] for one in client.get("/catalogue/item/rtx-5090.json").json()["changes"]] == [1]


@pytest.mark.parametrize(
    "address", ["/catalogue/gpus?q=rtx", "/catalogue/item/rtx-3090", "/catalogue/ram.csv", "/catalogue/rates", "/api/v1/catalogue/gpus"]
)
def test_what_a_reader_has_already_is_not_sent_again(client: TestClient, address: str) -> None:
    first = client.get(address)
    tag = first.headers["etag"]
    again = client.get(address, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_page_in_another_theme_is_another_page(client: TestClient) -> None:
    light, dark = (client.get("/catalogue/gpus", headers={"Cookie": f"theme={theme}"}).headers["etag"] for theme in ("light", "dark"))
    assert light != dark


def test_a_list_is_narrowed_by_size_price_condition_and_kind(client: TestClient) -> None:
    found = client.get("/catalogue/gpus.json?size=24+GB&most=%24900&condition=used").json()["items"]
    assert "rtx-3090" in {item["id"] for item in found}
    for item in found:
        assert item["spec"]["memory_gb"] >= 24
        assert any(price["condition"] == "used" for price in item["prices"])
    disks = client.get("/catalogue/storage.json?medium=hdd&size=20+TB").json()["items"]
    assert disks
    assert all(item["spec"]["medium"] == "hdd" and item["spec"]["capacity_gb"] >= 20_000 for item in disks)


@pytest.mark.parametrize("query", ["size=big", "most=cheap", "most=5+XYZ"])
def test_a_filter_that_cannot_be_read_is_told_and_kept(client: TestClient, query: str) -> None:
    answer = client.get(f"/catalogue/gpus?{query}")
    page = read(answer.text)
    name, _, text = query.partition("=")
    assert answer.status_code == 422
    assert page.value_of(name) == text.replace("+", " ")
    assert page.all("p", role="alert")
    assert client.get(f"/catalogue/gpus.csv?{query}").status_code == 422


def test_a_filter_of_another_kind_is_refused(client: TestClient) -> None:
    assert client.get("/catalogue/gpus?medium=hdd").status_code == 422


def test_disks_can_be_sorted_by_the_price_of_a_gigabyte(client: TestClient) -> None:
    items = client.get("/catalogue/storage.json?sort=unit_price&priced=true").json()["items"]
    cost = [min(float(price["price"]["amount"]) for price in item["prices"]) / item["spec"]["capacity_gb"] for item in items]
    assert cost == pytest.approx(sorted(cost), rel=1e-3)  # compared in whole euro cents


def test_a_pages_links_keep_the_filter(client: TestClient) -> None:
    page = read(client.get("/catalogue/gpus?vendor=NVIDIA").text)
    (following,) = page.all("a", rel="next")
    assert "vendor=NVIDIA" in following.attributes["href"]
    assert client.get(following.attributes["href"]).status_code == 200
