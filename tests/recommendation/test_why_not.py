"""Why not this part: the first thing that forbids it, or the price at which it would be the pick."""

import random
import re
from dataclasses import replace
from typing import Any

import pytest

from app.errors import NotFound
from app.hardware import Catalogue, CloudOffer, Gpu
from app.money import parse_money
from app.placement import Finding
from app.recommendation.recommend import recommend
from app.recommendation.why_not import why_not
from app.units import GIB, TB
from app.workloads.limits import Limits
from tests.recommendation.support import Job, catalogue, drive, gpu, kit, platform, price, random_catalogue

PARTS = (
    gpu("small", 300, memory_gb=12, bandwidth_gb_s=300.0),
    gpu("middle", 600, memory_gb=24, bandwidth_gb_s=450.0),
    gpu("large", 2500, memory_gb=48, bandwidth_gb_s=900.0),
    kit("ram-32", 90),
    kit("ram-64", 200, module_gb=32),
    drive("nvme-1tb", 100),
    platform("desktop", 800, gpu_slots=1, psu_w=850),
    platform("workstation", 3000, platform_class="workstation", gpu_slots=4, pcie_lanes=128, psu_w=2000),
)


def ask(name: str, *more: Any, job: Job | None = None, **limits: Any) -> Finding:
    return why_not(name, job or Job(memory_bytes=9 * GIB), Limits.model_validate(limits), catalogue(*PARTS, *more))


def test_an_unknown_part_is_not_found() -> None:
    with pytest.raises(NotFound):
        ask("nonsense")


def test_a_part_of_the_pick_is_said_to_be_in_it() -> None:
    assert ask("middle").code == "picked"


def test_a_dearer_card_is_given_the_price_at_which_it_would_win() -> None:
    finding = ask("middle", objective="cheapest")
    assert finding.code == "price"
    assert "at $299.99 or less" in finding.message


def test_a_fast_card_over_the_budget_wins_at_the_price_that_brings_it_inside() -> None:
    finding = ask("large", objective="fastest", budget={"amount": "3000", "currency": "USD"})
    assert "costs $3,490, $490 over the budget; at $2,010 or less it would be the pick" in finding.message


def test_a_slower_card_is_not_the_fastest_at_any_price() -> None:
    finding = ask("small", objective="fastest")
    assert finding.code == "outdone"
    assert "slower than the recommended machine at any price" in finding.message


def test_a_dear_platform_is_given_its_price_too() -> None:
    assert "at $799.99 or less" in ask("workstation", objective="cheapest").message


@pytest.mark.parametrize(
    ("part", "job", "limits", "code"),
    [
        (gpu("x", None), {}, {}, "no-price"),
        (gpu("x", 1, active=False), {}, {}, "retired"),
        (gpu("x", 1, purchasable=False), {}, {}, "not-sold"),
        (gpu("x", 1, vendor="AMD"), {}, {"vendors": ["nvidia"]}, "vendor"),
        (gpu("x", 1), {}, {"form_factors": ["system"]}, "form-factor-limit"),
        (gpu("x", 1), {}, {"max_gpus": 0}, "most-gpus"),
        (gpu("x", 1, memory_gb=1), {}, {}, "gpu-memory"),
        (gpu("x", 1, form_factor="sxm"), {}, {}, "form-factor"),
        (gpu("x", 1, power_w=2000), {}, {}, "power-supply"),
        (gpu("x", 1), {"needs_gpu": False}, {}, "no-gpu-needed"),
        (gpu("x", 1), {"most_gpus": 0}, {}, "unsupported"),
        (gpu("x", 1), {"host_bytes": 4000 * GIB}, {}, "parts"),
        (gpu("x", None, prices=(price(1),)), {}, {"condition": "used"}, "no-price"),
        (kit("x", 1, memory_type="DDR4"), {}, {}, "ram-type"),
        (kit("x", 1, modules=8), {}, {}, "dimm-slots"),
        (kit("x", 1, modules=1, module_gb=1), {}, {}, "not-needed"),
        (drive("x", 1, capacity_bytes=TB // 100), {}, {}, "not-needed"),
        (platform("x", 1, gpu_slots=0), {}, {}, "gpu-slots"),
        (platform("x", 1, gpu_slots=1), {"memory_bytes": 100 * GIB}, {}, "gpu-memory"),
        (platform("x", 1, dimm_slots=0), {}, {}, "parts"),
    ],
)
def test_the_first_thing_that_forbids_a_part_is_named(part: Any, job: dict[str, Any], limits: dict[str, Any], code: str) -> None:
    finding = ask("x", part, job=Job(**{"memory_bytes": 9 * GIB, **job}), **limits)
    assert (finding.code, finding.severity) == (code, "blocker")


def test_a_gpu_of_a_whole_system_is_judged_by_the_price_of_the_system() -> None:
    chip = gpu("chip", None, memory_gb=64, visible_bytes=48 * GIB, form_factor="system", segment="unified")
    box = platform("box", 5000, dimm_slots=0, memory_form="", included_gpu="chip", included_gpu_quantity=1, included_ram_gb=64,
                   included_ssd_bytes=TB, gpu_slots=0, m2_slots=0, sata_bays=0)  # fmt: skip
    finding = ask("chip", chip, box, objective="cheapest")
    assert "at $1,289.99 or less for Box it would be the pick" in finding.message


def test_an_offer_to_rent_is_no_part_of_a_machine() -> None:
    offer = CloudOffer(id="rent", name="Rent", provider="p", gpu="small", gpu_quantity=1)
    parts = replace(catalogue(*PARTS), cloud={"rent": offer})
    assert why_not("rent", Job(), Limits(), parts).code == "rented"


def named_price(finding: Finding) -> int | None:
    told = re.search(r"at \$([\d,.]+) or less", finding.message)
    return parse_money(told[1], "USD").minor if told else None


def with_price(parts: Catalogue, name: str, minor: int) -> Catalogue:
    """The price of the card, or of the system that it comes with."""
    at = (replace(price(1), money=replace(price(1).money, minor=minor)),)
    if name == "chip":
        return replace(parts, platforms={**parts.platforms, "box": replace(parts.platforms["box"], prices=at)})
    return replace(parts, gpus={**parts.gpus, name: replace(parts.gpus[name], prices=at)})


def pick_has(gpu_id: str, job: Job, limits: Limits, parts: Catalogue) -> bool:
    chosen = {pick.role: pick.machine.gpu for pick in recommend(job, limits, parts).picks}.get(limits.objective)
    return isinstance(chosen, Gpu) and chosen.id == gpu_id


@pytest.mark.parametrize("seed", range(900, 1020))
def test_a_card_wins_at_the_price_that_is_named_and_not_above_it(seed: int) -> None:
    rng = random.Random(seed)
    parts = random_catalogue(rng)
    job = Job(memory_bytes=rng.choice([4, 10, 15]) * GIB, host_bytes=8 * GIB)
    budget = rng.choice([None, {"amount": "2500", "currency": "USD"}])
    objective = rng.choice(["cheapest", "value", "fastest", "headroom"])
    limits = Limits.model_validate({"objective": objective, "budget": budget, "currency": "USD"})
    for name in parts.gpus:
        named = named_price(why_not(name, job, limits, parts))
        if named is not None:
            assert pick_has(name, job, limits, with_price(parts, name, named))
            assert not pick_has(name, job, limits, with_price(parts, name, named + 2))
