"""Make it fit with as few changes as possible: the smallest sets of options that reach a goal which none of their parts reaches.

Every set that is told has been judged as a whole. Which sets are judged at all is decided by what their parts did to each term of the
need: two parts that do not get in each other's way leave the product of the shares of a term that each of them leaves.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Generic, TypeVar

MOST_JUDGED = {2: 12, 3: 6}
"""Sets of each size that are estimated and searched anew, 2 to 10 ms each, the most promising first."""

Option = TypeVar("Option")
Indices = frozenset[int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a set reaches the goal, and what it leaves of each term of the need, as shares of the whole need before any change.

    `price`: the share of the price that it leaves where it leaves the need as it is, as a move of layers into RAM does.
    """

    reaches: bool
    terms: Mapping[str, float]
    price: float = 1.0

    @property
    def left(self) -> float:
        """The share that it leaves of all."""
        return sum(self.terms.values()) * self.price


Judge = Callable[[Sequence[Option]], Verdict | None]


@dataclass(frozen=True, slots=True)
class LeverSets(Generic[Option]):
    """The search for sets among `options`, in the order in which they are given. `before`: the terms of the need without any of them, which
    sum to 1; `judge` says what a set does, None where it cannot be made; two options that do not `go_together` exclude each other."""

    options: Sequence[Option]
    before: Mapping[str, float]
    judge: Judge[Option]
    go_together: Callable[[Option, Option], bool]

    def smallest(self) -> tuple[tuple[Option, ...], ...]:
        """The sets of one to three options that reach the goal and of which no part does, the smaller ones first."""
        judged = self._judged(frozenset({index}) for index in range(len(self.options)))
        if self._hopeless(judged):
            return self._reaching(judged)
        for size, most in MOST_JUDGED.items():
            promising = sorted(self._candidates(judged, size), key=lambda one: (self._promise(one, judged), sorted(one)))
            judged |= self._judged(promising[:most])
        return self._reaching(judged)

    def _judged(self, sets: Iterator[Indices] | Sequence[Indices]) -> dict[Indices, Verdict]:
        verdicts = ((one, self.judge(self._members(one))) for one in sets)
        return {one: verdict for one, verdict in verdicts if verdict}

    def _reaching(self, judged: dict[Indices, Verdict]) -> tuple[tuple[Option, ...], ...]:
        return tuple(self._members(one) for one, verdict in judged.items() if verdict.reaches)

    def _hopeless(self, judged: dict[Indices, Verdict]) -> bool:
        """Whether not even all of them together reach it that do not alone, of each kind the one that does most: one more change is taken
        never to raise the need."""
        left = sorted((one for one, verdict in judged.items() if not verdict.reaches), key=lambda one: (judged[one].left, sorted(one)))
        everything: list[int] = []
        for (index,) in left:
            if all(self._join(index, other) for other in everything):
                everything.append(index)
        verdict = self.judge(self._members(frozenset(everything))) if len(everything) > 1 else Verdict(False, {})
        return verdict is not None and not verdict.reaches

    def _candidates(self, judged: dict[Indices, Verdict], size: int) -> Iterator[Indices]:
        """Sets whose parts, one smaller, have all been judged and do not reach the goal, and one of which does something."""
        short = {one for one, verdict in judged.items() if not verdict.reaches and len(one) == size - 1}
        singles = [index for (index,) in (one for one in judged if len(one) == 1) if not judged[frozenset({index})].reaches]
        for members in combinations(singles, size):
            one = frozenset(members)
            joined = all(one - {index} in short for index in one) and all(self._join(*pair) for pair in combinations(members, 2))
            if joined and self._promise(one, judged) < 1:
                yield one

    def _promise(self, one: Indices, judged: dict[Indices, Verdict]) -> float:
        """The share of the need that the set leaves if one of its parts and the rest do together what each of them does."""
        return min(self._both(judged[one - {index}], judged[frozenset({index})]) for index in one)

    def _both(self, one: Verdict, other: Verdict) -> float:
        left = (
            _left(self.before.get(key, 0.0), one.terms.get(key, 0.0), other.terms.get(key, 0.0)) for key in {**one.terms, **other.terms}
        )
        return sum(left) * one.price * other.price

    def _join(self, one: int, other: int) -> bool:
        return self.go_together(self.options[one], self.options[other])

    def _members(self, one: Indices) -> tuple[Option, ...]:
        return tuple(self.options[index] for index in sorted(one))


def _left(before: float, one: float, other: float) -> float:
    """What two changes leave of a term; of one that only shows after a change, as the peak moved, the smaller."""
    return one * other / before if before else min(one, other)
