"""Make it fit: what each change of a workload does to its memory, its time and the price of the cheapest machine for it."""

from dataclasses import dataclass
from fractions import Fraction

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


class LeverBench:
    """Weighs proposals against the job as it was asked for."""

    def __init__(self, base: Proposal, limits: Limits, catalogue: Catalogue) -> None:
        self._base, self._limits = base, limits
        self._search = CheapestSearch(limits, market_for(limits, catalogue))
        self._at_first = self._search.find(base.demand)

    @property
    def price_at_first(self) -> Money | None:
        """Of the cheapest machine for the job as it is; None where no machine does it."""
        return Money(self._at_first.cost, self._limits.answer_currency) if self._at_first else None

    def weighed(self, proposal: Proposal) -> Lever:
        """What the proposal does to memory, time and price. `Lever.cheapest` does not look at the budget: a change that almost reaches it
        is worth knowing."""
        then = self._search.find(proposal.demand)
        total = Money(then.cost, self._limits.answer_currency) if then else None
        return Lever(
            changes=proposal.changes, gpu_bytes=proposal.gpu_bytes, host_bytes=proposal.host_bytes,
            time_ratio=_time_ratio(proposal.demand, self._base.demand, self._at_first or then), cheapest=total,
            in_budget=total is not None and (self._limits.budget is None or total <= self._limits.budget.money),
        )  # fmt: skip

    def helps(self, lever: Lever) -> bool:
        """Whether it needs noticeably less memory, or there is a cheaper machine for it, or one at all."""
        return self.memory_share(lever) < 1 - LEAST_SAVING or self._cheaper(lever)

    def memory_share(self, lever: Lever) -> float:
        """Of the GPU memory that the job needs as it is, or of the RAM where it needs no GPU."""
        base = self._base
        return lever.gpu_bytes / base.gpu_bytes if base.gpu_bytes else lever.host_bytes / base.host_bytes

    def price_share(self, lever: Lever) -> Fraction:
        """Of the price of the cheapest machine for the job as it is; 1 where one of the two is not known."""
        before, then = self.price_at_first, lever.cheapest
        return Fraction(then.minor, before.minor) if before and then and before.minor else Fraction(1)

    def _cheaper(self, lever: Lever) -> bool:
        before, then = self.price_at_first, lever.cheapest
        return then is not None and (before is None or then < before)


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


def by_price(lever: Lever) -> tuple[bool, int]:
    """The order of levers: cheapest first, those without a machine last."""
    return (lever.cheapest is None, lever.cheapest.minor if lever.cheapest else 0)
