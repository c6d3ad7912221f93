"""The exact search: for every load the cheapest platform, RAM and drives, and from all of them the non-dominated machines.

For a given GPU and count the rest of a machine only matters by its price, and by how fast its drives feed the job; so per load it is enough
to know the cheapest completion at each drive speed that matters. Platforms are tried in the order of a lower bound on their cost, and the
trying stops where the bound passes the best found. A job on the processor alone has RAM as its headroom: there every non-dominated amount
of RAM is kept. Nothing is left out that could be the best by price, speed or headroom; the tests compare with every combination.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.hardware import Catalogue, Gpu
from app.placement import Demand, Placement
from app.recommendation.constraints import STARVED_SHARE
from app.recommendation.loads import Load, Loads, accepted_cards, place_everywhere, system_accepted
from app.recommendation.market import Market, Site, market_for
from app.recommendation.memory import MemoryFill
from app.recommendation.power import machine_power_w
from app.recommendation.storage import StorageSet
from app.workloads.limits import Limits

StorageSets = tuple[StorageSet, ...]


class Candidate(NamedTuple):
    """A machine as the search sees it: what counts, and what it is made of. Cost is in minor units of the answer's currency."""

    cost: int
    speed: float
    headroom: float
    site: Site
    gpu: Gpu | None
    quantity: int
    placement: Placement
    memory: MemoryFill
    storage: StorageSet
    fed: float  # share of the placement's speed that the drives sustain

    @property
    def name(self) -> tuple[str, str, int]:
        """What decides between machines that are equal in all that counts."""
        return (self.site.platform.id, self.gpu.id if self.gpu else "", self.quantity)


class Bound(NamedTuple):
    """A platform with the least that it costs for any load of this request."""

    least: int
    site: Site
    sets: StorageSets


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """Everything one search found, the budget not yet looked at."""

    demand: Demand
    limits: Limits
    market: Market
    loads: Loads
    assembly: "Assembly"
    candidates: tuple[Candidate, ...]

    @property
    def budget(self) -> float:
        """The budget in minor units, infinite where there is none."""
        return self.limits.budget.money.minor if self.limits.budget else float("inf")


def explore(demand: Demand, limits: Limits, catalogue: Catalogue) -> Exploration:
    """Searches the whole catalogue for machines that do the job within the limits other than the budget.

    Raises InvalidInput where the currency of the limits has no exchange rate.
    """
    market = market_for(limits, catalogue)
    loads = place_everywhere(demand, limits, market)
    assembly = Assembly(demand, limits, market, (*loads.fitting, *loads.short))
    candidates = tuple(candidate for load in loads.fitting for candidate in assembly.machines(load))
    return Exploration(demand=demand, limits=limits, market=market, loads=loads, assembly=assembly, candidates=candidates)


class Assembly:
    """Completes loads into machines with the cheapest platform, RAM and drives."""

    def __init__(self, demand: Demand, limits: Limits, market: Market, loads: Sequence[Load]) -> None:
        self._limits, self._market = limits, market
        reads = max((load.placement.read_bytes_per_second for load in loads), default=0)
        least_ram = min((load.ram_bytes for load in loads), default=0)
        storages = {id(site.storage): site.storage for site in market.sites}
        sets = {key: storage.sets(demand.ssd_bytes, demand.hdd_bytes, reads) for key, storage in storages.items()}
        self._sets = {site.index: sets[id(site.storage)] for site in market.sites}
        self._boards = sorted(self._bounds(market.boards, least_ram), key=lambda bound: (bound.least, bound.site.platform.id))

    def _bounds(self, sites: Iterable[Site], least_ram: int) -> Iterator[Bound]:
        for site in sites:
            memory, sets = site.memory.cheapest(least_ram), self._sets[site.index]
            if memory and sets:
                yield Bound(site.cost + memory.cost + sets[0].cost, site, sets)

    def machines(self, load: Load) -> Iterable[Candidate]:
        """The cheapest machine for the load at each drive speed that matters; empty where no platform can carry it."""
        if load.site:
            return self._complete(load, load.site, self._sets[load.site.index])
        return self._on_boards(load) if load.gpu else self._without_gpu(load)

    def _on_boards(self, load: Load) -> Iterable[Candidate]:
        room = self._market.room(load.gpu) if load.gpu else ()
        best: dict[float, Candidate] = {}
        ceiling = float("inf")
        for bound in self._boards:
            if bound.least + load.cost > ceiling:
                break
            if room[bound.site.index] < load.quantity:
                continue
            for candidate in self._complete(load, bound.site, bound.sets):
                if candidate.fed not in best or _cheaper(candidate, best[candidate.fed]):
                    best[candidate.fed] = candidate
                if candidate.fed == 1:
                    ceiling = min(ceiling, candidate.cost)
        return best.values()

    def _complete(self, load: Load, site: Site, sets: StorageSets) -> Iterator[Candidate]:
        memory = site.memory.cheapest(load.ram_bytes)
        if memory is None or self._too_hungry(site, load):
            return
        rest, rate, headroom = site.cost + load.cost + memory.cost, load.placement.speed.rate, load.headroom
        for storage, fed in feeding(sets, load.placement.read_bytes_per_second):
            cost = rest + storage.cost
            yield Candidate(cost, rate * fed, headroom, site, load.gpu, load.quantity, load.placement, memory, storage, fed)

    def _without_gpu(self, load: Load) -> Iterator[Candidate]:
        rate, need = load.placement.speed.rate, load.ram_bytes
        for site in self._market.without_cards:
            if self._too_hungry(site, load):
                continue
            for storage, fed in feeding(self._sets[site.index], load.placement.read_bytes_per_second):
                for memory in site.memory.sufficient(need):
                    cost = site.cost + memory.cost + storage.cost
                    headroom = 1.0 - need / memory.total_bytes if memory.total_bytes else 0.0
                    yield Candidate(cost, rate * fed, headroom, site, None, 0, load.placement, memory, storage, fed)

    def _too_hungry(self, site: Site, load: Load) -> bool:
        most = self._limits.max_watts
        return most is not None and machine_power_w(site.platform, load.gpu, load.quantity) > most


def _cheaper(one: Candidate, other: Candidate) -> bool:
    return (one.cost, one.name) < (other.cost, other.name)


def feeding(sets: StorageSets, read_bytes_s: int) -> Iterator[tuple[StorageSet, float]]:
    """The sets that matter for a job that reads so much, each with the share of it that it sustains, up to the first that does all."""
    for storage in sets:
        if storage.read_bytes_s >= read_bytes_s:
            yield storage, 1.0
            return
        fed = storage.read_bytes_s / read_bytes_s
        if fed >= STARVED_SHARE:
            yield storage, fed


def combinations_covered(limits: Limits, market: Market, demand: Demand) -> int:
    """How many combinations of platform, GPUs, RAM, SSDs and disks the search speaks for."""
    spaces = {site.index: site.memory.space * site.storage.space for site in market.sites}
    covered = sum(spaces[site.index] for site in market.without_cards)
    if demand.needs_gpu:
        covered += sum(spaces[site.index] for site, gpu in market.systems if system_accepted(site, gpu, limits))
        for offer, most in accepted_cards(limits, market):
            room = market.room(offer.part)
            covered += sum(space * min(most, room[index]) for index, space in spaces.items())
    return covered
