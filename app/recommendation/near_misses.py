"""Machines that would do but for one thing: a little more money, or a little less need of memory."""

from collections.abc import Sequence

from app.money import Money
from app.recommendation.advice import NearMiss
from app.recommendation.bill import Bills
from app.recommendation.search import Candidate, Exploration
from app.units import format_binary


def near_misses(exploration: Exploration, frontier: Sequence[Candidate], bills: Bills) -> tuple[NearMiss, ...]:
    """The next machine above the budget, and the largest that is cheaper than every one that fits but lacks memory.

    `frontier` is that of all machines, whatever they cost, cheapest first.
    """
    found = (_over_budget(exploration, frontier, bills), _short_of_memory(exploration, frontier, bills))
    return tuple(miss for miss in found if miss)


def _over_budget(exploration: Exploration, frontier: Sequence[Candidate], bills: Bills) -> NearMiss | None:
    """The cheapest that is faster than everything inside the budget; where nothing is inside, the cheapest of all."""
    inside = [one for one in frontier if one.cost <= exploration.budget]
    fastest = max((one.speed for one in inside), default=0.0)
    nearest = next((one for one in frontier[len(inside) :] if not inside or one.speed > fastest), None)
    if nearest is None:
        return None
    more = Money(int(nearest.cost - exploration.budget), exploration.market.currency)
    gain = f" and is {nearest.speed / fastest:.3g} times as fast as the fastest inside it" if nearest.speed > fastest > 0 else ""
    return NearMiss(machine=bills.machine(nearest), reason=f"it costs {more} more than the budget{gain}")


def _short_of_memory(exploration: Exploration, frontier: Sequence[Candidate], bills: Bills) -> NearMiss | None:
    """Only what is cheaper than the cheapest machine that fits is worth a thought."""
    ceiling = min(exploration.budget, frontier[0].cost - 1 if frontier else float("inf"))
    for load in sorted(exploration.loads.short, key=lambda load: (load.missing_bytes, load.choice.cost, load.choice.gpu_id)):
        inside = [one for one in exploration.assembly.machines(load) if one.cost <= ceiling]
        if inside:
            missing = format_binary(load.missing_bytes)
            machine = bills.machine(min(inside, key=lambda one: (one.cost, one.name)))
            return NearMiss(machine=machine, reason=f"each GPU lacks {missing} of memory for this job")
    return None
