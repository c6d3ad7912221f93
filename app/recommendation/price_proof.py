"""Price-proof: whether a pick is still the pick where the prices of its own parts rise as far as they are known to move in a month.

Every part of the pick that would be bought rises at once by its monthly move (`app.catalogue.volatility`); machines that hold the same part
rise with it, all other prices stay. Each rival keeps the parts that are the best for it today.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.hardware import Volatility
from app.money import Money
from app.recommendation.advice import PriceProof, Role
from app.recommendation.market import Market
from app.recommendation.offers import Offer
from app.recommendation.picks import ranking
from app.recommendation.search import Candidate, Exploration

ENOUGH_KNOWN = 0.5  # of the price of a pick: where less of it has a history, nobody can say that it survives

Rises = Mapping[str, int]  # minor units that one piece of a part costs more
Bought = Sequence[tuple[str, int]]  # the parts of a machine, each with how many of it are bought


class PriceProofs:
    """The proofs of one search."""

    def __init__(self, exploration: Exploration) -> None:
        self._exploration = exploration
        inside = [one for one in exploration.candidates if one.cost <= exploration.budget]  # the others rise too
        self._inside, self._speed_known = inside, any(one.speed > 0 for one in inside)

    def of(self, role: Role, pick: Candidate) -> PriceProof:
        """What becomes of the pick in this role."""
        market = self._exploration.market
        moves = {part: _move(market.offers[part]) for part, bought in _bought(pick, market) if bought}
        rises = {part: rise for part, (rise, _) in moves.items() if rise}
        winner = self._winner(role, rises) if rises else pick
        same = winner is not None and winner.load.choice[:2] == pick.load.choice[:2]
        known = sum((market.offers[part].unit or 0) * count for part, count in _bought(pick, market) if moves.get(part, (0, None))[1])
        return PriceProof(
            known=Money(known, market.currency),
            rise=Money(_rise(_bought(pick, market), rises), market.currency),
            survives=None if same and known < ENOUGH_KNOWN * pick.cost else same,
            becomes="" if same or winner is None else _title(winner),
            own_history=_names(moves, "own", market), history_of_kind=_names(moves, "kind", market), no_history=_names(moves, "", market),
        )  # fmt: skip

    def _winner(self, role: Role, rises: Rises) -> Candidate | None:
        """The best machine at the risen prices, inside the same budget. No rise makes a machine better: from the best of today on they are
        looked at until the next one, even at its price of today, is no match for the best of those that have risen."""
        order, market, budget = ranking(role, speed_known=self._speed_known), self._exploration.market, self._exploration.budget
        winner: Candidate | None = None
        for one in sorted(self._inside, key=order.roughly):
            if winner and order.roughly(one) > order.roughly(winner):
                break
            risen = one._replace(cost=one.cost + _rise(_bought(one, market), rises))
            if risen.cost <= budget and (winner is None or order.exactly(risen) < order.exactly(winner)):
                winner = risen
        return winner


def _bought(one: Candidate, market: Market) -> Bought:
    rest, choice = one.rest, one.load.choice
    parts = [(rest.site.platform.id, 1)]
    parts += [(choice.gpu.id, choice.quantity)] if choice.gpu and not choice.site else []
    parts += [(part.id, quantity) for part, quantity in (*rest.memory.items, *rest.storage.ssd, *rest.storage.hdd)]
    return [(part, max(0, quantity - market.offers[part].owned)) for part, quantity in parts]


def _move(offer: Offer[Any]) -> tuple[int, Volatility | None]:
    known = offer.price.volatility if offer.price else None
    return (round(known.monthly * (offer.unit or 0)) if known else 0), known


def _rise(bought: Bought, rises: Rises) -> int:
    return sum(rises[part] * count for part, count in bought if part in rises)


def _names(moves: Mapping[str, tuple[int, Volatility | None]], basis: str, market: Market) -> tuple[str, ...]:
    return tuple(market.offers[part].part.name for part, (_, known) in moves.items() if (known.basis if known else "") == basis)


def _title(one: Candidate) -> str:
    choice = one.load.choice
    if not choice.gpu:
        return one.rest.site.platform.name
    return choice.gpu.name if choice.quantity == 1 else f"{choice.quantity} x {choice.gpu.name}"
