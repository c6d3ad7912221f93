"""Each rule: the machine that keeps it, and the smallest step that breaks it."""

from dataclasses import replace
from typing import Any

import pytest

from app.hardware import Gpu, Platform
from app.placement import Placement, Sharding, Speed
from app.recommendation.constraints import LIMIT_RULES, MACHINE_RULES, findings_for
from app.recommendation.machine import Machine
from app.recommendation.power import machine_power_w
from app.recommendation.seating import SEAT_RULES, Seat, cards_that_fit, lanes_per_card, seat_findings
from app.units import GB, GIB, TB
from app.workloads.limits import Limits
from tests.recommendation.support import Job, drive, gpu, kit, machine_of, platform


def codes(board: Platform, card: Gpu | None, quantity: int, severity: str = "blocker") -> set[str]:
    return {finding.code for finding in seat_findings(Seat(board, card, quantity)) if finding.severity == severity}


def placement(**facts: Any) -> Placement:
    given: dict[str, Any] = {
        "sharding": Sharding(), "gpu_bytes": 20 * GIB, "gpu_bytes_high": 22 * GIB, "host_bytes": 16 * GIB,
        "read_bytes_per_second": 0, "speed": Speed(samples_or_tokens_per_second=10.0),
    }  # fmt: skip
    return Placement(**{**given, **facts})


def machine(**facts: Any) -> Machine:
    board, card = facts.pop("platform", platform()), facts.pop("gpu", gpu())
    quantity = facts.pop("quantity", 1 if card else 0)
    fills = (facts.pop("ram", ((kit(), 1),)), facts.pop("ssd", ((drive(), 1),)), facts.pop("hdd", ()))
    return machine_of(board, (card, quantity), facts.pop("placement", placement()), fills, (), Limits())


def found(one: Machine, limits: Limits | None = None, **job: Any) -> dict[str, str]:
    return {finding.code: finding.severity for finding in findings_for(one, Job(**job), limits or Limits())}


def test_an_ordinary_machine_has_no_finding() -> None:
    assert found(machine()) == {}


def test_every_rule_has_its_own_code_and_says_what_to_do() -> None:
    rules = (*SEAT_RULES, *MACHINE_RULES, *LIMIT_RULES)
    assert len({rule.code for rule in rules}) == len(rules)
    assert all(rule.remedy for rule in rules)


def test_a_module_does_not_go_into_a_board_and_a_card_not_into_a_whole_system() -> None:
    system = platform(included_gpu="chip", included_gpu_quantity=1)
    assert codes(platform(), gpu(form_factor="sxm"), 1) == {"form-factor"}
    assert "form-factor" in codes(system, gpu(), 1)
    assert codes(system, gpu("chip", form_factor="system"), 1) == set()


def test_gpus_that_come_with_a_server_may_not_stand_idle() -> None:
    assert codes(platform(included_gpu="module", included_gpu_quantity=8), None, 0) == {"idle-gpus"}
    assert codes(platform(included_gpu="chip", included_gpu_quantity=1), None, 0) == set()


def test_cards_are_counted_by_slots() -> None:
    assert codes(platform(gpu_slots=2), gpu(), 2) == set()
    assert "gpu-slots" in codes(platform(gpu_slots=2, pcie_lanes=64), gpu(), 3)


@pytest.mark.parametrize(("width", "fitting"), [(2, 2), (3, 2), (3.5, 1)])
def test_thick_cards_need_the_room_between_slots(width: float, fitting: int) -> None:
    board = platform(gpu_slots=2, psu_w=2000)
    assert cards_that_fit(board, gpu(slots=width)) == fitting


def test_two_thick_cards_come_with_a_caution() -> None:
    assert "thick-cards" in codes(platform(psu_w=2000), gpu(slots=3), 2, "caution")
    assert "thick-cards" not in codes(platform(psu_w=2000), gpu(slots=3), 1, "caution")


@pytest.mark.parametrize(("lanes", "cards", "width"), [(24, 1, 16), (24, 2, 8), (20, 1, 16), (28, 3, 8), (16, 1, 8), (4, 1, 4), (8, 2, 0)])
def test_cards_share_the_lanes_that_the_first_drive_leaves(lanes: int, cards: int, width: int) -> None:
    assert lanes_per_card(platform(pcie_lanes=lanes), gpu(), cards) == width


def test_narrow_links_are_a_note_at_x8_a_caution_at_x4_and_a_blocker_below() -> None:
    board = platform(gpu_slots=4, psu_w=4000)
    assert "pcie-x8" in codes(replace(board, pcie_lanes=24), gpu(), 2, "note")
    assert "pcie-x4" in codes(replace(board, pcie_lanes=12), gpu(), 2, "caution")
    assert "pcie-lanes" in codes(replace(board, pcie_lanes=8), gpu(), 2)
    assert "pcie-x8" not in codes(replace(board, pcie_lanes=24), gpu(pcie_lanes=8), 2, "note")


def test_a_supply_carries_up_to_nine_tenths_and_is_tight_above_eight() -> None:
    load = machine_power_w(platform(), gpu(power_w=500), 1)
    assert codes(platform(psu_w=round(load / 0.79)), gpu(power_w=500), 1, "caution") == set()
    assert codes(platform(psu_w=round(load / 0.85)), gpu(power_w=500), 1, "caution") == {"power-supply-tight"}
    assert codes(platform(psu_w=round(load / 0.95)), gpu(power_w=500), 1) == {"power-supply"}


def test_a_5090_wants_the_supply_that_its_maker_asks_for() -> None:
    card = gpu(power_w=575)
    assert "power-supply" in codes(platform(psu_w=850), card, 1)
    assert "power-supply" not in codes(platform(psu_w=1000), card, 1)


def test_an_hgx_server_draws_what_its_data_sheet_says() -> None:
    board = platform(platform_class="hgx", cpu_sockets=2, included_gpu="module", included_gpu_quantity=8)
    assert machine_power_w(board, gpu("module", power_w=700), 8) == pytest.approx(10_200, rel=0.01)
    assert machine_power_w(board, gpu("module", power_w=1000), 8) == pytest.approx(14_300, rel=0.01)


def test_outlets_are_a_caution_above_1800_and_3000_watts() -> None:
    board = platform(platform_class="gpu-server", cpu_sockets=1, gpu_slots=8, pcie_lanes=160, psu_w=0)
    assert "outlet-120v" in codes(board, gpu(power_w=300), 4, "caution")
    assert "several-outlets" in codes(board, gpu(power_w=300), 8, "caution")


def test_passive_cards_ask_for_the_air_of_a_server() -> None:
    card = gpu(segment="datacenter")
    assert "passive-cooling" in codes(platform(), card, 1)
    assert "passive-cooling" not in codes(platform(platform_class="server"), card, 1, "caution")


def test_hot_cards_next_to_each_other_are_a_caution_in_an_office_case() -> None:
    assert "cooling" in codes(platform(psu_w=2000), gpu(power_w=350), 2, "caution")
    assert "cooling" not in codes(platform(psu_w=2000), gpu(power_w=250), 2, "caution")


def test_few_processor_cores_for_many_cards_are_a_note() -> None:
    assert "cpu-cores" in codes(platform(cpu_cores=6), gpu(), 2, "note")


@pytest.mark.parametrize(
    ("facts", "job", "code", "severity"),
    [
        ({"placement": placement(gpu_bytes=25 * GIB, gpu_bytes_high=26 * GIB)}, {}, "gpu-memory", "blocker"),
        ({"placement": placement(gpu_bytes_high=25 * GIB)}, {}, "gpu-memory-tight", "caution"),
        ({"placement": placement(host_bytes=33 * GIB)}, {}, "ram", "blocker"),
        ({"placement": placement(host_bytes=30 * GIB)}, {}, "ram-tight", "note"),
        ({"ram": ((kit(memory_type="DDR4"), 1),)}, {}, "ram-type", "blocker"),
        ({"ram": ((kit(), 3),)}, {}, "dimm-slots", "blocker"),
        ({"ram": ((kit(module_gb=64), 2),)}, {}, "most-memory", "blocker"),
        ({}, {"ssd_bytes": TB + 1}, "storage", "blocker"),
        ({}, {"hdd_bytes": TB}, "storage", "blocker"),
        ({"ssd": ((drive(), 3),)}, {}, "drive-bays", "blocker"),
        ({"placement": placement(read_bytes_per_second=11 * GB)}, {}, "drive-speed", "blocker"),
        ({"placement": placement(read_bytes_per_second=9 * GB)}, {}, "drives-hold-up", "caution"),
        ({"platform": platform(memory_channels=8)}, {}, "memory-channels", "caution"),
        ({"placement": placement(gpu_bytes=2 * GIB, gpu_bytes_high=2 * GIB)}, {}, "lavish-gpu", "note"),
        ({"ram": ((kit(module_gb=64), 1),), "placement": placement(host_bytes=8 * GIB)}, {}, "lavish-ram", "note"),
    ],
)  # fmt: skip
def test_what_a_machine_lacks_is_found(facts: dict[str, Any], job: dict[str, Any], code: str, severity: str) -> None:
    assert found(machine(**facts), **job)[code] == severity


def test_cold_data_may_lie_on_ssds_but_hot_data_not_on_disks() -> None:
    disk = drive("disk", kind="hdd", interface="sata", capacity_bytes=4 * TB)
    assert "storage" not in found(machine(ssd=((drive(), 2),)), ssd_bytes=TB, hdd_bytes=TB)
    assert "storage" in found(machine(hdd=((disk, 1),)), ssd_bytes=2 * TB)
    assert "storage" not in found(machine(hdd=((disk, 1),)), ssd_bytes=TB, hdd_bytes=4 * TB)


def test_in_unified_memory_the_gpu_takes_its_share_of_the_ram() -> None:
    box = platform(dimm_slots=0, memory_form="", included_ram_gb=32, included_gpu="chip", included_gpu_quantity=1, gpu_slots=0)
    chip = gpu("chip", None, memory_gb=32, visible_bytes=24 * GIB, form_factor="system", segment="unified")
    tight = machine(platform=box, gpu=chip, ram=(), placement=placement(gpu_bytes=20 * GIB, host_bytes=13 * GIB))
    roomy = machine(platform=box, gpu=chip, ram=(), placement=placement(gpu_bytes=20 * GIB, host_bytes=8 * GIB))
    assert found(tight)["ram"] == "blocker"
    assert "ram" not in found(roomy)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"vendors": ["amd"]}, "vendor"),
        ({"form_factors": ["system"]}, "form-factor-limit"),
        ({"max_gpus": 0}, "most-gpus"),
        ({"max_watts": 100}, "watts"),
    ],
)
def test_what_the_person_does_not_accept_is_a_blocker(limits: dict[str, Any], code: str) -> None:
    assert found(machine(), Limits.model_validate(limits))[code] == "blocker"


def test_findings_of_the_placement_are_kept() -> None:
    own = findings_for(machine(platform=platform(pcie_lanes=12)), Job(), Limits())[0]
    again = machine(placement=placement(findings=(own,)))
    assert findings_for(again, Job(), Limits()) == (own,)


def test_memory_without_error_correction_is_refused_where_it_was_asked_for() -> None:
    asked = Limits.model_validate({"ecc": True})
    corrected = machine(platform=platform(ecc=True), ram=((kit(ecc=True), 1),))
    assert found(corrected, asked) == {}
    assert found(machine(platform=platform(ecc=True)), asked) == {"ecc": "blocker"}
    assert found(machine(ram=((kit(ecc=True), 1),)), asked) == {"ecc": "blocker"}


def test_an_older_link_than_the_card_could_use_is_told() -> None:
    assert "pcie-generation" in codes(platform(pcie_gen=3), gpu(pcie_gen=4), 1, "note")
    assert "pcie-generation" not in codes(platform(pcie_gen=5), gpu(pcie_gen=4), 1, "note")


@pytest.mark.parametrize(
    ("cause", "part"),
    [("compute", "arithmetic"), ("memory bandwidth", "memory bandwidth"), ("disk", "drives"), ("data loading", "processor")],
)
def test_what_limits_the_speed_is_named_with_what_would_help(cause: str, part: str) -> None:
    slow = placement(speed=Speed(samples_or_tokens_per_second=10.0, bottleneck=cause))
    [told] = [one for one in findings_for(machine(placement=slow), Job(), Limits()) if one.code == "bottleneck"]
    assert part in told.message
    assert "faster" in told.remedy


def test_far_more_than_the_job_uses_is_told() -> None:
    assert found(machine(ssd=((drive(capacity_bytes=8 * TB), 1),)))["lavish-ssd"] == "note"
    assert found(machine(platform=platform(cpu_cores=64)))["lavish-cpu"] == "note"
    assert "lavish-cpu" not in found(machine(platform=platform(cpu_cores=64, gpu_slots=4), quantity=4))
    assert found(machine(platform=platform(gpu_slots=7)))["lavish-board"] == "note"


def test_gpus_of_a_whole_system_that_stand_idle_are_told() -> None:
    system = platform(included_gpu="card", included_gpu_quantity=8, psu_w=0)
    spread = placement(sharding=Sharding(gpus=6, data=6))
    assert found(machine(platform=system, quantity=8, placement=spread))["lavish-gpus"] == "caution"
