"""Price-proof: whether a pick outlives the moves that its own prices have shown."""

import random
from dataclasses import replace
from typing import Any

import pytest

from app.hardware import Volatility
from app.recommendation.advice import PriceProof
from app.recommendation.bill import Bills
from app.recommendation.market import market_for
from app.recommendation.picks import best
from app.recommendation.recommend import recommend
from app.recommendation.search import Candidate, explore
from app.units import GIB
from app.workloads.limits import Limits
from tests.recommendation.support import Job, catalogue, drive, gpu, kit, platform, random_catalogue, random_job, random_limits


def moving(part: Any, monthly: float, basis: Any = "own") -> Any:
    known = Volatility(monthly=monthly, basis=basis, changes=4)
    return replace(part, prices=tuple(replace(price, volatility=known) for price in part.prices))


def proof(*cards: Any, role: str = "cheapest", **limits: Any) -> PriceProof:
    parts = catalogue(*cards, kit(), drive(), platform())
    answer = recommend(Job(memory_bytes=9 * GIB), Limits.model_validate(limits), parts)
    return next(pick.price_proof for pick in answer.picks if pick.role == role)


def test_a_pick_with_a_rival_close_by_flips_and_names_it() -> None:
    found = proof(moving(gpu("calm", 500), 0.1), gpu("rival", 520))
    assert found.survives is False
    assert found.becomes == "Rival"
    assert str(found.rise) == "$50"


def test_a_pick_far_below_its_rivals_survives_where_enough_of_its_price_is_known() -> None:
    found = proof(moving(gpu("calm", 1500), 0.1), gpu("rival", 2000))
    assert (found.survives, found.becomes) == (True, "")
    assert proof(moving(gpu("calm", 500), 0.1), gpu("rival", 700)).survives is None


def test_a_rise_beyond_the_budget_takes_the_pick_away() -> None:
    found = proof(moving(gpu("fast", 500, bandwidth_gb_s=2000.0), 0.5), gpu("slow", 400), role="fastest",
                  budget={"amount": "1400", "currency": "USD"})  # fmt: skip
    assert (found.survives, found.becomes) == (False, "Slow")


def test_what_rivals_hold_too_rises_for_them_as_well() -> None:
    parts = catalogue(gpu("one", 500), gpu("other", 510), moving(kit(), 3.0), drive(), platform())
    picked = recommend(Job(memory_bytes=9 * GIB), Limits(), parts).picks[0]
    assert picked.price_proof.survives is None
    assert (str(picked.price_proof.rise), str(picked.price_proof.known)) == ("$240", "$80")


def test_parts_without_history_are_named_and_nothing_is_claimed_where_none_has_any() -> None:
    assert proof(gpu("card", 500)).survives is None
    found = proof(moving(gpu("card", 500), 0.1, "kind"))
    assert found.history_of_kind == ("Card",)
    assert set(found.no_history) == {"Board", "Kit", "Ssd"}


def test_an_owned_part_has_no_price_to_move() -> None:
    found = proof(moving(gpu("card", 500), 0.1), owned=[{"part": "card"}])
    assert "Card" not in (*found.own_history, *found.no_history)


def volatile(parts: Any, rng: random.Random) -> dict[str, Any]:
    return {name: moving(part, rng.choice((0.0, 0.05, 0.3, 1.0))) for name, part in parts.items()}


@pytest.mark.parametrize("seed", range(900, 960))
def test_what_becomes_of_a_pick_is_the_best_of_all_machines_at_their_risen_prices(seed: int) -> None:
    rng = random.Random(seed)
    parts = random_catalogue(rng)
    demand, limits = random_job(rng), random_limits(rng, parts)
    moved = replace(parts, **{kind: volatile(getattr(parts, kind), rng) for kind in ("gpus", "ram", "drives", "platforms")})
    exploration = explore(demand, limits, market_for(limits, moved))
    bills, offers = Bills(exploration), exploration.market.offers

    def bought(one: Candidate) -> list[tuple[str, int]]:
        return [(line.part.id, line.quantity) for line in bills.machine(one).lines if not line.owned]

    for pick in recommend(demand, limits, moved).picks:
        names = {line.part.id for line in pick.machine.lines if not line.owned}
        rises = {name: round(offers[name].price.volatility.monthly * offers[name].unit) for name in names}
        costs = [(one, one.cost + sum(rises.get(name, 0) * count for name, count in bought(one))) for one in exploration.candidates]
        winner = best(pick.role, [one._replace(cost=cost) for one, cost in costs if cost <= exploration.budget])
        stays = winner is not None and winner.load.choice[:2] == (pick.machine.gpu, pick.machine.gpu_quantity)
        assert (pick.price_proof.survives is not False) == (stays or not any(rises.values()))
        if winner and not stays and winner.load.choice.gpu:
            assert pick.price_proof.becomes.endswith(winner.load.choice.gpu.name)
