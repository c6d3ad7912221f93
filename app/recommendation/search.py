"""The exact search: for every load the cheapest platform, RAM and drives, and from all of them the non-dominated machines.

For a given GPU and count the rest of a machine only matters by its price, by how fast its drives feed the job, and where layers are left
to the processor by the bandwidth of its RAM, and by what its platform draws; so per load it is enough to know the cheapest completion at
each such speed and power, and loads that fit the same platforms with the same RAM and reads share it.
Platforms are tried from the most frugal, those that draw the same in the order of a lower bound on their cost, and the trying stops where
the bound passes the best found. A job on the processor alone has RAM as its headroom: there every non-dominated amount of RAM is kept.
Nothing is left out that could be the best by price, speed, headroom or power; the tests compare with every combination.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from app.hardware import Gpu
from app.placement import Demand
from app.recommendation.constraints import STARVED_SHARE
from app.recommendation.loads import Choice, Load, Loads, accepted_cards, choices, place, place_everywhere, system_accepted
from app.recommendation.market import Market, Site
from app.recommendation.memory import MemoryChoices, MemoryFill
from app.recommendation.power import machine_power_w
from app.recommendation.storage import StorageSet
from app.workloads.limits import Limits

StorageSets = tuple[StorageSet, ...]


class Completion(NamedTuple):
    """What turns GPUs into a machine: a platform, its RAM and its drives. Cost in minor units of the answer's currency."""

    cost: int
    site: Site
    memory: MemoryFill
    storage: StorageSet
    fed: float  # share of the job's speed that the drives sustain
    ram_pace: float = 1.0  # factor on the job's speed where layers are left to the processor: by the bandwidth of this RAM

    @property
    def pace(self) -> float:
        """Factor on the job's speed by everything that is not the GPUs."""
        return self.fed * self.ram_pace


class Candidate(NamedTuple):
    """A machine as the search sees it: what counts, and what it is made of. Cost in minor units of the answer's currency."""

    cost: int
    speed: float
    headroom: float
    power_w: int
    load: Load
    rest: Completion

    @property
    def name(self) -> tuple[str, str, int]:
        """What decides between machines that are equal in all that counts."""
        return (self.rest.site.platform.id, self.load.choice.gpu_id, self.load.choice.quantity)


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
    budget: float  # in minor units, infinite where there is none


def explore(demand: Demand, limits: Limits, market: Market) -> Exploration:
    """Searches everything that can be had for machines that do the job within the limits other than the budget."""
    loads = place_everywhere(demand, limits, market)
    everywhere = (*loads.fitting, *loads.short)
    least_ram = min((load.ram_bytes for load in everywhere), default=0)
    most_reads = max((load.placement.read_bytes_per_second for load in everywhere), default=0)
    assembly = Assembly(demand, limits, market, least_ram=least_ram, most_reads=most_reads)
    candidates = tuple(candidate for load in loads.fitting for candidate in assembly.machines(load))
    budget = limits.budget.money.minor if limits.budget else float("inf")
    return Exploration(
        demand=demand, limits=limits, market=market, loads=loads, assembly=assembly, candidates=candidates, budget=budget
    )  # fmt: skip


class CheapestSearch:
    """Finds the cheapest machine for one job after the other; jobs with the same need of drives share what was worked out for them."""

    def __init__(self, limits: Limits, market: Market) -> None:
        self._limits, self._market = limits, market
        self._shared: dict[tuple[bool, int, int], tuple[Assembly, list[tuple[int, Choice]]]] = {}

    def find(self, demand: Demand) -> Candidate | None:
        """The cheapest machine that does the job within the limits other than the budget. The job is placed on one choice of GPUs after
        the other, in the order of the least that a machine with them costs, until that passes the best found."""
        assembly, ordered = self._of(demand)
        best: Candidate | None = None
        for least, choice in ordered:
            if best and least > best.cost:
                break
            load = place(demand, choice)
            if isinstance(load, Load) and load.missing_bytes <= 0:
                best = min((*assembly.machines(load), *([best] if best else [])), key=by_price, default=None)
        return best

    def _of(self, demand: Demand) -> "tuple[Assembly, list[tuple[int, Choice]]]":
        key = (demand.needs_gpu, demand.ssd_bytes, demand.hdd_bytes)
        if key not in self._shared:
            assembly = Assembly(demand, self._limits, self._market)
            bounded = ((assembly.least(choice), choice) for choice in choices(demand, self._limits, self._market))
            self._shared[key] = (assembly, sorted(bounded, key=lambda row: row[0]))
        return self._shared[key]


def by_price(one: Candidate) -> tuple[int, float, float, int, tuple[str, str, int]]:
    """Orders machines: the cheaper first, of equals the faster, then the roomier, then the more frugal, then by name."""
    return (one.cost, -one.speed, -one.headroom, one.power_w, one.name)


class Assembly:
    """Completes loads into machines with the cheapest platform, RAM and drives."""

    def __init__(self, demand: Demand, limits: Limits, market: Market, *, least_ram: int = 0, most_reads: float = float("inf")) -> None:
        """`least_ram` and `most_reads` bound what the loads to come need of RAM and of the drives; tighter bounds save time."""
        self._limits, self._market = limits, market
        self._completed: dict[Hashable, tuple[Completion, ...]] = {}
        storages = {id(site.storage): site.storage for site in market.sites}
        sets = {key: storage.sets(demand.ssd_bytes, demand.hdd_bytes, most_reads) for key, storage in storages.items()}
        self._sets = {site.index: sets[id(site.storage)] for site in market.sites}
        self._boards = sorted(self._bounds(market.boards, least_ram), key=lambda bound: (bound.least, bound.site.platform.id))
        self._by_power = sorted(_grouped_by_power(self._boards).items())
        self._easy_read = min((bound.sets[0].read_bytes_s for bound in self._boards), default=0)

    def _bounds(self, sites: Iterable[Site], least_ram: int) -> Iterator[Bound]:
        for site in sites:
            memory, sets = site.memory.cheapest(least_ram), self._sets[site.index]
            if memory and sets:
                yield Bound(site.cost + memory.cost + sets[0].cost, site, sets)

    def least(self, choice: Choice) -> int:
        """A lower bound on what a machine with these GPUs costs."""
        if choice.site:
            return choice.site.cost
        return choice.cost + (self._boards[0].least if self._boards and choice.gpu else 0)

    def machines(self, load: Load) -> Iterator[Candidate]:
        """The cheapest machine for the load at each speed of drives and RAM that matters; none where no platform can carry it."""
        rate, headroom = load.placement.speed.rate, load.headroom
        for rest in self._completions(load):
            room = headroom if load.choice.gpu else 1.0 - load.ram_bytes / max(1, rest.memory.total_bytes)
            power = machine_power_w(rest.site.platform, load.choice.gpu, load.choice.quantity)
            yield Candidate(load.choice.cost + rest.cost, rate * rest.pace, room, power, load, rest)

    def _completions(self, load: Load) -> Iterable[Completion]:
        if load.choice.site:
            return self._at(load, load.choice.site, self._sets[load.choice.site.index])
        if load.choice.gpu is None:
            return self._without_cards(load)
        gpu, quantity = load.choice.gpu, load.choice.quantity
        reads, traffic = load.placement.read_bytes_per_second, load.placement.ram_traffic
        drawn = gpu.power_w * quantity if self._limits.max_watts is not None else 0
        key = (self._market.seating(gpu, quantity), drawn, load.ram_bytes, reads if reads > self._easy_read else 0, traffic)
        if key not in self._completed:
            self._completed[key] = self._on_boards(load, gpu)
        return self._completed[key]

    def _on_boards(self, load: Load, gpu: Gpu) -> tuple[Completion, ...]:
        room = self._market.room(gpu)
        best: dict[tuple[float, int], Completion] = {}
        ceiling = float("inf")
        for watts, bounds in self._by_power:
            for bound in bounds:
                if bound.least > ceiling:
                    break
                if room[bound.site.index] < load.choice.quantity:
                    continue
                for rest in self._at(load, bound.site, bound.sets):
                    key = (rest.pace, watts)
                    best[key] = min(rest, best.get(key, rest), key=_rank)
                    if rest.fed == 1 and not load.placement.ram_traffic:  # dearer RAM may be faster
                        ceiling = min(ceiling, rest.cost)
        return tuple(best.values())

    def _at(self, load: Load, site: Site, sets: StorageSets) -> Iterator[Completion]:
        if self._too_hungry(site, load):
            return
        for memory, pace in paced(site.memory, load):
            for storage, fed in feeding(sets, load.placement.read_bytes_per_second):
                yield Completion(site.cost + memory.cost + storage.cost, site, memory, storage, fed, pace)

    def _without_cards(self, load: Load) -> Iterator[Completion]:
        """All amounts of RAM that are enough: what is left over is the headroom of a job on the processor."""
        for site in self._market.without_cards:
            if self._too_hungry(site, load):
                continue
            for storage, fed in feeding(self._sets[site.index], load.placement.read_bytes_per_second):
                for memory in site.memory.sufficient(load.ram_bytes):
                    yield Completion(site.cost + memory.cost + storage.cost, site, memory, storage, fed)

    def _too_hungry(self, site: Site, load: Load) -> bool:
        most = self._limits.max_watts
        return most is not None and machine_power_w(site.platform, load.choice.gpu, load.choice.quantity) > most


def _grouped_by_power(bounds: Iterable[Bound]) -> dict[int, list[Bound]]:
    """The boards by what they draw beside their cards, each group in the order given."""
    groups: dict[int, list[Bound]] = {}
    for bound in bounds:
        groups.setdefault(machine_power_w(bound.site.platform, None, 0), []).append(bound)
    return groups


def _rank(rest: Completion) -> tuple[int, str]:
    return (rest.cost, rest.site.platform.id)


def paced(memory: MemoryChoices, load: Load) -> Iterator[tuple[MemoryFill, float]]:
    """The RAM that matters for a load, each with its factor on the speed: the cheapest, and where layers are left to the processor every
    faster one."""
    traffic = load.placement.ram_traffic
    if traffic:
        yield from ((fill, traffic.pace(fill.bandwidth_gb_s)) for fill in memory.faster(load.ram_bytes))
    elif cheapest := memory.cheapest(load.ram_bytes):
        yield cheapest, 1.0


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
    covered = sum(site.space for site in market.without_cards)
    if demand.needs_gpu:
        covered += sum(site.space for site, gpu in market.systems if system_accepted(site, gpu, limits))
        covered += sum(market.space(offer.part, most) for offer, most in accepted_cards(limits, market))
    return covered
