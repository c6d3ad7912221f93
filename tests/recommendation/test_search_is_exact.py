"""The search against brute force over every combination of parts, on random small catalogues."""

import os
import random
from collections.abc import Sequence
from fractions import Fraction

import pytest

from app.hardware import Catalogue
from app.recommendation.advice import Recommendation
from app.recommendation.machine import Machine
from app.recommendation.recommend import cheapest, recommend
from app.workloads.limits import Limits
from tests.recommendation.support import Job, every_machine, possible, random_catalogue, random_job, random_limits

CASES = int(os.environ.get("RIGWISE_SEARCH_CASES", "200"))  # 1,000 before a release
Scores = tuple[int, float, float, int]


def scores(machine: Machine) -> Scores:
    return (machine.total.minor, round(machine.speed, 9), round(machine.headroom, 9), machine.power_w)


def beats(one: Scores, other: Scores) -> bool:
    return one != other and one[0] <= other[0] and one[1] >= other[1] and one[2] >= other[2] and one[3] <= other[3]


def non_dominated(found: Sequence[Scores]) -> set[Scores]:
    distinct = set(found)
    return {one for one in distinct if not any(beats(other, one) for other in distinct)}


def instance(seed: int) -> tuple[Job, Limits, Catalogue]:
    rng = random.Random(seed)
    parts = random_catalogue(rng)
    return random_job(rng), random_limits(rng, parts), parts


def inside(machine: Machine, limits: Limits) -> bool:
    return limits.budget is None or machine.total <= limits.budget.money


@pytest.mark.parametrize("seed", range(CASES))
def test_picks_and_frontier_equal_those_of_every_combination(seed: int) -> None:
    demand, limits, parts = instance(seed)
    answer = recommend(demand, limits, parts)
    combinations = list(every_machine(demand, limits, parts))
    truth = [scores(machine) for machine in combinations if inside(machine, limits) and possible(machine, demand, limits)]
    assert {scores(machine) for machine in answer.frontier} == non_dominated(truth)
    assert_best_by_role(answer, truth)
    anywhere = [scores(machine)[0] for machine in combinations if possible(machine, demand, limits)]
    found = cheapest(demand, limits, parts)
    assert (found.total.minor if found else None) == min(anywhere, default=None)


def assert_best_by_role(answer: Recommendation, truth: Sequence[Scores]) -> None:
    picked = {pick.role: scores(pick.machine) for pick in answer.picks}
    if not truth:
        assert not picked
        return
    assert picked["cheapest"][0] == min(cost for cost, *_ in truth)
    assert picked["fastest"][1] == max(speed for _, speed, *_ in truth)
    assert picked["headroom"][2] == max(headroom for _, _, headroom, _ in truth)
    if any(speed for _, speed, *_ in truth):
        priced = [(cost, speed) for cost, speed, *_ in truth if cost]
        cost, speed, *_ = picked["value"]
        assert not cost or Fraction(speed) / cost == max(Fraction(speed) / cost for cost, speed in priced)


def test_the_random_catalogues_have_answers_of_every_sort() -> None:
    answers = [recommend(*instance(seed)) for seed in range(CASES)]
    machines = [machine for answer in answers for machine in answer.frontier]
    assert sum(bool(answer.picks) for answer in answers) > CASES // 5
    assert sum(not answer.picks for answer in answers) > CASES // 10
    assert any(machine.gpu is None for machine in machines)
    assert any(machine.gpu_quantity > 1 for machine in machines)
    assert any(machine.platform.included_gpu and machine.gpu for machine in machines)
    assert any(machine.placement.speed.bottleneck == "disk" for machine in machines)
    assert any(machine.placement.speed.bottleneck == "host memory bandwidth" for machine in machines)
    assert any(line.owned for machine in machines for line in machine.lines)
    assert any(machine.hdd for machine in machines)
