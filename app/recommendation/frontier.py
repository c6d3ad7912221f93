"""The machines that no other one beats: at most as dear, at least as fast, at least as much memory free."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from app.recommendation.search import Candidate, by_price


def undominated(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The candidates that no other one equals or beats in cost, speed and headroom at once, cheapest first. Of those that are equal in
    all three the first by name stays."""
    stairs = Staircase()
    return tuple(one for one in sorted(candidates, key=by_price) if stairs.add(one.speed, one.headroom))


class Staircase:
    """The best (speed, headroom) pairs so far: speeds rise, headrooms fall."""

    def __init__(self) -> None:
        self._speeds: list[float] = []
        self._headrooms: list[float] = []

    def add(self, speed: float, headroom: float) -> bool:
        """Takes the pair in and removes what it beats; False where an earlier pair is at least as good in both."""
        at = bisect_left(self._speeds, speed)
        if at < len(self._speeds) and self._headrooms[at] >= headroom:
            return False
        upto = bisect_right(self._speeds, speed)
        low = at
        while low and self._headrooms[low - 1] <= headroom:
            low -= 1
        self._speeds[low:upto] = [speed]
        self._headrooms[low:upto] = [headroom]
        return True


def within(frontier: Sequence[Candidate], budget: float) -> Sequence[Candidate]:
    """The part of a frontier that costs at most the budget. It is the frontier of the machines inside the budget, because whatever beats a
    machine is no dearer than it."""
    return frontier[: bisect_right(frontier, budget, key=lambda one: one.cost)]
