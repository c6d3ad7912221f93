"""The tables that Rigwise comes with: complete, dated, and no trap left in them."""

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from app.catalogue.facts import Changes
from app.catalogue.prices import COUNTING
from app.catalogue.seed import catalogue_from_seed, read_seed
from app.errors import InvalidInput
from app.hardware import Catalogue
from app.resources import resource_path

GATHERED_ON = date(2026, 11, 20)
BEFORE_THE_SHORTAGE = date(2025, 9, 1)  # memory and flash were two to five times cheaper


@pytest.fixture(scope="module")
def facts() -> Changes:
    return read_seed()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return catalogue_from_seed()


def test_every_row_has_a_source_and_a_date_not_after_the_day_the_data_was_gathered(facts: Changes) -> None:
    dated = [(fact.source, fact.as_of) for fact in facts.items] + [(fact.source, fact.as_of) for fact in facts.rates]
    dated += [(fact.source, fact.observed_on) for fact in facts.prices]
    assert len(dated) > 1000
    assert all(source and day <= GATHERED_ON for source, day in dated)


def test_no_name_is_used_twice_not_even_by_two_kinds(facts: Changes) -> None:
    assert [name for name, count in Counter(item.id for item in facts.items).items() if count > 1] == []


def test_no_row_is_there_twice(facts: Changes) -> None:
    assert len(set(facts.prices)) == len(facts.prices)
    assert len({(rate.currency, rate.as_of) for rate in facts.rates}) == len(facts.rates)


def test_every_price_is_of_an_item_and_every_currency_has_a_rate(facts: Changes) -> None:
    assert {price.item for price in facts.prices} <= {item.id for item in facts.items}
    assert {price.currency for price in facts.prices} <= {rate.currency for rate in facts.rates} | {"EUR"}


def test_the_catalogue_is_large_enough_to_choose_from(catalogue: Catalogue) -> None:
    sold = {name: sum(bool(part.prices) for part in getattr(catalogue, name).values()) for name in ("gpus", "ram", "drives", "platforms")}
    assert sold["gpus"] >= 50
    assert sold["ram"] >= 30
    assert sold["drives"] >= 70
    assert sold["platforms"] >= 25
    assert all(offer.prices for offer in catalogue.cloud.values())


def test_visible_memory_is_below_what_is_sold_but_not_by_more_than_a_third(catalogue: Catalogue) -> None:
    for gpu in catalogue.gpus.values():
        share = gpu.visible_bytes / (gpu.memory_gb * 2**30)
        assert (0.66 if gpu.unified_memory else 0.86) < share <= 1, gpu.id


def test_visible_memory_of_well_known_cards_is_what_drivers_report(catalogue: Catalogue) -> None:
    known = {"rtx-4090": 23.52, "rtx-3090": 23.56, "rtx-5090": 31.36, "h100-sxm": 79.10, "h200-sxm": 139.80, "dgx-spark-128": 119.7}
    found = {name: catalogue.gpus[name].visible_bytes / 2**30 for name in known}
    assert found == pytest.approx(known, abs=0.05)


def test_a_unified_system_is_sold_whole_with_its_memory_and_one_gpu(catalogue: Catalogue) -> None:
    unified = [gpu for gpu in catalogue.gpus.values() if gpu.unified_memory]
    assert len(unified) >= 25
    for gpu in unified:
        (system,) = [p for p in catalogue.platforms.values() if p.included_gpu == gpu.id]
        assert not gpu.prices, f"the price of {gpu.id} belongs to the system"
        assert (system.platform_class, system.included_gpu_quantity, system.included_ram_gb) == ("system", 1, gpu.memory_gb)
        assert (system.gpu_slots, system.dimm_slots, system.psu_w) == (0, 0, 0)


def test_every_included_gpu_and_every_rented_gpu_is_in_the_catalogue(catalogue: Catalogue) -> None:
    assert {p.included_gpu for p in catalogue.platforms.values() if p.included_gpu} <= set(catalogue.gpus)
    assert {offer.gpu for offer in catalogue.cloud.values() if offer.gpu} <= set(catalogue.gpus)


def test_eight_gpu_servers_have_memory_and_a_switch(catalogue: Catalogue) -> None:
    servers = [p for p in catalogue.platforms.values() if p.platform_class == "hgx"]
    assert {p.included_gpu for p in servers} == {"h100-sxm", "h200-sxm", "b200-sxm"}
    for server in servers:
        assert (server.included_gpu_quantity, server.gpu_slots) == (8, 0)
        assert server.included_ram_gb >= 2048
        assert server.link_gb_s >= 900
        assert server.prices[0].kind == "derived"


def test_what_cannot_be_bought_is_not_for_sale(catalogue: Catalogue) -> None:
    assert not any(gpu.purchasable for gpu in catalogue.gpus.values() if gpu.id.startswith("tpu-"))
    assert {"rubin-sxm", "mi455x"}.isdisjoint(catalogue.gpus)


def test_wholesale_prices_and_market_classes_are_kept_but_never_picked(facts: Changes, catalogue: Catalogue) -> None:
    market = {item.id for item in facts.items if item.status == "market"}
    assert len(market) > 30
    assert market.isdisjoint(catalogue.parts)
    assert {price.kind for part in catalogue.parts.values() for price in part.prices} <= COUNTING
    assert {price.kind for price in facts.prices} >= {"wholesale-spot", "contract", "upgrade-delta", "list"}


@pytest.mark.parametrize("shelf", ["ram", "drives"])
def test_no_memory_and_no_drive_is_offered_at_a_price_from_before_the_shortage(catalogue: Catalogue, shelf: str) -> None:
    old = [part.id for part in getattr(catalogue, shelf).values() for price in part.prices if price.observed_on < BEFORE_THE_SHORTAGE]
    assert old == []


def test_a_derived_price_says_from_what(facts: Changes) -> None:
    derived = [price for price in facts.prices if price.kind == "derived"]
    assert len(derived) > 90
    assert all("derived" in price.source or "component sum" in price.source for price in derived)


def test_ddr5_of_one_size_costs_about_the_same_whoever_sells_it(catalogue: Catalogue) -> None:
    kits = [kit for kit in catalogue.ram.values() if (kit.memory_type, kit.form, kit.total_gb) == ("DDR5", "UDIMM", 32)]
    prices = sorted(price.money.minor for kit in kits for price in kit.prices)
    assert len(prices) >= 6
    assert prices[-1] < 2 * prices[0]


def test_the_table_of_prices_is_sorted_so_that_changes_are_easy_to_read() -> None:
    with (resource_path("seed_data") / "prices.csv").open(encoding="utf-8") as file:
        keys = [(row["item"], row["observed_on"], row["kind"]) for row in csv.DictReader(file)]
    assert keys == sorted(keys)


def test_a_wrong_cell_is_refused_with_file_line_and_column(tmp_path: Path) -> None:
    for table in resource_path("seed_data").glob("*.csv"):
        (tmp_path / table.name).write_text(table.read_text(encoding="utf-8"), encoding="utf-8")
    gpus = tmp_path / "gpus.csv"
    header, first, *rest = gpus.read_text(encoding="utf-8").splitlines()
    cells = next(csv.reader([first]))
    cells[header.split(",").index("memory_gb")] = "plenty"
    gpus.write_text("\n".join([header, ",".join(f'"{cell}"' for cell in cells), *rest]), encoding="utf-8")
    with pytest.raises(InvalidInput) as refused:
        read_seed(tmp_path)
    assert refused.value.errors[0].path == "gpus.csv line 2, memory_gb"
