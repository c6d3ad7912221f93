"""Make it fit: every change that a workload can take, alone and in the smallest sets, each estimated and searched anew."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.adjustments import adjustments_for, changed
from app.adjustments.option import Adjustment
from app.errors import InvalidInput
from app.estimation.estimate import Estimate
from app.hardware import Catalogue
from app.placement import Demand
from app.recommendation.advice import Change, Lever
from app.recommendation.lever_sets import LeverSets, Verdict
from app.recommendation.levers import LEAST_SAVING, LeverBench, Proposal, by_price
from app.workloads import AdviceRequest, Workload

SETS_SHOWN = 6


class Prepared(Demand, Protocol):
    """A demand with its estimate."""

    estimate: Estimate


class MakeItFit:
    """The levers of one request; every set of adjustments is looked at once."""

    def __init__(self, request: AdviceRequest, job: Prepared, catalogue: Catalogue, prepared: Callable[[Workload], Prepared]) -> None:
        self._workload, self._prepared = request.workload, prepared
        self._bench = LeverBench(_proposal((), job), request.limits, catalogue)
        self._needs = _needs(job.estimate)
        self._weighed: dict[str, Lever | None] = {}

    def levers(self, *, fits: bool) -> tuple[Lever, ...]:
        """The smallest sets that bring a machine into the limits, or where the job `fits` as it is, that cost less than any single change;
        the least harmful first. Then the single changes that help, by price."""
        options = adjustments_for(self._workload)
        tried = [lever for one in options if not self._idle((one,)) and (lever := self._lever((one,)))]
        singles = [lever for lever in tried if self._bench.helps(lever)]
        reaches = _cheaper_than(self._bench, singles) if fits else _in_budget
        sets = LeverSets(options, lambda members: self._verdict(tuple(members), reaches), Adjustment.goes_with).smallest()
        best = sorted(sets, key=self._harm_and_price)[:SETS_SHOWN]
        first = [lever for one in best if (lever := self._lever(one))]
        return (*first, *sorted((lever for lever in singles if lever not in first), key=by_price))

    def _lever(self, members: tuple[Adjustment, ...]) -> Lever | None:
        """What these adjustments do; None where the framework, the runtime or the model does not know one of them."""
        key = repr(members)
        if key not in self._weighed:
            self._weighed[key] = self._weigh(members)
        return self._weighed[key]

    def _weigh(self, members: tuple[Adjustment, ...]) -> Lever | None:
        changes = [change for one in members for change in one.changes]
        try:
            return self._bench.weighed(_proposal(tuple(changes), self._prepared(changed(self._workload, changes))))
        except InvalidInput:
            return None

    def _idle(self, members: tuple[Adjustment, ...]) -> bool:
        """Whether a single adjustment cannot matter by itself; beside another one, which moves the peak elsewhere, it may."""
        return len(members) == 1 and not members[0].may_matter(self._needs)

    def _verdict(self, members: tuple[Adjustment, ...], reaches: Callable[[Lever], bool]) -> Verdict | None:
        if self._idle(members):
            return Verdict(False, 1.0)
        lever = self._lever(members)
        if lever is None:
            return None
        return Verdict(reaches(lever), self._bench.memory_share(lever) * float(self._bench.price_share(lever)))

    def _harm_and_price(self, members: tuple[Adjustment, ...]) -> tuple[int, int, tuple[bool, int]]:
        lever = self._lever(members)
        harms = [one.harm for one in members]
        return max(harms), sum(harms), by_price(lever) if lever else (True, 0)


def _in_budget(lever: Lever) -> bool:
    return lever.in_budget


def _cheaper_than(bench: LeverBench, singles: Sequence[Lever]) -> Callable[[Lever], bool]:
    """Whether a set is noticeably cheaper than the job as it is and than every single change."""
    prices = [price.minor for price in (bench.price_at_first, *(lever.cheapest for lever in singles)) if price]
    return lambda lever: lever.cheapest is not None and lever.cheapest.minor < (1 - LEAST_SAVING) * min(prices)


def _needs(estimate: Estimate) -> Mapping[str, int]:
    memory = estimate.gpu_memory
    return {term.key: term.bytes for term in memory.ledger.terms} if memory else {}


def _proposal(changes: Sequence[Change], job: Prepared) -> Proposal:
    memory = job.estimate.gpu_memory
    return Proposal(
        changes=tuple(changes), demand=job, gpu_bytes=memory.required_bytes if memory else 0,
        host_bytes=job.estimate.host_memory.required_bytes,
    )  # fmt: skip
