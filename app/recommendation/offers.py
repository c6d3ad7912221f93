"""Parts that can be had: bought at a current price, or owned already."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from app.hardware import Gpu, Part, Platform, Price
from app.money import ExchangeRates, Money

Accepted = Literal["new", "used", "any"]
AnyPart = TypeVar("AnyPart", bound=Part)

# Observations that tell what a market does but are nobody's offer to a buyer: per hour, per module among traders, by contract,
# or for more soldered memory in a new system.
NOT_AN_OFFER = frozenset({"rental", "wholesale", "wholesale-spot", "contract", "upgrade-delta"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(Generic[AnyPart]):
    """One part with its unit price in minor units of the answer's currency (None: not for sale) and how many are owned."""

    part: AnyPart
    unit: int | None
    price: Price | None
    owned: int = 0

    def cost(self, quantity: int) -> int | None:
        """What `quantity` of it costs beyond those owned, in minor units; None where that many cannot be had."""
        bought = max(0, quantity - self.owned)
        if not bought:
            return 0
        return None if self.unit is None else self.unit * bought


Assortment = tuple[tuple[Offer[AnyPart], int], ...]


def offers_of(
    parts: Iterable[AnyPart], currency: str, accepted: Accepted, rates: ExchangeRates, owned: Mapping[str, int]
) -> tuple[Offer[AnyPart], ...]:
    """Everything among `parts` that is for sale in an accepted condition or owned, in the order of its id."""
    found = []
    for part in sorted(parts, key=lambda part: part.id):
        priced = _cheapest(part, currency, accepted, rates) if _on_sale(part) else None
        if priced or part.id in owned:
            unit, price = priced or (None, None)
            found.append(Offer(part=part, unit=unit, price=price, owned=owned.get(part.id, 0)))
    return tuple(found)


def _on_sale(part: Part) -> bool:
    return part.active and not (isinstance(part, Gpu) and not part.purchasable)


def _cheapest(part: Part, currency: str, accepted: Accepted, rates: ExchangeRates) -> tuple[int, Price] | None:
    offers = [price for price in part.prices if price.kind not in NOT_AN_OFFER and _convertible(price.money, rates)]
    ranked = [
        (rates.convert(price.money, currency).minor, price.condition, price.source, price) for price in _accepted(part, offers, accepted)
    ]
    if not ranked:
        return None
    unit, *_, price = min(ranked, key=lambda row: row[:3])
    return unit, price


def _accepted(part: Part, offers: Sequence[Price], accepted: Accepted) -> Sequence[Price]:
    """ "used" asks for a second-hand GPU; the other parts are bought second-hand where there is such a price, else new."""
    if accepted == "any":
        return offers
    new = [price for price in offers if price.condition == "new"]
    if accepted == "new":
        return new
    second_hand = [price for price in offers if price.condition != "new"]
    brings_gpu = isinstance(part, Gpu) or (isinstance(part, Platform) and bool(part.included_gpu))
    return second_hand if second_hand or brings_gpu else new


def _convertible(money: Money, rates: ExchangeRates) -> bool:
    return money.currency == "EUR" or money.currency in rates.per_euro


def assortments(offers: Sequence[Offer[AnyPart]], most: Callable[[AnyPart], int]) -> Iterator[Assortment[AnyPart]]:
    """The quantities of parts of one kind that a machine may hold: 1 to `most` of one part, beside which 1 to all of another one
    that is owned may stay in use. Each is given once; whether it fits and can be bought is for the caller to see."""
    for offer in offers:
        for quantity in range(1, most(offer.part) + 1):
            yield ((offer, quantity),)
    for kept in (offer for offer in offers if offer.owned):
        for kept_quantity in range(1, min(kept.owned, most(kept.part)) + 1):
            yield from (
                ((kept, kept_quantity), (offer, quantity))
                for offer in offers
                if offer is not kept
                for quantity in range(1, most(offer.part) + 1)
                if not (quantity <= offer.owned and offer.part.id < kept.part.id)  # given already with the roles exchanged
            )


def cost_of(assortment: Assortment[AnyPart]) -> int | None:
    """What the assortment costs in minor units; None where it cannot be bought."""
    total = 0
    for offer, quantity in assortment:
        cost = offer.cost(quantity)
        if cost is None:
            return None
        total += cost
    return total
