"""Renting instead of buying: the cheapest offers on which the job runs, and after how many hours the machine would have been cheaper."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from app.hardware import Catalogue, CloudOffer, Gpu, Price
from app.money import Money
from app.placement import Demand, Placement
from app.recommendation.loads import Choice, accepted, load_of, place_on_some
from app.recommendation.machine import Machine
from app.units import GIB
from app.workloads.limits import Limits

OFFERS_SHOWN = 5
WATTS_PER_MW = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """A rented machine that does the job. `break_even_hours`: rental that costs as much as the machine it is compared with and, where its
    price is given, the electricity of as many hours, upkeep aside; None where there is no such machine, or renting stays cheaper."""

    offer: CloudOffer
    gpu: Gpu
    hourly: Money
    price: Price
    placement: Placement
    break_even_hours: Decimal | None


def rentals(demand: Demand, limits: Limits, catalogue: Catalogue, machine: Machine | None) -> tuple[Rental, ...]:
    """The cheapest offers per hour on which the job runs, one of each provider, GPU and count; empty where none are wanted."""
    if not limits.include_cloud or not demand.needs_gpu:
        return ()
    found: dict[tuple[str, str, int], Rental] = {}
    own_hour = _electricity_of_an_hour(machine, limits, catalogue)
    for hourly, offer, gpu, price in sorted(_wanted(limits, catalogue), key=lambda row: (row[0].minor, row[1].id)):
        key = (offer.provider, gpu.id, offer.gpu_quantity)
        placed = place_on_some(demand, gpu, offer.gpu_quantity) if key not in found else None
        if isinstance(placed, Placement) and _fits(offer, gpu, placed):
            hours = _break_even(machine, hourly, own_hour)
            found[key] = Rental(offer=offer, gpu=gpu, hourly=hourly, price=price, placement=placed, break_even_hours=hours)
        if len(found) == OFFERS_SHOWN:
            break
    return tuple(found.values())


def _wanted(limits: Limits, catalogue: Catalogue) -> Iterator[tuple[Money, CloudOffer, Gpu, Price]]:
    for offer in catalogue.cloud.values():
        gpu = catalogue.gpus.get(offer.gpu)
        price = min(offer.prices, key=lambda price: (price.condition, price.source), default=None)
        if gpu and price and offer.active and accepted(gpu, limits) and offer.gpu_quantity <= limits.max_gpus:
            yield catalogue.rates.convert(price.money, limits.answer_currency), offer, gpu, price


def _fits(offer: CloudOffer, gpu: Gpu, placed: Placement) -> bool:
    load = load_of(Choice(gpu, offer.gpu_quantity), placed)
    return load.missing_bytes <= 0 and (offer.ram_gb is None or load.ram_bytes <= offer.ram_gb * GIB)


def _break_even(machine: Machine | None, hourly: Money, own_hour: Decimal) -> Decimal | None:
    return machine.total.amount / (hourly.amount - own_hour) if machine and hourly.amount > own_hour else None


def _electricity_of_an_hour(machine: Machine | None, limits: Limits, catalogue: Catalogue) -> Decimal:
    """What an hour of the machine under load costs in the currency of the answer; 0 where no price of electricity was given."""
    if machine is None or limits.electricity is None:
        return Decimal(0)
    price_of_mwh = catalogue.rates.convert(limits.electricity.mwh, limits.answer_currency).amount
    return price_of_mwh * machine.power_w / WATTS_PER_MW
