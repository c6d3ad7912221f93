"""What a fact must be before it is recorded."""

import dataclasses
from typing import Any

import pytest
from pydantic import ValidationError

from app.catalogue.assemble import part_of
from app.catalogue.specs import SPECS
from app.hardware import PartKind
from tests.catalogue.builders import item, price


@pytest.mark.parametrize("kind", list(SPECS))
def test_every_field_of_a_part_comes_from_the_item_or_its_specification(kind: PartKind) -> None:
    part = part_of(item(kind, "a"), ())
    given = {"id", "name", "vendor", "prices", "active", "source", "confidence", "notes", *item(kind, "a").spec.part_fields()}
    assert {field.name for field in dataclasses.fields(part)} == given


def test_visible_memory_and_capacities_become_bytes() -> None:
    assert item("gpu", "a", visible_mib=24084).spec.part_fields()["visible_bytes"] == 24084 * 2**20
    assert item("drive", "a", capacity_gb=2048).spec.part_fields()["capacity_bytes"] == 2048 * 10**9
    assert item("platform", "a", included_ssd_gb=512).spec.part_fields()["included_ssd_bytes"] == 512 * 10**9


def test_an_empty_cell_means_not_known() -> None:
    gpu = item("gpu", "a", fp8_tflops="", pcie_gen="", power_w="", link_gb_s=" ").spec.part_fields()
    assert (gpu["fp8_tflops"], gpu["pcie_gen"], gpu["power_w"], gpu["link_gb_s"]) == (None, None, 0, 0.0)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("gpu", "memory_gb", 0),
        ("gpu", "visible_mib", 24 * 1024 + 1),
        ("gpu", "bandwidth_gb_s", "fast"),
        ("gpu", "segment", "gaming"),
        ("gpu", "visible_source", ""),
        ("gpu", "colour", "green"),
        ("ram", "memory_type", "DDR9"),
        ("ram", "modules", -1),
        ("drive", "capacity_gb", 0),
        ("drive", "interface", "usb"),
        ("platform", "cpu_cores", 0),
        ("platform", "included_gpu_quantity", 8),
        ("platform", "included_ram_gb", 193),
        ("cloud", "gpu_quantity", 0),
        ("gpu", "id_", "Not A Slug"),
        ("gpu", "source", ""),
        ("gpu", "as_of", "yesterday"),
        ("gpu", "confidence", "certain"),
    ],
)
def test_a_value_outside_its_limits_is_refused_by_name(kind: PartKind, field: str, value: object) -> None:
    fields: dict[str, Any] = {"id_": "a", field: value}
    with pytest.raises(ValidationError):
        item(kind, **fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "0"), ("amount", "-5"), ("amount", "9.999"), ("amount", "NaN"), ("currency", "usd"), ("currency", "EURO"),
        ("condition", "broken"), ("kind", "hearsay"), ("observed_on", "2026-13-01"), ("source", ""), ("url", "javascript:alert(1)"),
        ("shoe_size", "44"),
    ],
)  # fmt: skip
def test_a_price_that_cannot_be_is_refused(field: str, value: str) -> None:
    price("a", "100")
    with pytest.raises(ValidationError):
        price("a", **{"amount": "100", field: value})


def test_an_amount_in_yen_has_no_decimals() -> None:
    assert price("a", "30000", currency="JPY").money.minor == 30000
    with pytest.raises(ValidationError, match="more decimals than JPY has"):
        price("a", "30000.50", currency="JPY")
