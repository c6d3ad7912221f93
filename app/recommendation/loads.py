"""Where a job could run: the job on every number of every GPU that can be had, before any platform is chosen."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from app.hardware import Gpu
from app.placement import Demand, Placement, Unplaceable
from app.recommendation.constraints import form_accepted, vendor_accepted
from app.recommendation.market import Market, Site
from app.recommendation.offers import Offer
from app.workloads.limits import Limits


class Choice(NamedTuple):
    """So many of a GPU, or none. `site` is given where the GPUs come with their platform. Cost of the GPUs in minor units."""

    gpu: Gpu | None = None
    quantity: int = 0
    cost: int = 0
    site: Site | None = None

    @property
    def gpu_id(self) -> str:
        """The id of the GPU, empty where there is none."""
        return self.gpu.id if self.gpu else ""


class Load(NamedTuple):
    """A job on a choice of GPUs."""

    choice: Choice
    placement: Placement
    ram_bytes: int  # that the machine must have: in a unified-memory system the GPU's share comes out of the same memory
    missing_bytes: int  # what each GPU lacks; zero or less where the job fits
    headroom: float  # share of the GPU left free, 0 where there is none


def load_of(choice: Choice, placement: Placement) -> Load:
    """The load of a placement on a choice of GPUs."""
    gpu = choice.gpu
    if gpu is None:
        return Load(choice, placement, placement.host_bytes, 0, 0.0)
    ram = placement.host_bytes + (placement.gpu_bytes if gpu.unified_memory else 0)
    return Load(choice, placement, ram, placement.gpu_bytes - gpu.visible_bytes, 1.0 - placement.gpu_bytes / gpu.visible_bytes)


@dataclass(slots=True)
class Loads:
    """What the estimator says of every choice: those that fit, those short of GPU memory, and why others cannot run at all."""

    fitting: list[Load] = field(default_factory=list)
    short: list[Load] = field(default_factory=list)
    refused: list[Unplaceable] = field(default_factory=list)

    def add(self, outcome: Load | Unplaceable) -> None:
        """Files one outcome."""
        if isinstance(outcome, Unplaceable):
            self.refused.append(outcome)
        elif outcome.missing_bytes > 0:
            self.short.append(outcome)
        else:
            self.fitting.append(outcome)


def place_everywhere(demand: Demand, limits: Limits, market: Market) -> Loads:
    """The job on every choice."""
    loads = Loads()
    for choice in choices(demand, limits, market):
        loads.add(place(demand, choice))
    return loads


def choices(demand: Demand, limits: Limits, market: Market) -> Iterator[Choice]:
    """The processor alone, 1 to `max_gpus` of every card that is accepted, and every whole system that is."""
    yield Choice()
    if not demand.needs_gpu:
        return
    for offer, most in accepted_cards(limits, market):
        for quantity in range(1, most + 1):
            cost = offer.cost(quantity)
            if cost is not None:
                yield Choice(offer.part, quantity, cost)
    for site, gpu in market.systems:
        if system_accepted(site, gpu, limits):
            yield Choice(gpu, site.platform.included_gpu_quantity, 0, site)


def place(demand: Demand, choice: Choice) -> Load | Unplaceable:
    """The job on one choice of GPUs."""
    if choice.gpu and choice.site:
        return _loaded(choice, place_on_some(demand, choice.gpu, choice.quantity))
    return _loaded(choice, demand.place(choice.gpu, choice.quantity))


def _loaded(choice: Choice, placed: Placement | Unplaceable) -> Load | Unplaceable:
    return load_of(choice, placed) if isinstance(placed, Placement) else placed


def place_on_some(demand: Demand, gpu: Gpu, quantity: int) -> Placement | Unplaceable:
    """The job on GPUs that come together: on all of them, or where it does not run on all, on as many as it does."""
    attempts = [demand.place(gpu, quantity)]
    while not _runs(attempts[-1], gpu) and len(attempts) < quantity:
        attempts.append(demand.place(gpu, quantity - len(attempts)))
    return attempts[-1] if _runs(attempts[-1], gpu) else attempts[0]


def _runs(placed: Placement | Unplaceable, gpu: Gpu) -> bool:
    return isinstance(placed, Placement) and placed.gpu_bytes <= gpu.visible_bytes


def accepted(gpu: Gpu, limits: Limits) -> bool:
    """Whether the person takes this GPU."""
    return vendor_accepted(gpu, limits) and form_accepted(gpu, limits)


def system_accepted(site: Site, gpu: Gpu, limits: Limits) -> bool:
    """Whether the person takes this whole system."""
    return accepted(gpu, limits) and site.platform.included_gpu_quantity <= limits.max_gpus


def accepted_cards(limits: Limits, market: Market) -> Iterator[tuple[Offer[Gpu], int]]:
    """Every card that the person takes, and how many of it can be had and fit some platform."""
    for offer in market.gpus:
        if accepted(offer.part, limits):
            room = market.most(offer.part)
            yield offer, min(limits.max_gpus, room if offer.unit is not None else offer.owned, room)
