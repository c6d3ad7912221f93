"""From a candidate of the search to a machine with its bill, its speed and what is to be said about it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, overload

from app.money import Money
from app.placement import Demand, Placement, Speed
from app.recommendation.constraints import findings_for
from app.recommendation.machine import Machine, PriceLine
from app.recommendation.market import Market
from app.recommendation.offers import Offer
from app.recommendation.power import machine_power_w
from app.recommendation.search import Candidate, Exploration
from app.workloads.limits import Limits


class Bills:
    """Writes machines out, each candidate of a search once."""

    def __init__(self, exploration: Exploration) -> None:
        self._exploration = exploration
        self._written: dict[int, Machine] = {}

    def machine(self, one: Candidate) -> Machine:
        """The candidate as a machine, with every finding."""
        if id(one) not in self._written:
            of = self._exploration
            self._written[id(one)] = machine_of(one, of.demand, of.limits, of.market)
        return self._written[id(one)]


class Written(Sequence[Machine]):
    """The machines of some candidates, each written out when it is first looked at."""

    def __init__(self, candidates: Sequence[Candidate], bills: Bills) -> None:
        self._candidates, self._bills = candidates, bills

    def __len__(self) -> int:
        return len(self._candidates)

    @overload
    def __getitem__(self, index: int) -> Machine: ...
    @overload
    def __getitem__(self, index: slice) -> "Written": ...
    def __getitem__(self, index: int | slice) -> "Machine | Written":
        chosen = self._candidates[index]
        return self._bills.machine(chosen) if isinstance(chosen, Candidate) else Written(chosen, self._bills)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as every sequence that is compared by what is in it, and not a tuple


def machine_of(one: Candidate, demand: Demand, limits: Limits, market: Market) -> Machine:
    """The candidate as a machine, with every finding."""
    machine = _machine(one, market)
    return replace(machine, findings=findings_for(machine, demand, limits, market.seat_findings))


def _machine(one: Candidate, market: Market) -> Machine:
    load, rest = one.load, one.rest
    lines = tuple(_lines(one, market))
    return Machine(
        platform=rest.site.platform, gpu=load.choice.gpu, gpu_quantity=load.choice.quantity,
        ram=rest.memory.items, ssd=rest.storage.ssd, hdd=rest.storage.hdd,
        lines=lines, total=sum((line.total for line in lines), Money(0, market.currency)),
        placement=with_ram(fed_at(load.placement, rest.fed), rest.memory.bandwidth_gb_s),
        power_w=machine_power_w(rest.site.platform, load.choice.gpu, load.choice.quantity),
    )  # fmt: skip


def _lines(one: Candidate, market: Market) -> Iterator[PriceLine]:
    offers = market.offers
    yield from _line(one.rest.site.offer, 1, market.currency)
    if one.load.choice.gpu and not one.rest.site.platform.included_gpu:
        yield from _line(offers[one.load.choice.gpu.id], one.load.choice.quantity, market.currency)
    for part, quantity in (*one.rest.memory.items, *one.rest.storage.ssd, *one.rest.storage.hdd):
        yield from _line(offers[part.id], quantity, market.currency)


def _line(offer: Offer[Any], quantity: int, currency: str) -> Iterator[PriceLine]:
    """The owned ones at no cost, then the bought ones."""
    owned = min(quantity, offer.owned)
    if owned:
        yield PriceLine(
            part=offer.part, quantity=owned, unit_price=Money(0, currency), condition="used", observed_on=None, source="owned", owned=True
        )
    if quantity > owned and offer.price and offer.unit is not None:
        yield PriceLine(
            part=offer.part, quantity=quantity - owned, unit_price=Money(offer.unit, currency),
            condition=offer.price.condition, observed_on=offer.price.observed_on, source=offer.price.source,
            seen=offer.price.money,
        )  # fmt: skip


def fed_at(placement: Placement, fed: float) -> Placement:
    """The placement where drives sustain only the share `fed` of what it reads: every rate falls, every duration grows."""
    return placement if fed == 1 else replace(placement, speed=_slowed(placement.speed, fed))


def with_ram(placement: Placement, bandwidth_gb_s: float) -> Placement:
    """The placement on a machine whose RAM has this bandwidth: layers left to the processor decode at its pace."""
    traffic = placement.ram_traffic
    if traffic is None:
        return placement
    on_host = traffic.step_seconds(bandwidth_gb_s) - traffic.rest_s
    speed = replace(
        placement.speed,
        decode_tokens_per_second=_times(placement.speed.decode_tokens_per_second, traffic.pace(bandwidth_gb_s)),
        bottleneck="host memory bandwidth" if on_host > traffic.rest_s else traffic.rest_bottleneck,
    )
    return replace(placement, speed=speed)


def _slowed(speed: Speed, fed: float) -> Speed:
    return replace(
        speed,
        decode_tokens_per_second=_times(speed.decode_tokens_per_second, fed),
        prompt_tokens_per_second=_times(speed.prompt_tokens_per_second, fed),
        samples_or_tokens_per_second=_times(speed.samples_or_tokens_per_second, fed),
        step_seconds=_times(speed.step_seconds, 1 / fed),
        epoch_seconds=_times(speed.epoch_seconds, 1 / fed),
        bottleneck="disk",
    )


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
