"""The RAM that a platform can be given: which kits fit, and the cheapest of them for a need."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.hardware import Platform, RamKit
from app.recommendation.offers import Assortment, Offer, assortments, cost_of
from app.units import GIB

# Transfers a second of the modules that a platform comes with. Source: JEDEC JESD79-4, JESD79-5, JESD209-5.
STANDARD_MT_S = {"DDR4": 3200, "DDR5": 4800, "LPDDR5": 6400, "LPDDR5X": 8533}
CHANNEL_BYTES = {"DDR4": 8, "DDR5": 8, "LPDDR5": 2, "LPDDR5X": 2}  # data width of one channel


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFill:
    """Kits that go in together. No kits: the memory that the platform comes with."""

    items: tuple[tuple[RamKit, int], ...]
    cost: int
    total_bytes: int
    modules: int
    bandwidth_gb_s: float


def included_ram_bytes(platform: Platform) -> int:
    """The memory that the platform comes with."""
    return platform.included_ram_gb * GIB


def ram_bytes(platform: Platform, kits: Iterable[tuple[RamKit, int]]) -> int:
    """The memory of a machine. Kits take the place of what the platform came with: nothing says that the modules match."""
    return sum(kit.total_gb * quantity for kit, quantity in kits) * GIB or included_ram_bytes(platform)


def ram_bandwidth_gb_s(platform: Platform, kits: Iterable[tuple[RamKit, int]]) -> float:
    """Bandwidth of a machine's memory, GB/s: channels with a module in them x transfers a second x bytes of each transfer. The slowest
    kit sets the pace of all; two modules on one channel are no faster than one."""
    kind = platform.memory_type
    present = list(kits)
    modules = sum(kit.modules * quantity for kit, quantity in present) or platform.memory_channels
    mt_s = min((kit.speed_mt_s for kit, _ in present), default=STANDARD_MT_S.get(kind, STANDARD_MT_S["DDR4"]))
    return min(modules, platform.memory_channels) * mt_s * CHANNEL_BYTES.get(kind, CHANNEL_BYTES["DDR4"]) / 1000


def kit_plugs_into(kit: RamKit, platform: Platform) -> bool:
    """Whether the kit is of the platform's generation and form."""
    return kit.memory_type == platform.memory_type and kit.form == platform.memory_form


def has_ecc(platform: Platform, kits: Iterable[tuple[RamKit, int]]) -> bool:
    """Whether the memory of a machine corrects errors: the platform and every module have to."""
    return platform.ecc and all(kit.ecc for kit, _ in kits)


def balanced(modules: int, channels: int) -> bool:
    """Whether so many modules fill the channels evenly: one, an even number, or as many as divide the channels. Three modules on two
    channels run partly at the speed of one (Intel and AMD population guides)."""
    return modules <= 1 or modules % 2 == 0 or channels % modules == 0


def most_kits(kit: RamKit, platform: Platform) -> int:
    """How many of the kit alone fit the slots and the platform's largest memory."""
    return min(platform.dimm_slots // kit.modules, platform.max_memory_gb // kit.total_gb) if kit_plugs_into(kit, platform) else 0


@dataclass(frozen=True)
class MemoryChoices:
    """Every way to give a platform RAM: as it comes, or an assortment of kits. Platforms with equal sockets share one."""

    platform: Platform
    offers: Sequence[Offer[RamKit]]

    @cached_property
    def fills(self) -> tuple[MemoryFill, ...]:
        """The non-dominated ways: each costs more and holds more than the one before."""
        rising: list[MemoryFill] = []
        for fill in sorted(self._all, key=lambda fill: (fill.cost, -fill.total_bytes, fill.modules, _names(fill))):
            if not rising or fill.total_bytes > rising[-1].total_bytes:
                rising.append(fill)
        return tuple(rising)

    @cached_property
    def space(self) -> int:
        """How many ways there are, non-dominated or not."""
        return len(self._all)

    def cheapest(self, need_bytes: int) -> MemoryFill | None:
        """The cheapest way to have `need_bytes`; None where the platform cannot hold so much."""
        index = bisect_left(self._capacities, need_bytes)
        return self.fills[index] if index < len(self.fills) else None

    def sufficient(self, need_bytes: int) -> tuple[MemoryFill, ...]:
        """Every non-dominated way to have at least `need_bytes`, cheapest first."""
        return self.fills[bisect_left(self._capacities, need_bytes) :]

    def faster(self, need_bytes: int) -> tuple[MemoryFill, ...]:
        """The cheapest way to have at least `need_bytes`, and every dearer one with more bandwidth than those before."""
        rising: list[MemoryFill] = []
        for fill in self._by_price:
            if fill.total_bytes >= need_bytes and (not rising or fill.bandwidth_gb_s > rising[-1].bandwidth_gb_s):
                rising.append(fill)
        return tuple(rising)

    @cached_property
    def _by_price(self) -> tuple[MemoryFill, ...]:
        """Cheapest first, without those that hold no more and are no faster than one before."""
        kept: list[MemoryFill] = []
        for fill in sorted(self._all, key=lambda fill: (fill.cost, -fill.bandwidth_gb_s, -fill.total_bytes, fill.modules, _names(fill))):
            if not any(one.total_bytes >= fill.total_bytes and one.bandwidth_gb_s >= fill.bandwidth_gb_s for one in kept):
                kept.append(fill)
        return tuple(kept)

    @cached_property
    def _capacities(self) -> tuple[int, ...]:
        return tuple(fill.total_bytes for fill in self.fills)

    @cached_property
    def _all(self) -> tuple[MemoryFill, ...]:
        bandwidth = ram_bandwidth_gb_s(self.platform, ())
        as_it_comes = MemoryFill(items=(), cost=0, total_bytes=included_ram_bytes(self.platform), modules=0, bandwidth_gb_s=bandwidth)
        chosen = (self._fill(assortment) for assortment in assortments(self.offers, lambda kit: most_kits(kit, self.platform)))
        return (as_it_comes, *(fill for fill in chosen if fill))

    def _fill(self, assortment: Assortment[RamKit]) -> MemoryFill | None:
        items = tuple((offer.part, quantity) for offer, quantity in assortment)
        modules = sum(kit.modules * quantity for kit, quantity in items)
        total_gb = sum(kit.total_gb * quantity for kit, quantity in items)
        cost = cost_of(assortment)
        too_many = modules > self.platform.dimm_slots or total_gb > self.platform.max_memory_gb
        if cost is None or too_many or not balanced(modules, self.platform.memory_channels):
            return None
        bandwidth = ram_bandwidth_gb_s(self.platform, items)
        return MemoryFill(items=items, cost=cost, total_bytes=total_gb * GIB, modules=modules, bandwidth_gb_s=bandwidth)


def _names(fill: MemoryFill) -> tuple[tuple[str, int], ...]:
    return tuple((kit.id, quantity) for kit, quantity in fill.items)
