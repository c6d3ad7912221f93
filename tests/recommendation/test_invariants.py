"""What must hold for any catalogue: order means nothing, more money never hurts, every answer keeps the rules."""

import random
from dataclasses import replace
from typing import Any

import pytest

from app.hardware import Catalogue
from app.recommendation.advice import Recommendation
from app.recommendation.constraints import findings_for
from app.recommendation.machine import Machine
from app.recommendation.recommend import recommend
from app.workloads.limits import Limits
from tests.recommendation.support import Job, random_catalogue, random_job, random_limits

SEEDS = range(500, 620)


def instance(seed: int) -> tuple[Job, Limits, Catalogue]:
    rng = random.Random(seed)
    parts = random_catalogue(rng)
    return random_job(rng), random_limits(rng, parts), parts


def shuffled(parts: Catalogue, seed: int) -> Catalogue:
    def of(rows: Any) -> dict[str, Any]:
        names = list(rows)
        random.Random(seed).shuffle(names)
        return {name: rows[name] for name in names}

    return replace(parts, gpus=of(parts.gpus), ram=of(parts.ram), drives=of(parts.drives), platforms=of(parts.platforms))


def with_budget(limits: Limits, minor: int) -> Limits:
    amount = f"{minor / 100:.2f}"
    return limits.model_copy(update={"budget": Limits.model_validate({"budget": {"amount": amount, "currency": "USD"}}).budget})


def all_machines(answer: Recommendation) -> list[Machine]:
    return [*(pick.machine for pick in answer.picks), *answer.frontier]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_catalogue_changes_nothing(seed: int) -> None:
    demand, limits, parts = instance(seed)
    assert recommend(demand, limits, parts) == recommend(demand, limits, shuffled(parts, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_machine_keeps_every_rule_and_its_bill_adds_up(seed: int) -> None:
    demand, limits, parts = instance(seed)
    for machine in all_machines(recommend(demand, limits, parts)):
        assert not [finding for finding in findings_for(machine, demand, limits) if finding.severity == "blocker"]
        assert machine.findings == findings_for(machine, demand, limits)
        assert machine.total.minor == sum(line.unit_price.minor * line.quantity for line in machine.lines)
        assert limits.budget is None or machine.total <= limits.budget.money


@pytest.mark.parametrize("seed", SEEDS)
def test_no_machine_of_the_frontier_beats_another(seed: int) -> None:
    frontier = recommend(*instance(seed)).frontier
    for one in frontier:
        for other in frontier:
            better = (
                other.total <= one.total and other.speed >= one.speed and other.headroom >= one.headroom and other.power_w <= one.power_w
            )
            assert other is one or not better


@pytest.mark.parametrize("seed", SEEDS)
def test_one_more_unit_of_budget_never_makes_the_best_worse(seed: int) -> None:
    demand, limits, parts = instance(seed)
    rungs = recommend(demand, limits.model_copy(update={"budget": None, "currency": "USD"}), parts).ladder
    for step in (one for one in rungs if one.budget.minor):
        below, at = (recommend(demand, with_budget(limits, step.budget.minor + more), parts) for more in (-1, 0))
        assert {pick.role for pick in at.picks} >= {pick.role for pick in below.picks}
        best_at, best_below = ({pick.role: pick.machine for pick in answer.picks} for answer in (at, below))
        if best_below:
            assert best_at["cheapest"].total <= best_below["cheapest"].total
            assert best_at["fastest"].speed >= best_below["fastest"].speed
            assert best_at["headroom"].headroom >= best_below["headroom"].headroom


@pytest.mark.parametrize("seed", SEEDS)
def test_each_rung_of_the_ladder_is_the_answer_for_its_budget_and_not_for_less(seed: int) -> None:
    demand, limits, parts = instance(seed)
    fastest = limits.model_copy(update={"budget": None, "currency": "USD", "objective": "fastest"})
    answer = recommend(demand, fastest, parts)
    if not any(machine.speed for machine in answer.frontier):
        return
    for step in (one for one in answer.ladder if one.budget.minor):
        at, below = (recommend(demand, with_budget(fastest, step.budget.minor + more), parts) for more in (0, -1))
        assert {pick.role: pick.machine.speed for pick in at.picks}["fastest"] == step.machine.speed
        assert {pick.role: pick.machine.speed for pick in below.picks}.get("fastest", 0) < step.machine.speed
    assert answer.ladder[-1].machine.speed == max(machine.speed for machine in answer.frontier)


@pytest.mark.parametrize("seed", range(700, 760))
def test_dearer_parts_that_are_worse_are_never_picked(seed: int) -> None:
    """A copy of every card at a higher price, with less memory and bandwidth, changes no answer."""
    demand, limits, parts = instance(seed)
    worse = {
        f"{name}-worse": replace(
            card, id=f"{name}-worse", visible_bytes=card.visible_bytes // 2, bandwidth_gb_s=card.bandwidth_gb_s / 2,
            prices=tuple(replace(price, money=price.money * 2) for price in card.prices),
        )
        for name, card in parts.gpus.items()
    }  # fmt: skip
    before = recommend(demand, limits, parts)
    after = recommend(demand, limits, replace(parts, gpus={**parts.gpus, **worse}))
    assert [pick.machine.id for pick in after.picks] == [pick.machine.id for pick in before.picks]
    assert after.frontier == before.frontier
