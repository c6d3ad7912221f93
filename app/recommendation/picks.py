"""Which of several machines is the best in one respect."""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from app.recommendation.advice import Role
from app.recommendation.search import Candidate, by_price

ROLES: tuple[Role, ...] = ("cheapest", "value", "fastest", "headroom")

# Where no speed is known, value is the cheapest machine with room to spare: needs x 1.25, the usual comfort factor for memory.
COMFORTABLE_HEADROOM = 0.2


class Ranking(NamedTuple):
    """How machines are ordered in one respect, the best first.

    `roughly`: a number that is never out of the exact order, but leaves some machines equal. `exactly`: decides between all.
    """

    roughly: Callable[[Candidate], float]
    exactly: Callable[[Candidate], Any]


def _worth(one: Candidate) -> tuple[bool, Fraction]:
    """Speed per minor unit, exactly; a machine that costs nothing is beyond every price."""
    return (one.cost == 0 and one.speed > 0, Fraction(one.speed) / one.cost if one.cost else Fraction(0))


def _by_worth(one: Candidate) -> Any:
    given, worth = _worth(one)
    return (not given, -worth, one.cost, by_price(one))


def _worthless(one: Candidate) -> float:
    if not one.cost:
        return float("-inf") if one.speed else 0.0
    return -one.speed / one.cost


def _by_headroom(one: Candidate) -> Any:
    return (-one.headroom, one.cost, -one.speed, by_price(one))


def _by_comfort(one: Candidate) -> Any:
    return (0, by_price(one)) if one.headroom >= COMFORTABLE_HEADROOM else (1, _by_headroom(one))


RANKINGS: Mapping[Role, Ranking] = {
    "cheapest": Ranking(lambda one: one.cost, by_price),  # at equal cost the faster one comes first
    "value": Ranking(_worthless, _by_worth),
    "fastest": Ranking(lambda one: -one.speed, lambda one: (-one.speed, one.cost, -one.headroom, by_price(one))),
    "headroom": Ranking(lambda one: -one.headroom, _by_headroom),
}
COMFORT = Ranking(lambda one: one.cost if one.headroom >= COMFORTABLE_HEADROOM else float("inf"), _by_comfort)


def ranking(role: Role, *, speed_known: bool) -> Ranking:
    """The ranking of a role.

    cheapest: the lowest price. fastest: the highest speed. headroom: the largest free share of memory. value: the most speed for the
    money; where no speed is known, the cheapest with a fifth of its memory free. Ties go to the cheaper machine.
    """
    return COMFORT if role == "value" and not speed_known else RANKINGS[role]


def best(role: Role, machines: Iterable[Candidate]) -> Candidate | None:
    """The best of the machines in one respect; None where there are none."""
    found = list(machines)
    order = ranking(role, speed_known=any(one.speed > 0 for one in found))
    return min(found, key=order.exactly, default=None)
