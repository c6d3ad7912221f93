"""Why a part is not in the recommended machine: the first thing that rules it out, or the price at which it would be.

The search is run again with this part as the only one of its kind. Where that finds no machine, `ruled_out` says what forbids it. Where
it finds one, what it costs is set against what the pick gives for its price.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

from app.errors import NotFound
from app.hardware import Catalogue, CloudOffer, Drive, Gpu, Part, Platform, RamKit
from app.money import Money
from app.placement import Demand, Finding
from app.recommendation.frontier import undominated, within
from app.recommendation.market import Market, market_for
from app.recommendation.picks import COMFORTABLE_HEADROOM, best
from app.recommendation.ruled_out import ruled_out
from app.recommendation.search import Candidate, Exploration, explore
from app.workloads.limits import Limits, Objective


def why_not(part_id: str, demand: Demand, limits: Limits, catalogue: Catalogue) -> Finding:
    """Why the part is not in the machine that is the best by the objective of the limits, in one sentence.

    Raises NotFound where the catalogue has no such part, InvalidInput where the currency has no exchange rate.
    """
    part = catalogue.parts.get(part_id)
    if part is None:
        raise NotFound(f"the catalogue has no part '{part_id[:120]}'")
    if isinstance(part, CloudOffer):
        return _note("rented", f"{part.name} is rented by the hour and not part of a machine", "see the offers to rent")
    everything = explore(demand, limits, market_for(limits, catalogue))
    pick = best(limits.objective, within(undominated(everything.candidates), everything.budget))
    if pick and _contains(pick, part):
        return _note("picked", f"{part.name} is in the machine that is recommended", "")
    alone = explore(demand, limits, _only(part, everything.market))
    with_part = [one for one in alone.candidates if _contains(one, part)]
    return _too_dear(part, with_part, pick, alone) if with_part else ruled_out(part, alone)


def _note(code: str, message: str, remedy: str) -> Finding:
    return Finding(severity="note", code=code, message=message, remedy=remedy)


def _only(part: Part, market: Market) -> Market:
    """The market with this part as the only one of its kind; GPUs that come with a platform stay with it."""
    catalogue = market.catalogue
    only = {part.id: part}
    if isinstance(part, Gpu):
        narrowed = replace(catalogue, gpus={part.id: part})
    elif isinstance(part, RamKit):
        narrowed = replace(catalogue, ram={part.id: part})
    elif isinstance(part, Drive):
        others = {name: drive for name, drive in catalogue.drives.items() if drive.kind != part.kind}
        narrowed = replace(catalogue, drives={**others, part.id: part})
    else:
        narrowed = replace(catalogue, platforms={name: one for name, one in catalogue.platforms.items() if name in only})
    return Market(narrowed, market.currency, market.accepted, market.owned, ecc=market.ecc)


def _contains(one: Candidate, part: Part) -> bool:
    return _quantity(one, part) > 0


def _quantity(one: Candidate, part: Part) -> int:
    if isinstance(part, Gpu):
        return one.load.choice.quantity if one.load.choice.gpu_id == part.id else 0
    if isinstance(part, Platform):
        return int(one.rest.site.platform.id == part.id)
    items = (*one.rest.memory.items, *one.rest.storage.ssd, *one.rest.storage.hdd)
    return sum(quantity for item, quantity in items if item.id == part.id)


def _too_dear(part: Part, with_part: Sequence[Candidate], pick: Candidate | None, alone: Exploration) -> Finding:
    prices = [amount for one in with_part if (amount := _winning_price(part, one, pick, alone)) is not None]
    least = min(with_part, key=lambda one: one.cost)
    total = Money(least.cost, alone.market.currency)
    message = f"the cheapest machine with {part.name} costs {total}{_over(least, alone)}"
    if prices and max(prices) > 0:
        price = Money(max(prices), alone.market.currency)
        whole = f" for {least.rest.site.platform.name}" if least.load.choice.site and isinstance(part, Gpu) else ""
        return _note("price", f"{message}; at {price} or less{whole} it would be the pick", f"wait for {price}, or raise the budget")
    return _note("outdone", f"{message}; {_outdone(alone.limits.objective, with_part, pick)}", "choose another objective to favour it")


def _over(one: Candidate, alone: Exploration) -> str:
    over = one.cost - alone.budget
    return f", {Money(int(over), alone.market.currency)} over the budget" if over > 0 else ""


_LACKING: Mapping[Objective, str] = {
    "cheapest": "even as a gift it would need dearer parts around it than the recommended machine",
    "fastest": "it is slower than the recommended machine at any price",
    "headroom": "it leaves less memory free than the recommended machine at any price",
    "value": "even as a gift it would give less speed for the money than the recommended machine",
}


def _outdone(objective: Objective, with_part: Sequence[Candidate], pick: Candidate | None) -> str:
    if pick is None or any(_quality(objective)(one) > _quality(objective)(pick) for one in with_part):
        return "even as a gift it would need parts around it that are over the budget"
    return _LACKING[objective]


def _quality(objective: Objective) -> Callable[[Candidate], float]:
    qualities: Mapping[Objective, Callable[[Candidate], float]] = {
        "fastest": lambda one: one.speed,
        "headroom": lambda one: one.headroom,
    }
    return qualities.get(objective, lambda _: 0.0)


def _winning_price(part: Part, one: Candidate, pick: Candidate | None, alone: Exploration) -> int | None:
    """The unit price at or below which this machine would be the pick; None where no price would do. Of a GPU that comes with its
    platform the price is that of the platform."""
    comes_with_platform = isinstance(part, Gpu) and one.load.choice.site is not None
    offer = one.rest.site.offer if comes_with_platform else alone.market.offers[part.id]
    target = _winning_total(alone.limits.objective, one, pick)
    bought = (1 if comes_with_platform else _quantity(one, part)) - offer.owned
    if offer.unit is None or target is None or bought <= 0:
        return None
    return floor((min(target, alone.budget) - (one.cost - bought * offer.unit)) / bought)


def _winning_total(objective: Objective, one: Candidate, pick: Candidate | None) -> float | None:
    """The cost at or below which the machine beats the pick, as the roles are defined in `picks`."""
    if pick is None:
        return float("inf")
    if objective == "value":
        return _worth(one, pick)
    quality = _quality(objective)
    if quality(one) > quality(pick):
        return float("inf")
    return pick.cost - 1 if quality(one) == quality(pick) else None


def _worth(one: Candidate, pick: Candidate) -> float | None:
    if pick.speed > 0:
        return ceil(Fraction(one.speed) * pick.cost / Fraction(pick.speed)) - 1 if pick.cost else None
    return pick.cost - 1 if one.headroom >= COMFORTABLE_HEADROOM else None
