"""Where a job could run: the job on every number of every GPU that can be had, before any platform is chosen."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.hardware import Gpu
from app.placement import Demand, Placement, Unplaceable
from app.recommendation.constraints import form_accepted, vendor_accepted
from app.recommendation.market import Market, Site
from app.recommendation.offers import Offer
from app.workloads.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A job on so many of a GPU, or on the processor alone. `site` is given where the GPUs come with their platform."""

    gpu: Gpu | None
    quantity: int
    cost: int  # of the GPUs, in minor units
    placement: Placement
    site: Site | None = None

    @property
    def ram_bytes(self) -> int:
        """RAM that the machine must have: in a unified-memory system the GPU's share comes out of the same memory."""
        shared = self.placement.gpu_bytes if self.gpu and self.gpu.unified_memory else 0
        return self.placement.host_bytes + shared

    @property
    def missing_bytes(self) -> int:
        """What each GPU lacks; zero or less where the job fits."""
        return self.placement.gpu_bytes - self.gpu.visible_bytes if self.gpu else 0

    @property
    def headroom(self) -> float:
        """Share of the GPU left free."""
        return 1.0 - self.placement.gpu_bytes / self.gpu.visible_bytes if self.gpu else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """What the estimator says of every choice: those that fit, those short of GPU memory, and why others cannot run at all."""

    fitting: tuple[Load, ...]
    short: tuple[Load, ...]
    refused: tuple[Unplaceable, ...]


@dataclass(slots=True)
class _Sorting:
    fitting: list[Load] = field(default_factory=list)
    short: list[Load] = field(default_factory=list)
    refused: list[Unplaceable] = field(default_factory=list)

    def put(self, load: Load) -> bool:
        (self.short if load.missing_bytes > 0 else self.fitting).append(load)
        return load.missing_bytes <= 0


def place_everywhere(demand: Demand, limits: Limits, market: Market) -> Loads:
    """Asks the job for its placement on the processor alone, on 1 to `max_gpus` of every card, and on every whole system."""
    sorting = _Sorting()
    alone = demand.place(None, 0)
    if isinstance(alone, Placement):
        sorting.put(Load(gpu=None, quantity=0, cost=0, placement=alone))
    else:
        sorting.refused.append(alone)
    if demand.needs_gpu:
        _place_on_cards(demand, limits, market, sorting)
        _place_on_systems(demand, limits, market, sorting)
    return Loads(fitting=tuple(sorting.fitting), short=tuple(sorting.short), refused=tuple(sorting.refused))


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
            room = max(market.room(offer.part), default=0)
            to_be_had = room if offer.unit is not None else offer.owned
            yield offer, min(limits.max_gpus, room, to_be_had)


def _place_on_cards(demand: Demand, limits: Limits, market: Market, sorting: _Sorting) -> None:
    for offer, most in accepted_cards(limits, market):
        for quantity in range(1, most + 1):
            placed, cost = demand.place(offer.part, quantity), offer.cost(quantity)
            if isinstance(placed, Unplaceable):
                sorting.refused.append(placed)
            elif cost is not None:
                sorting.put(Load(gpu=offer.part, quantity=quantity, cost=cost, placement=placed))


def _place_on_systems(demand: Demand, limits: Limits, market: Market, sorting: _Sorting) -> None:
    """A system's GPUs come together; where the job cannot use them all, the others stand idle."""
    for site, gpu in market.systems:
        if not system_accepted(site, gpu, limits):
            continue
        for used in range(site.platform.included_gpu_quantity, 0, -1):
            placed = demand.place(gpu, used)
            if isinstance(placed, Unplaceable):
                sorting.refused.append(placed)
            elif sorting.put(Load(gpu=gpu, quantity=site.platform.included_gpu_quantity, cost=0, placement=placed, site=site)):
                break
