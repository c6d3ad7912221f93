"""Several jobs on one machine: what it must have, and the best machine for them."""

import pytest

from app.placement import Placement, Unplaceable
from app.recommendation.joint import JointDemand, Seated, dealt
from app.recommendation.recommend import recommend
from app.units import GB, GIB
from app.workloads.limits import Limits
from tests.recommendation.support import Job, catalogue, drive, gpu, kit, platform

SMALL, LARGE = Job(memory_bytes=9 * GIB, host_bytes=10 * GIB), Job(memory_bytes=19 * GIB, host_bytes=20 * GIB, rate_per_bandwidth=0.4)
ON_CPU = Job(needs_gpu=False, host_bytes=40 * GIB)
CARD = gpu(memory_gb=24)


def joint(together: str, *jobs: Job, host: int = 0, ssd: int = 0) -> JointDemand:
    return JointDemand(jobs=jobs, together=together, shared_host_bytes=host, shared_ssd_bytes=ssd)  # type: ignore[arg-type]


def placed(demand: JointDemand, quantity: int = 1) -> Placement:
    found = demand.place(CARD if demand.needs_gpu else None, quantity)
    assert isinstance(found, Placement)
    return found


def test_one_at_a_time_the_machine_has_what_the_neediest_has() -> None:
    found = placed(joint("either", SMALL, LARGE))
    assert found.gpu_bytes == 20 * GIB
    assert found.host_bytes == 22 * GIB


def test_at_once_on_one_card_memory_adds_up_and_time_is_shared() -> None:
    found, alone = placed(joint("at_once", SMALL, LARGE, host=4 * GIB)), placed(joint("either", SMALL, LARGE))
    assert found.gpu_bytes == 30 * GIB
    assert found.host_bytes == (12 + 22 - 4) * GIB
    assert found.speed.rate == pytest.approx(alone.speed.rate / 2)


def test_at_once_on_several_cards_each_job_gets_its_own_where_that_is_better() -> None:
    demand = joint("at_once", SMALL, LARGE)
    seated = demand.seated(CARD, 2)
    assert isinstance(seated, Seated)
    assert (seated.way.counts, seated.way.shared) == ((1, 1), False)
    assert placed(demand, 2).gpu_bytes == 20 * GIB


def test_disks_hold_the_files_of_all_but_one_system() -> None:
    demand = joint("either", Job(ssd_bytes=300 * GB, hdd_bytes=GB), Job(ssd_bytes=200 * GB, hdd_bytes=GB), ssd=50 * GB)
    assert (demand.ssd_bytes, demand.hdd_bytes) == (450 * GB, 2 * GB)


def test_a_job_on_the_processor_beside_one_on_a_gpu_takes_ram_only() -> None:
    assert placed(joint("at_once", SMALL, ON_CPU)).gpu_bytes == 10 * GIB
    assert placed(joint("at_once", SMALL, ON_CPU)).host_bytes == 52 * GIB
    assert placed(joint("either", SMALL, ON_CPU)).host_bytes == 40 * GIB
    assert isinstance(joint("either", SMALL, ON_CPU).place(None, 0), Unplaceable)


def test_cards_are_dealt_in_every_way_and_at_least_one_to_each() -> None:
    assert list(dealt(4, 2)) == [(1, 3), (2, 2), (3, 1)]
    assert len(list(dealt(6, 3))) == 10
    assert list(dealt(1, 2)) == []


def test_the_machine_for_both_does_each_and_costs_at_least_as_much_as_for_one() -> None:
    parts = catalogue(gpu("small", 300, memory_gb=12), gpu("large", 900, memory_gb=24), kit(), kit("big", 200, module_gb=32), drive(),
                      platform())  # fmt: skip

    def cheapest(demand: Job | JointDemand) -> int:
        return recommend(demand, Limits(), parts).picks[0].machine.total.minor

    either, at_once = (cheapest(joint(together, SMALL, LARGE)) for together in ("either", "at_once"))
    assert max(cheapest(SMALL), cheapest(LARGE)) <= either <= at_once
