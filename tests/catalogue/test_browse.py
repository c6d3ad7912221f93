"""Looking through the catalogue."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.catalogue.assemble import Snapshot
from app.catalogue.browse import KINDS, Document, Filters, find_items, item_document, numbers_of
from app.catalogue.seed import seed
from app.catalogue.snapshot import CatalogueCache
from app.database import Database
from app.errors import InvalidInput, NotFound
from app.migrate import migrate
from tests.catalogue.test_snapshot import statements

Shelf = tuple[Database, Snapshot]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    file: Path = tmp_path_factory.mktemp("browse") / "rigwise.sqlite"
    migrate(f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}")
    seed(database)
    yield database, CatalogueCache(database).snapshot()
    database.close()


def value_of(item: Document, order: str) -> Any:
    """What an item is sorted by."""
    if order == "price":
        return min(float(price["price"]["amount"]) for price in item["prices"])
    return item["name"].lower() if order == "name" else item["spec"][order]


def ids(shelf: Shelf, kind: str, filters: Filters) -> list[str]:
    return [item["id"] for item in find_items(*shelf, kind, filters).items]


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_item_of_a_page_has_its_source_its_prices_and_every_observation(shelf: Shelf, kind: str) -> None:
    page = find_items(*shelf, kind, Filters(per_page=200))
    assert page.total > 30
    for item in page.items:
        assert item["source"]
        assert item["as_of"]
        assert item["spec"]
        assert len(item["prices"]) <= len(item["observations"])
        for price in item["prices"]:
            assert any(price["price"] == seen["price"] and price["observed_on"] == seen["observed_on"] for seen in item["observations"])
    json.dumps(page.items)


def test_words_are_looked_for_in_id_name_and_vendor_in_any_order(shelf: Shelf) -> None:
    assert ids(shelf, "gpus", Filters(q="Super 4080 nvidia")) == ["rtx-4080-super"]


def test_numbers_can_be_bounded_from_both_sides(shelf: Shelf) -> None:
    page = find_items(*shelf, "gpus", Filters(minimum={"memory_gb": 24}, maximum={"memory_gb": 32, "power_w": 300}, per_page=200))
    assert page.total > 5
    assert all(24 <= item["spec"]["memory_gb"] <= 32 and item["spec"]["power_w"] <= 300 for item in page.items)


def test_the_size_of_a_kit_of_memory_is_all_its_modules(shelf: Shelf) -> None:
    page = find_items(*shelf, "ram", Filters(minimum={"total_gb": 256}))
    assert page.total >= 4
    assert all(item["spec"]["modules"] * item["spec"]["module_gb"] >= 256 for item in page.items)


def test_the_vendor_is_matched_whole_and_in_any_case(shelf: Shelf) -> None:
    vendors = {item["vendor"] for item in find_items(*shelf, "gpus", Filters(vendor="amd", per_page=200)).items}
    assert vendors == {"AMD"}


def test_only_active_items_are_listed_unless_others_are_asked_for(shelf: Shelf) -> None:
    assert "rubin-sxm" not in ids(shelf, "gpus", Filters(per_page=200))
    assert ids(shelf, "gpus", Filters(status="announced")) == ["mi455x", "rubin-sxm"]
    assert "class-nvme-2tb-2026-06" in ids(shelf, "storage", Filters(status="market"))


def test_what_has_no_current_price_can_be_left_out(shelf: Shelf) -> None:
    everything, priced = (find_items(*shelf, "platforms", Filters(priced=flag, per_page=200)) for flag in (False, True))
    assert priced.total < everything.total
    assert all(item["prices"] for item in priced.items)


@pytest.mark.parametrize("order", ["name", "price", "bandwidth_gb_s", "fp8_tflops"])
def test_sorting_the_other_way_round_turns_round_what_has_a_value(shelf: Shelf, order: str) -> None:
    upwards = find_items(*shelf, "gpus", Filters(sort=order, priced=True, minimum={"fp8_tflops": 1}, per_page=200)).items
    downwards = find_items(*shelf, "gpus", Filters(sort=f"-{order}", priced=True, minimum={"fp8_tflops": 1}, per_page=200)).items
    assert [value_of(item, order) for item in upwards] == sorted(value_of(item, order) for item in upwards)
    assert [value_of(item, order) for item in downwards] == sorted((value_of(item, order) for item in downwards), reverse=True)
    assert len(upwards) == len(downwards) > 10


def test_what_has_no_value_stands_last_whichever_way_is_sorted(shelf: Shelf) -> None:
    for order in ("price", "-price"):
        last = find_items(*shelf, "platforms", Filters(sort=order, per_page=200)).items[-1]
        assert last["prices"] == []


def test_pages_follow_each_other_without_a_gap_or_a_repetition(shelf: Shelf) -> None:
    first = find_items(*shelf, "gpus", Filters(per_page=7))
    walked = [name for page in range(1, first.pages + 1) for name in ids(shelf, "gpus", Filters(per_page=7, page=page))]
    assert len(walked) == len(set(walked)) == first.total
    assert ids(shelf, "gpus", Filters(per_page=7, page=first.pages + 1)) == []


def test_a_page_costs_one_query(shelf: Shelf) -> None:
    with statements() as sent:
        find_items(*shelf, "gpus", Filters())
    assert len([statement for statement in sent if statement.startswith("SELECT")]) == 1


def test_an_item_has_its_observations_in_the_order_of_recording(shelf: Shelf) -> None:
    document = item_document(*shelf, "rtx-5090")
    assert [seen["observed_on"] for seen in document["observations"]] == ["2025-01-30", "2025-11-15", "2026-02-28"]
    assert document["prices"][0]["price"] == {"amount": "3500.00", "currency": "USD"}


def test_what_does_not_exist_is_not_found(shelf: Shelf) -> None:
    with pytest.raises(NotFound, match="fridges"):
        find_items(*shelf, "fridges", Filters())
    with pytest.raises(NotFound, match="rtx-1"):
        item_document(*shelf, "rtx-1")


@pytest.mark.parametrize(
    "filters",
    [Filters(sort="colour"), Filters(minimum={"name": 3}), Filters(maximum={"capacity_gb": 3}), Filters(page=0), Filters(per_page=201)],
)
def test_a_filter_that_makes_no_sense_is_refused(shelf: Shelf, filters: Filters) -> None:
    with pytest.raises(InvalidInput):
        find_items(*shelf, "gpus", filters)


def test_numbers_are_the_fields_that_hold_one() -> None:
    assert "bandwidth_gb_s" in numbers_of("gpu")
    assert not {"supports_bf16", "purchasable", "segment"} & set(numbers_of("gpu"))
