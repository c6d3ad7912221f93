"""Which of the non-dominated machines is the best in one respect."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from app.recommendation.advice import Role
from app.recommendation.search import Candidate

ROLES: tuple[Role, ...] = ("cheapest", "value", "fastest", "headroom")

# Where no speed is known, value is the cheapest machine with room to spare: needs x 1.25, the usual comfort factor for memory.
COMFORTABLE_HEADROOM = 0.2


def speed_per_money(one: Candidate) -> tuple[bool, Fraction]:
    """Speed per minor unit, exactly; a machine that costs nothing is beyond every price."""
    return (one.cost == 0 and one.speed > 0, Fraction(one.speed) / one.cost if one.cost else Fraction(0))


def _value(frontier: Sequence[Candidate]) -> Candidate:
    if any(one.speed > 0 for one in frontier):
        return max(frontier, key=lambda one: (speed_per_money(one), -one.cost, one.speed))
    roomy = [one for one in frontier if one.headroom >= COMFORTABLE_HEADROOM]
    return roomy[0] if roomy else _headroom(frontier)


def _headroom(frontier: Sequence[Candidate]) -> Candidate:
    return max(frontier, key=lambda one: (one.headroom, -one.cost, one.speed))


def _fastest(frontier: Sequence[Candidate]) -> Candidate:
    return max(frontier, key=lambda one: (one.speed, -one.cost, one.headroom))


def _cheapest(frontier: Sequence[Candidate]) -> Candidate:
    return frontier[0]  # at equal cost the faster one comes first


_BEST: Mapping[Role, Callable[[Sequence[Candidate]], Candidate]] = {
    "cheapest": _cheapest,
    "value": _value,
    "fastest": _fastest,
    "headroom": _headroom,
}


def best(role: Role, frontier: Sequence[Candidate]) -> Candidate | None:
    """The best machine of a frontier (cheapest first) in one respect; None where the frontier is empty.

    cheapest: the lowest price. fastest: the highest speed. headroom: the largest free share of memory. value: the most speed for the
    money; where no speed is known, the cheapest with a fifth of its memory free. Ties go to the cheaper machine.
    """
    return _BEST[role](frontier) if frontier else None
