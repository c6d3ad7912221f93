"""Renting instead of buying: the cheapest offers on which the job runs, and after how many hours the machine would have been cheaper."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.hardware import Catalogue, CloudOffer, Gpu, Price
from app.money import Money
from app.placement import Demand, Placement
from app.recommendation.loads import Choice, accepted, load_of, place_on_some
from app.recommendation.machine import Machine
from app.units import GIB
from app.workloads.limits import Limits

OFFERS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """A rented machine that does the job. `break_even_hours`: rental that costs as much as the machine it is compared with, power and
    upkeep aside; None where there is none to compare with."""

    offer: CloudOffer
    gpu: Gpu
    hourly: Money
    price: Price
    placement: Placement
    break_even_hours: float | None


def rentals(demand: Demand, limits: Limits, catalogue: Catalogue, machine: Machine | None) -> tuple[Rental, ...]:
    """The cheapest offers per hour on which the job runs, one of each provider, GPU and count; empty where none are wanted."""
    if not limits.include_cloud or not demand.needs_gpu:
        return ()
    found = sorted(_fitting(demand, limits, catalogue, machine), key=lambda rental: (rental.hourly.minor, rental.offer.id))
    cheapest_of_each = {(rental.offer.provider, rental.gpu.id, rental.offer.gpu_quantity): rental for rental in reversed(found)}
    return tuple(sorted(cheapest_of_each.values(), key=lambda rental: (rental.hourly.minor, rental.offer.id))[:OFFERS_SHOWN])


def _fitting(demand: Demand, limits: Limits, catalogue: Catalogue, machine: Machine | None) -> Iterator[Rental]:
    for offer in catalogue.cloud.values():
        gpu = catalogue.gpus.get(offer.gpu)
        price = min(offer.prices, key=lambda price: (price.condition, price.source), default=None)
        if gpu is None or price is None or not offer.active or not accepted(gpu, limits) or offer.gpu_quantity > limits.max_gpus:
            continue
        placed = place_on_some(demand, gpu, offer.gpu_quantity)
        if isinstance(placed, Placement) and _fits(offer, gpu, placed):
            hourly = catalogue.rates.convert(price.money, limits.answer_currency)
            yield Rental(
                offer=offer, gpu=gpu, hourly=hourly, price=price, placement=placed, break_even_hours=_break_even(machine, hourly)
            )  # fmt: skip


def _fits(offer: CloudOffer, gpu: Gpu, placed: Placement) -> bool:
    load = load_of(Choice(gpu, offer.gpu_quantity), placed)
    return load.missing_bytes <= 0 and (offer.ram_gb is None or load.ram_bytes <= offer.ram_gb * GIB)


def _break_even(machine: Machine | None, hourly: Money) -> float | None:
    return machine.total.minor / hourly.minor if machine and hourly.minor else None
