"""The budget ladder: every budget at which the best answer changes, up to where more money stops helping."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from app.recommendation.advice import Step
from app.recommendation.bill import Bills
from app.recommendation.search import Candidate
from app.workloads.limits import Objective

ENOUGH_HEADROOM = 0.5  # with half of the memory free a job of twice the size fits; more of it is not a better answer to this one


def _speed(one: Candidate) -> float:
    return one.speed


def _headroom(one: Candidate) -> float:
    return one.headroom


def _useful_headroom(one: Candidate) -> float:
    return min(one.headroom, ENOUGH_HEADROOM)


def _nothing(_: Candidate) -> float:
    return 0.0


# "value" has no ladder of its own: the best ratio is soon reached and then stays, while what more money buys is speed.
_GAIN: Mapping[Objective, Callable[[Candidate], float]] = {
    "cheapest": _nothing, "value": _speed, "fastest": _speed, "headroom": _headroom,
}  # fmt: skip


def budget_ladder(objective: Objective, frontier: Sequence[Candidate], bills: Bills) -> tuple[Step, ...]:
    """The machines that are in turn the best by the objective as the budget grows. `frontier` is that of all machines, whatever they cost,
    cheapest first. Where no speed is known, the free memory is what grows, up to half of it."""
    gain = _GAIN[objective]
    if gain is _speed and not any(one.speed for one in frontier):
        gain = _useful_headroom
    return tuple(Step(budget=machine.total, machine=machine) for machine in map(bills.machine, _rungs(frontier, gain)))


def _rungs(frontier: Sequence[Candidate], gain: Callable[[Candidate], float]) -> Iterator[Candidate]:
    reached = float("-inf")
    for one in frontier:
        if gain(one) > reached:
            reached = gain(one)
            yield one
