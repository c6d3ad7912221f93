"""Make it fit: every change that a workload can take, alone and in the smallest sets, each estimated and searched anew."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

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


class Weighed(NamedTuple):
    """What a set of adjustments does, and the terms of the need that it leaves."""

    lever: Lever
    terms: Mapping[str, int]


class MakeItFit:
    """The levers of one request; every set of adjustments is looked at once."""

    def __init__(self, request: AdviceRequest, job: Prepared, catalogue: Catalogue, prepared: Callable[[Workload], Prepared]) -> None:
        self._workload, self._prepared = request.workload, prepared
        self._bench = LeverBench(_proposal((), job), request.limits, catalogue)
        self._before = _terms(job.estimate)
        self._on_gpu = job.estimate.gpu_memory is not None
        self._weighed: dict[str, Weighed | None] = {}

    def levers(self, *, fits: bool) -> tuple[Lever, ...]:
        """The smallest sets that bring a machine into the limits, or where the job `fits` as it is, that cost less than any single change;
        the least harmful first. Then the single changes that help, by price."""
        options = adjustments_for(self._workload)
        tried = [weighed.lever for one in options if not self._idle((one,)) and (weighed := self._look((one,)))]
        singles = [lever for lever in tried if self._bench.helps(lever)]
        reaches = _cheaper_than(self._bench, singles) if fits else _in_budget
        search = LeverSets(options, self._shares(self._before), lambda one: self._verdict(tuple(one), reaches), Adjustment.goes_with)
        sets = [(members, weighed.lever) for members in search.smallest() if (weighed := self._look(members))]
        first = [lever for _, lever in sorted(sets, key=_harm_and_price)[:SETS_SHOWN]]
        return (*first, *sorted((lever for lever in singles if lever not in first), key=by_price))

    def _look(self, members: tuple[Adjustment, ...]) -> Weighed | None:
        """What these adjustments do; None where the framework, the runtime or the model does not know one of them."""
        key = repr(members)
        if key not in self._weighed:
            self._weighed[key] = self._weigh(members)
        return self._weighed[key]

    def _weigh(self, members: tuple[Adjustment, ...]) -> Weighed | None:
        changes = [change for one in members for change in one.changes]
        try:
            job = self._prepared(changed(self._workload, changes))
            return Weighed(self._bench.weighed(_proposal(changes, job)), _terms(job.estimate))
        except InvalidInput:
            return None

    def _idle(self, members: tuple[Adjustment, ...]) -> bool:
        """Whether a single adjustment cannot matter by itself; beside another one, which moves the peak elsewhere, it may."""
        return len(members) == 1 and self._on_gpu and not members[0].may_matter(self._before)

    def _verdict(self, members: tuple[Adjustment, ...], reaches: Callable[[Lever], bool]) -> Verdict | None:
        if self._idle(members):
            return Verdict(False, self._shares(self._before))
        weighed = self._look(members)
        if weighed is None:
            return None
        smaller = self._bench.memory_share(weighed.lever) < 1 - LEAST_SAVING
        price = 1.0 if smaller else float(self._bench.price_share(weighed.lever))
        return Verdict(reaches(weighed.lever), self._shares(weighed.terms), price)

    def _shares(self, terms: Mapping[str, int]) -> Mapping[str, float]:
        whole = sum(self._before.values())
        return {key: count / whole for key, count in terms.items()}


def _harm_and_price(one: tuple[tuple[Adjustment, ...], Lever]) -> tuple[int, int, tuple[bool, int]]:
    members, lever = one
    harms = [member.harm for member in members]
    return max(harms), sum(harms), by_price(lever)


def _in_budget(lever: Lever) -> bool:
    return lever.in_budget


def _cheaper_than(bench: LeverBench, singles: Sequence[Lever]) -> Callable[[Lever], bool]:
    """Whether a set is noticeably cheaper than the job as it is and than every single change."""
    prices = [price.minor for price in (bench.price_at_first, *(lever.cheapest for lever in singles)) if price]
    return lambda lever: lever.cheapest is not None and lever.cheapest.minor < (1 - LEAST_SAVING) * min(prices)


def _terms(estimate: Estimate) -> Mapping[str, int]:
    """What the need is made of: GPU memory, or RAM where the job needs no GPU."""
    memory = estimate.gpu_memory or estimate.host_memory
    return {term.key: term.bytes for term in memory.ledger.terms}


def _proposal(changes: Sequence[Change], job: Prepared) -> Proposal:
    memory = job.estimate.gpu_memory
    return Proposal(
        changes=tuple(changes), demand=job, gpu_bytes=memory.required_bytes if memory else 0,
        host_bytes=job.estimate.host_memory.required_bytes,
    )  # fmt: skip
