"""The machines that no other one beats: at most as dear, at least as fast, at least as much memory free, no more power drawn."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from app.recommendation.search import Candidate, by_price


def undominated(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The candidates that no other one equals or beats in cost, speed, headroom and power at once, cheapest first. Of those that are equal
    in all four the first by name stays."""
    kept: list[Candidate] = []
    strong: list[Candidate] = []  # the same, those that beat others lately first: most candidates fall to a few machines
    for one in sorted(candidates, key=by_price):
        at = next((index for index, rival in enumerate(strong) if _beats(rival, one)), None)
        if at is None:
            kept.append(one)
            strong.append(one)
        else:
            strong.insert(0, strong.pop(at))
    return tuple(kept)


def _beats(rival: Candidate, one: Candidate) -> bool:
    """Whether a rival that is no dearer is at least as good in all else."""
    return rival.speed >= one.speed and rival.headroom >= one.headroom and rival.power_w <= one.power_w


def within(frontier: Sequence[Candidate], budget: float) -> Sequence[Candidate]:
    """The part of a frontier that costs at most the budget. It is the frontier of the machines inside the budget, because whatever beats a
    machine is no dearer than it."""
    return frontier[: bisect_right(frontier, budget, key=lambda one: one.cost)]
