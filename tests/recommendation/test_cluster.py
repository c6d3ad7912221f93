"""Several machines where no single one can do the job."""

from typing import Any

from app.recommendation.recommend import recommend
from app.units import GIB
from app.workloads.limits import Limits
from tests.recommendation.support import Job, catalogue, drive, gpu, kit, platform

CHIP = gpu("chip", None, memory_gb=80, form_factor="sxm")
SYSTEM = platform("system", 100_000, platform_class="hgx", included_gpu="chip", included_gpu_quantity=8, included_ram_gb=1024,
                  included_ssd_bytes=10**13, psu_w=0, gpu_slots=0)  # fmt: skip
SHOP = (gpu("card", 2000, memory_gb=24), kit("big", 200, module_gb=32), drive(), platform("board", 1000, gpu_slots=4, pcie_lanes=128,
                                                                                       psu_w=3000))  # fmt: skip


def notes(*parts: Any, memory_gib: int, **limits: Any) -> list[str]:
    answer = recommend(Job(memory_bytes=memory_gib * GIB), Limits.model_validate(limits), catalogue(*parts))
    return [f"{finding.message}; {finding.remedy}" for finding in answer.findings if finding.code == "cluster"]


def test_the_cheapest_set_of_equal_machines_is_named_with_what_joins_it() -> None:
    [told] = notes(*SHOP, memory_gib=150)
    assert "2 x Board can, with 8 x Card in all" in told
    assert "Ethernet" in told


def test_whole_systems_are_joined_by_infiniband() -> None:
    [told] = notes(CHIP, SYSTEM, drive(), memory_gib=1000)
    assert "2 x System can, with 16 x Chip in all, for $200,000" in told
    assert "InfiniBand" in told


def test_nothing_is_said_where_one_machine_does_it_or_none_of_sixteen_would() -> None:
    assert notes(*SHOP, memory_gib=20) == []
    assert notes(*SHOP, memory_gib=20, budget={"amount": "10", "currency": "USD"}) == []
    assert notes(*SHOP, memory_gib=100_000) == []
