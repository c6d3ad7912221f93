"""What a person gets: prices in their currency, owned parts at no cost, roles, near misses, reasons where nothing fits."""

from typing import Any

import pytest

from app.errors import InvalidInput
from app.hardware import Catalogue
from app.money import Money
from app.recommendation.advice import Recommendation
from app.recommendation.machine import Machine
from app.recommendation.recommend import cheapest, recommend
from app.units import GB, GIB, TB
from app.workloads.limits import Limits
from tests.recommendation.support import DAY, RATES, Job, catalogue, drive, gpu, kit, platform, price

SHOP = (
    gpu("small", 300, memory_gb=12, bandwidth_gb_s=300.0),
    gpu("middle", 600, memory_gb=24, bandwidth_gb_s=450.0),
    gpu("large", 2500, memory_gb=48, bandwidth_gb_s=900.0),
    kit("ram-32", 90),
    kit("ram-64", 200, module_gb=32),
    drive("nvme-1tb", 100),
    drive("nvme-2tb", 170, capacity_bytes=2 * TB),
    drive("disk-4tb", 120, kind="hdd", interface="sata", capacity_bytes=4 * TB),
    platform("desktop", 800, gpu_slots=1, psu_w=850),
    platform("workstation", 3000, platform_class="workstation", gpu_slots=4, pcie_lanes=128, psu_w=2000),
)  # fmt: skip


def ask(parts: Catalogue | None = None, job: Job | None = None, **limits: Any) -> Recommendation:
    return recommend(job or Job(memory_bytes=9 * GIB), Limits.model_validate(limits), parts or catalogue(*SHOP))


def picked(answer: Recommendation, role: str) -> Machine:
    return next(pick.machine for pick in answer.picks if pick.role == role)


def usd(amount: str) -> dict[str, Any]:
    return {"budget": {"amount": amount, "currency": "USD"}}


def test_the_cheapest_machine_is_the_cheapest_part_of_every_kind_that_suffices() -> None:
    assert picked(ask(), "cheapest").id == "desktop+1xsmall+1xram-32+1xnvme-1tb"
    assert picked(ask(), "cheapest").total == Money.of("1290", "USD")


def test_each_role_has_its_own_winner() -> None:
    answer = ask()
    assert picked(answer, "fastest").gpu_quantity == 4
    assert picked(answer, "fastest").gpu == picked(answer, "headroom").gpu == SHOP[2]
    assert picked(answer, "value").id == "desktop+1xmiddle+1xram-32+1xnvme-1tb"  # 45 for 1,590 beats 30 for 1,290 and 90 for 3,490


def test_prices_are_converted_at_the_rate_of_the_catalogue() -> None:
    in_pounds = picked(ask(currency="GBP"), "cheapest").total
    assert in_pounds.currency == "GBP"
    lines = [RATES.convert(price(amount).money, "GBP").minor for amount in (800, 300, 90, 100)]
    assert in_pounds.minor == sum(lines)


def test_a_currency_without_a_rate_is_refused_with_its_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        ask(budget={"amount": "100", "currency": "XAU"})
    assert refused.value.errors[0].path == "limits.budget.currency"


def test_owned_parts_cost_nothing_and_say_so() -> None:
    machine = picked(ask(owned=[{"part": "middle", "quantity": 1}, {"part": "desktop"}]), "cheapest")
    assert machine.total == Money.of("190", "USD")
    assert {line.part.id for line in machine.lines if line.owned} == {"middle", "desktop"}
    assert all(line.unit_price.minor == 0 for line in machine.lines if line.owned)


def test_owned_and_bought_cards_go_together() -> None:
    job = Job(memory_bytes=60 * GIB)
    machine = picked(ask(job=job, max_gpus=2, owned=[{"part": "large"}]), "cheapest")
    assert [(line.part.id, line.quantity, line.owned) for line in machine.lines if line.part.id == "large"] == [
        ("large", 1, True),
        ("large", 1, False),
    ]


def test_an_owned_kit_stays_in_use_beside_a_bought_one() -> None:
    job = Job(memory_bytes=9 * GIB, host_bytes=44 * GIB)
    machine = picked(ask(job=job, owned=[{"part": "ram-32"}]), "cheapest")
    assert machine.ram == ((SHOP[3], 2),)
    assert sum(line.total.minor for line in machine.lines if line.part.id == "ram-32") == 90_00


def test_a_part_that_is_owned_need_not_be_for_sale() -> None:
    parts = catalogue(gpu("retired", None, memory_gb=24), *SHOP[3:])
    assert picked(ask(parts, owned=[{"part": "retired"}]), "cheapest").gpu_quantity == 1
    assert not ask(parts).picks


def test_unknown_owned_parts_are_reported() -> None:
    answer = ask(owned=[{"part": "gpu-of-the-future"}])
    assert [finding.code for finding in answer.findings] == ["unknown-owned"]
    assert answer.picks


def test_conditions_choose_among_the_prices() -> None:
    parts = catalogue(gpu("card", None, prices=(price(500), price(300, condition="used"), price(250, kind="contract"))), *SHOP[3:])
    bills = {condition: picked(ask(parts, condition=condition), "cheapest") for condition in ("new", "used", "any")}
    cards = {condition: next(line for line in machine.lines if line.part.id == "card") for condition, machine in bills.items()}
    assert {condition: (line.condition, line.unit_price.minor) for condition, line in cards.items()} == {
        "new": ("new", 500_00), "used": ("used", 300_00), "any": ("used", 300_00),
    }  # fmt: skip
    assert cards["new"].observed_on == DAY
    assert cards["new"].source == "a shop"


def test_only_second_hand_gpus_are_used_where_used_ones_are_asked_for() -> None:
    parts = catalogue(gpu("new-only", 100), gpu("old", None, prices=(price(300, condition="used"),)), *SHOP[3:])
    assert {machine.gpu and machine.gpu.id for machine in ask(parts, condition="used").frontier} == {"old"}


def test_parts_without_a_current_price_or_not_sold_are_left_out() -> None:
    parts = catalogue(gpu("unpriced", None), gpu("rented", 1, purchasable=False), gpu("gone", 1, active=False), *SHOP)
    assert picked(ask(parts), "cheapest").id == picked(ask(), "cheapest").id


def test_makers_and_forms_that_are_not_asked_for_are_left_out() -> None:
    parts = catalogue(gpu("red", 10, vendor="AMD"), *SHOP)
    assert picked(ask(parts), "cheapest").gpu_quantity == 1
    assert {machine.gpu and machine.gpu.vendor for machine in ask(parts, vendors=["nvidia"]).frontier} == {"nvidia"}
    assert {machine.gpu and machine.gpu.vendor for machine in ask(parts, vendors=["amd"]).frontier} == {"AMD"}


def test_a_whole_system_needs_no_ram_and_no_drive_of_its_own() -> None:
    chip = gpu("chip", None, memory_gb=64, visible_bytes=48 * GIB, form_factor="system", segment="unified")
    box = platform("box", 700, dimm_slots=0, memory_form="", included_gpu="chip", included_gpu_quantity=1, included_ram_gb=64,
                   included_ssd_bytes=TB, gpu_slots=0, m2_slots=0, sata_bays=0)  # fmt: skip
    machine = picked(ask(catalogue(chip, box, *SHOP)), "cheapest")
    assert machine.id == "box+1xchip"
    assert [line.part.id for line in machine.lines] == ["box"]
    assert machine.ram_bytes == 64 * GIB


def test_a_server_runs_a_job_for_fewer_gpus_than_it_has() -> None:
    server = platform("server", 9000, platform_class="hgx", included_gpu="module", included_gpu_quantity=8, included_ram_gb=2048, psu_w=0)
    parts = catalogue(gpu("module", None, memory_gb=80, form_factor="sxm"), server, drive())
    machine = picked(ask(parts, Job(most_gpus=4)), "cheapest")
    assert machine.gpu_quantity == 8
    assert machine.placement.sharding.gpus == 4


def test_a_job_on_the_processor_counts_free_ram_as_headroom() -> None:
    answer = ask(job=Job(needs_gpu=False, host_bytes=20 * GIB))
    assert {machine.gpu for machine in answer.frontier} == {None}
    assert picked(answer, "cheapest").headroom == 1 - 20 / 32
    assert picked(answer, "headroom").headroom == 1 - 20 / 128  # two kits of 64 GB in four slots


def test_cold_data_goes_where_it_is_cheapest() -> None:
    small = picked(ask(job=Job(memory_bytes=9 * GIB, ssd_bytes=300 * GB, hdd_bytes=1 * TB)), "cheapest")
    big = picked(ask(job=Job(memory_bytes=9 * GIB, ssd_bytes=300 * GB, hdd_bytes=4 * TB)), "cheapest")
    assert (small.ssd, small.hdd) == (((SHOP[6], 1),), ())
    assert (big.ssd, big.hdd) == (((SHOP[5], 1),), ((SHOP[7], 1),))


def test_slow_drives_hold_a_fast_machine_up() -> None:
    slow, fast = drive("slow", 50, read_mb_s=600.0), drive("fast", 200, read_mb_s=7000.0)
    others = [part for part in SHOP if part.id not in {"nvme-1tb", "nvme-2tb"}]
    job = Job(memory_bytes=9 * GIB, read_per_second_of_speed=3.3e7)
    answer = ask(catalogue(slow, fast, *others), job, max_gpus=1, vendors=["nvidia"])
    starved = picked(answer, "cheapest")
    assert starved.placement.speed.bottleneck == "disk"
    assert starved.speed == pytest.approx(600e6 / 3.3e7)
    assert "drives-hold-up" in {finding.code for finding in starved.findings}
    assert picked(answer, "fastest").ssd[0][0] == fast


def test_the_next_better_machine_above_the_budget_is_a_near_miss() -> None:
    answer = ask(**usd("1300"))
    [miss] = [miss for miss in answer.near_misses if "budget" in miss.reason]
    assert miss.machine.id == "desktop+1xmiddle+1xram-32+1xnvme-1tb"
    assert miss.reason == "it costs $290 more than the budget and is 1.5 times as fast as the fastest inside it"
    assert {finding.code for finding in miss.machine.findings} >= {"budget"}


def test_a_cheaper_machine_that_lacks_memory_is_a_near_miss() -> None:
    answer = ask(job=Job(memory_bytes=12 * GIB), max_gpus=1)
    [miss] = answer.near_misses
    assert miss.machine.id == "desktop+1xsmall+1xram-32+1xnvme-1tb"
    assert miss.reason == "each GPU lacks 1.00 GiB of memory for this job"


def test_where_only_money_is_missing_the_answer_says_how_much() -> None:
    answer = ask(**usd("1000"))
    assert not answer.picks
    assert not answer.frontier
    assert answer.feasible == 0
    [finding] = answer.findings
    assert finding.severity == "blocker"
    assert "$1,290, which is $290 over the budget" in finding.message
    assert answer.ladder[0].budget == Money.of("1290", "USD")


@pytest.mark.parametrize(
    ("job", "limits", "code"),
    [
        (Job(memory_bytes=2000 * GIB), {}, "no-gpu-memory"),
        (Job(memory_bytes=9 * GIB, host_bytes=4000 * GIB), {}, "no-platform"),
        (Job(memory_bytes=9 * GIB), {"vendors": ["apple"]}, "unsupported"),
        (Job(memory_bytes=9 * GIB, most_gpus=0), {}, "unsupported"),
    ],
)
def test_where_nothing_runs_the_reason_is_given(job: Job, limits: dict[str, Any], code: str) -> None:
    answer = ask(job=job, **limits)
    assert not answer.picks
    assert answer.findings[0].code == code


def test_the_budget_ladder_names_each_budget_at_which_the_fastest_changes() -> None:
    steps = ask(**usd("1300")).ladder
    assert [step.machine.id.split("+")[1] for step in steps][:3] == ["1xsmall", "1xmiddle", "1xlarge"]
    assert [step.budget.minor for step in steps] == sorted(step.budget.minor for step in steps)
    assert steps[-1].machine.gpu_quantity == 4


def test_where_the_cheapest_is_asked_for_more_money_changes_nothing() -> None:
    assert len(ask(objective="cheapest").ladder) == 1


def test_where_speed_is_not_known_the_ladder_ends_with_half_of_the_memory_free() -> None:
    steps = ask(job=Job(needs_gpu=False, host_bytes=20 * GIB, rate_per_bandwidth=0.0)).ladder
    assert [step.machine.ram_bytes // GIB for step in steps] == [32, 64]


def test_where_speed_is_not_known_value_is_the_cheapest_with_a_fifth_free() -> None:
    answer = ask(job=Job(needs_gpu=False, host_bytes=28 * GIB, rate_per_bandwidth=0.0))
    assert picked(answer, "cheapest").ram_bytes == 32 * GIB
    assert picked(answer, "value").ram_bytes == 64 * GIB


def test_a_machine_that_costs_nothing_has_the_best_value() -> None:
    everything = [{"part": name} for name in ("desktop", "small", "ram-32", "nvme-1tb")]
    assert picked(ask(owned=everything), "value").total.minor == 0


def test_considered_counts_the_combinations_of_the_parts() -> None:
    parts = catalogue(gpu(), kit(modules=2), drive(), platform(gpu_slots=1, m2_slots=2, sata_bays=0, dimm_slots=4))
    # no card or one; no kit, one or two; no drive, one or two
    assert ask(parts).considered == 2 * 3 * 3


def test_cheapest_gives_the_machine_of_the_full_answer() -> None:
    job, limits = Job(memory_bytes=30 * GIB), Limits.model_validate(usd("1"))
    found = cheapest(job, limits, catalogue(*SHOP))
    assert found is not None
    assert found.id == recommend(job, limits, catalogue(*SHOP)).ladder[0].machine.id


def test_dearer_machines_that_are_no_faster_are_no_near_miss() -> None:
    job = Job(needs_gpu=False, host_bytes=20 * GIB, rate_per_bandwidth=0.0)
    assert ask(job=job, **usd("1100")).near_misses == ()


def test_layers_left_to_the_processor_run_faster_on_the_board_with_more_channels_of_ram() -> None:
    parts = catalogue(
        gpu(), kit(modules=1, module_gb=32), drive(),
        platform("desktop", 400), platform("server", 900, memory_channels=8, dimm_slots=8),
    )  # fmt: skip
    answer = recommend(Job(share_on_host=0.9, most_gpus=1), Limits(currency="USD"), parts)
    fastest = next(pick.machine for pick in answer.picks if pick.role == "fastest")
    cheapest_one = next(pick.machine for pick in answer.picks if pick.role == "cheapest")
    assert (cheapest_one.platform.id, fastest.platform.id) == ("desktop", "server")
    assert sum(quantity for _, quantity in fastest.ram) > sum(quantity for _, quantity in cheapest_one.ram)
    assert fastest.speed > 2 * cheapest_one.speed
