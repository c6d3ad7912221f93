"""Levers: what a change does to memory, time and the cheapest machine."""

from typing import Any

from app.money import Money
from app.recommendation.advice import Change, Lever
from app.recommendation.levers import LeverBench, Proposal, by_price
from app.units import GIB
from app.workloads.limits import Limits
from tests.recommendation.support import Job, catalogue, drive, gpu, kit, platform

PARTS = catalogue(
    gpu("small", 300, memory_gb=12), gpu("large", 2500, memory_gb=48), kit(), drive(), platform("board", 800, gpu_slots=1)
)  # fmt: skip


def proposal(label: str, memory_gib: int, **facts: Any) -> Proposal:
    job = Job(memory_bytes=memory_gib * GIB, **facts)
    changes = (Change(path=label, value=1, label=label),) if label else ()
    return Proposal(changes=changes, demand=job, gpu_bytes=(memory_gib + 1) * GIB, host_bytes=job.host_bytes)


def tried(base: Proposal, *proposals: Proposal, **limits: Any) -> list[Lever]:
    bench = LeverBench(base, Limits.model_validate(limits), PARTS)
    return sorted((lever for lever in map(bench.weighed, proposals) if bench.helps(lever)), key=by_price)


def labels(found: list[Lever]) -> list[str]:
    return [lever.changes[0].label for lever in found]


def test_the_change_with_the_cheapest_machine_comes_first() -> None:
    found = tried(proposal("", 40), proposal("a little", 30), proposal("a lot", 8))
    assert labels(found) == ["a lot", "a little"]
    assert [lever.cheapest for lever in found] == [Money.of(1270, "USD"), Money.of(3470, "USD")]


def test_a_change_that_helps_nothing_is_left_out() -> None:
    assert tried(proposal("", 20), proposal("more", 25), proposal("same", 20)) == []


def test_a_change_that_only_saves_drives_is_kept() -> None:
    assert labels(tried(proposal("", 8, ssd_bytes=3 * 10**12), proposal("fewer files", 8, ssd_bytes=10**12))) == ["fewer files"]


def test_a_change_that_makes_the_job_possible_is_kept_and_one_that_does_not_says_so() -> None:
    found = tried(proposal("", 200), proposal("enough", 40), proposal("not enough", 100))
    assert [(lever.changes[0].label, lever.cheapest is None) for lever in found] == [("enough", False), ("not enough", True)]


def test_prices_do_not_stop_at_the_budget_but_say_whether_they_keep_it() -> None:
    found = tried(proposal("", 100), proposal("small", 8), proposal("large", 40), budget={"amount": "2000", "currency": "USD"})
    assert [(lever.changes[0].label, lever.in_budget) for lever in found] == [("small", True), ("large", False)]


def test_time_is_compared_on_the_same_gpus() -> None:
    slower = proposal("slower", 8, rate_per_bandwidth=0.05)
    assert [lever.time_ratio for lever in tried(proposal("", 40), slower)] == [2.0]
    unknown = proposal("unknown", 8, rate_per_bandwidth=0.0)
    assert [lever.time_ratio for lever in tried(proposal("", 40), unknown)] == [None]


def test_for_a_job_on_the_processor_ram_is_what_counts() -> None:
    base = Proposal(changes=(), demand=Job(needs_gpu=False, host_bytes=30 * GIB), gpu_bytes=0, host_bytes=30 * GIB)
    half = Proposal(
        changes=(Change(path="rows", value=1, label="half"),), demand=Job(needs_gpu=False, host_bytes=15 * GIB), gpu_bytes=0,
        host_bytes=15 * GIB,
    )  # fmt: skip
    assert labels(tried(base, half)) == ["half"]


def test_of_equal_price_the_order_given_is_kept() -> None:
    found = tried(proposal("", 40), proposal("mild", 10), proposal("harsh", 2), proposal("middling", 6))
    assert labels(found) == ["mild", "harsh", "middling"]
