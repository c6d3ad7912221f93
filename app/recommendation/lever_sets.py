"""Make it fit with as few changes as possible: the smallest sets of options that reach a goal which none of their parts reaches.

Every set that is shown has been judged as a whole. Which sets are judged at all is decided by what their parts did: the share of the need
that two parts leave would be the product of their shares if neither got in the way of the other, which it seldom betters.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Generic, TypeVar

MOST_JUDGED = {2: 16, 3: 8}
"""Sets of each size that are estimated and searched anew, 5 to 30 ms each."""

Option = TypeVar("Option")
Indices = frozenset[int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a set reaches the goal, and the share of the need (memory times price) that it leaves."""

    reaches: bool
    share: float


Judge = Callable[[Sequence[Option]], Verdict | None]


@dataclass(frozen=True, slots=True)
class LeverSets(Generic[Option]):
    """The search for sets among `options`, in the order of which they are given: `judge` says what a set does (None: it cannot be made),
    `go_together` whether two options exclude each other, as those of one kind do."""

    options: Sequence[Option]
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
        """Whether not even all of them together reach it that do not alone, of each kind the one that does most."""
        left = sorted((one for one, verdict in judged.items() if not verdict.reaches), key=lambda one: (judged[one].share, sorted(one)))
        everything: list[int] = []
        for (index,) in left:
            if all(self._join(index, other) for other in everything):
                everything.append(index)
        verdict = self.judge(self._members(frozenset(everything))) if len(everything) > 1 else Verdict(False, 1.0)
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
        """The share of the need that the set leaves if its parts do together what each of them does."""
        alone = [judged[frozenset({index})].share for index in one]
        if len(one) == 2:
            return prod(alone)
        return min(judged[one - {index}].share * judged[frozenset({index})].share for index in one)

    def _join(self, one: int, other: int) -> bool:
        return self.go_together(self.options[one], self.options[other])

    def _members(self, one: Indices) -> tuple[Option, ...]:
        return tuple(self.options[index] for index in sorted(one))
