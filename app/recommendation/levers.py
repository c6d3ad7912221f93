"""Make it fit: what each change of a workload does to its memory, its time and the price of the cheapest machine for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.hardware import Catalogue, Gpu
from app.money import Money
from app.placement import Demand, Placement
from app.recommendation.advice import Change, Lever
from app.recommendation.market import market_for
from app.recommendation.search import Candidate, CheapestSearch
from app.workloads.limits import Limits

LEAST_SAVING = 0.01  # of the memory: less is not worth a change


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A workload with some changes made, prepared by the estimator. Bytes as its estimate gives them; 0 where no GPU is needed."""

    changes: tuple[Change, ...]
    demand: Demand
    gpu_bytes: int
    host_bytes: int


def levers(base: Proposal, proposals: Iterable[Proposal], limits: Limits, catalogue: Catalogue) -> tuple[Lever, ...]:
    """The proposals that need noticeably less memory than `base`, or for which there is a cheaper machine, or one at all; cheapest first,
    of equal price in the order given, which is from the mildest change.

    `Lever.cheapest` does not look at the budget: a change that almost reaches it is worth knowing.
    """
    search = CheapestSearch(limits, market_for(limits, catalogue))
    at_first = search.find(base.demand)
    found = (_lever(proposal, base, at_first, search.find(proposal.demand), limits) for proposal in proposals)
    return tuple(sorted((lever for lever in found if lever), key=_price))


def _lever(proposal: Proposal, base: Proposal, at_first: Candidate | None, then: Candidate | None, limits: Limits) -> Lever | None:
    if not (_smaller(proposal, base) or _cheaper(then, at_first)):
        return None
    total = Money(then.cost, limits.answer_currency) if then else None
    return Lever(
        changes=proposal.changes, gpu_bytes=proposal.gpu_bytes, host_bytes=proposal.host_bytes,
        time_ratio=_time_ratio(proposal.demand, base.demand, at_first or then), cheapest=total,
        in_budget=total is not None and (limits.budget is None or total <= limits.budget.money),
    )  # fmt: skip


def _smaller(proposal: Proposal, base: Proposal) -> bool:
    before, then = (base.gpu_bytes, proposal.gpu_bytes) if base.gpu_bytes else (base.host_bytes, proposal.host_bytes)
    return then < (1 - LEAST_SAVING) * before


def _cheaper(then: Candidate | None, at_first: Candidate | None) -> bool:
    return then is not None and (at_first is None or then.cost < at_first.cost)


def _time_ratio(changed: Demand, base: Demand, machine: Candidate | None) -> float | None:
    """How many times as long the same work takes after the change, on the GPUs of one machine; None where a speed is not known."""
    if machine is None:
        return None
    gpu = machine.load.choice.gpu
    used = machine.load.placement.sharding.gpus if gpu else 0
    before, after = (_rate(demand, gpu, used) for demand in (base, changed))
    return before / after if before and after else None


def _rate(demand: Demand, gpu: Gpu | None, quantity: int) -> float:
    placed = demand.place(gpu, quantity)
    return placed.speed.rate if isinstance(placed, Placement) else 0.0


def _price(lever: Lever) -> tuple[bool, int]:
    return (lever.cheapest is None, lever.cheapest.minor if lever.cheapest else 0)


def minimal(found: Iterable[Lever]) -> tuple[Lever, ...]:
    """The levers of which no part does the same: without those whose changes include all changes of another one."""
    rows = list(found)
    return tuple(one for one in rows if not any(_part_of(other, one) for other in rows))


def _part_of(one: Lever, other: Lever) -> bool:
    fields, all_fields = ({(change.path, str(change.value)) for change in lever.changes} for lever in (one, other))
    return fields < all_fields
