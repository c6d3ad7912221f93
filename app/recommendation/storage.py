"""The drives that a platform can be given: which fit its bays, how fast they read, and the cheapest sets for a need."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.hardware import Drive, Platform
from app.recommendation.offers import Assortment, Offer, assortments, cost_of
from app.units import MB

INTERFACES = ("m2", "u2", "sata")

# Sequential read rates where a drive's own is not known: the slowest PCIe 3.0 x4 drives of the catalogue's makers (Samsung 970 Evo
# Plus 3,500 MB/s), the SATA 6 Gb/s ceiling less overhead (Samsung 870 Evo 560 MB/s), and a 5,400 to 7,200 rpm disk.
TYPICAL_READ_MB_S = {("ssd", "m2"): 3000.0, ("ssd", "u2"): 3000.0, ("ssd", "sata"): 500.0, ("hdd", "sata"): 180.0}
SLOWEST_READ_MB_S = 180.0
INCLUDED_SSD_READ_MB_S = 3000.0

Bays = tuple[int, int, int]
Items = tuple[tuple[Drive, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveFill:
    """Drives of one kind that go in together, the included SSD counted in."""

    items: Items
    cost: int
    capacity_bytes: int
    read_bytes_s: int
    bays: Bays


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSet:
    """SSDs and hard disks of one machine."""

    ssd: Items
    hdd: Items
    cost: int
    read_bytes_s: int  # of the SSDs together


NOTHING = DriveFill(items=(), cost=0, capacity_bytes=0, read_bytes_s=0, bays=(0, 0, 0))


def free_bays(platform: Platform) -> Bays:
    """M.2 slots, U.2 bays and SATA bays for further drives; an included SSD sits in the first M.2 slot."""
    taken = 1 if platform.included_ssd_bytes and platform.m2_slots else 0
    return (platform.m2_slots - taken, platform.u2_bays, platform.sata_bays)


def bays_used(items: Iterable[tuple[Drive, int]]) -> Bays:
    """How many bays of each interface the drives take."""
    used = Counter[str]()
    for drive, quantity in items:
        used[drive.interface] += quantity
    return (used["m2"], used["u2"], used["sata"])


def read_mb_s(drive: Drive) -> float:
    """The drive's sequential read rate, or one typical of its interface."""
    return drive.read_mb_s or TYPICAL_READ_MB_S.get((drive.kind, drive.interface), SLOWEST_READ_MB_S)


def read_bytes_s(platform: Platform, ssd: Iterable[tuple[Drive, int]]) -> int:
    """What the SSDs of a machine sustain together: the data is spread over all of them, so the slowest sets the pace of each."""
    rates = [(read_mb_s(drive), quantity) for drive, quantity in ssd]
    if platform.included_ssd_bytes:
        rates.append((INCLUDED_SSD_READ_MB_S, 1))
    return int(min(rate for rate, _ in rates) * sum(quantity for _, quantity in rates) * MB) if rates else 0


def capacity_bytes(items: Iterable[tuple[Drive, int]]) -> int:
    """Capacity of the drives together."""
    return sum(drive.capacity_bytes * quantity for drive, quantity in items)


def fits(bays: Bays, room: Bays) -> bool:
    """Whether so many bays are there."""
    return bays[0] <= room[0] and bays[1] <= room[1] and bays[2] <= room[2]


@dataclass(frozen=True)
class StorageChoices:
    """Every way to give a platform drives. Platforms with equal bays and equal included SSD share one."""

    platform: Platform
    offers: Sequence[Offer[Drive]]

    @cached_property
    def space(self) -> int:
        """How many ways there are to choose SSDs times ways to choose hard disks, dominated or not."""
        return len(self._ssd_all) * len(self._hdd_all)

    def sets(self, ssd_bytes: int, hdd_bytes: int, read_bytes_s: float) -> tuple[StorageSet, ...]:
        """The sets that hold so much hot and cold data, each dearer and faster than the one before, up to the first that reads fast
        enough. Cold data may lie on SSDs, hot data not on disks."""
        found: list[StorageSet] = []
        bound = float("inf")
        for ssd in self._ssd_fills:
            if ssd.cost >= bound:
                break
            disks = self._disks(ssd, ssd_bytes + hdd_bytes) if ssd.capacity_bytes >= ssd_bytes else None
            if disks is not None:
                both = StorageSet(ssd=ssd.items, hdd=disks.items, cost=ssd.cost + disks.cost, read_bytes_s=ssd.read_bytes_s)
                found.append(both)
                bound = min(bound, both.cost if both.read_bytes_s >= read_bytes_s else bound)
        return _rising(sorted(found, key=_cheap_and_fast), read_bytes_s)

    def _disks(self, ssd: DriveFill, total_bytes: int) -> DriveFill | None:
        if ssd.capacity_bytes >= total_bytes:
            return NOTHING
        fills = self._hdd_fills(ssd.bays)
        index = bisect_left(fills, total_bytes - ssd.capacity_bytes, key=lambda fill: fill.capacity_bytes)
        return fills[index] if index < len(fills) else None

    @cached_property
    def _ssd_fills(self) -> tuple[DriveFill, ...]:
        """SSD fills, cheapest first, without those that another beats in price, capacity, speed and the bays left for disks."""
        kept: dict[Bays, list[DriveFill]] = {}
        for fill in sorted(self._ssd_all, key=lambda fill: (fill.cost, -fill.read_bytes_s, -fill.capacity_bytes, names(fill.items))):
            rivals = kept.setdefault((0, *fill.bays[1:]), [])
            if not any(rival.capacity_bytes >= fill.capacity_bytes and rival.read_bytes_s >= fill.read_bytes_s for rival in rivals):
                rivals.append(fill)
        return tuple(sorted((fill for fills in kept.values() for fill in fills), key=lambda fill: (fill.cost, names(fill.items))))

    def _hdd_fills(self, taken: Bays) -> tuple[DriveFill, ...]:
        """Disk fills for the bays that are left, each dearer and larger than the one before."""
        room = free_bays(self.platform)
        left = (0, room[1] - taken[1], room[2] - taken[2])  # no disk goes into an M.2 slot
        if left not in self._hdd_by_room:
            self._hdd_by_room[left] = _larger_and_dearer([fill for fill in self._hdd_all if fits(fill.bays, left)])
        return self._hdd_by_room[left]

    @cached_property
    def _hdd_by_room(self) -> dict[Bays, tuple[DriveFill, ...]]:
        return {}

    @cached_property
    def _ssd_all(self) -> tuple[DriveFill, ...]:
        return self._all("ssd")

    @cached_property
    def _hdd_all(self) -> tuple[DriveFill, ...]:
        return self._all("hdd")

    def _all(self, kind: str) -> tuple[DriveFill, ...]:
        room = dict(zip(INTERFACES, free_bays(self.platform), strict=True))
        offers = [offer for offer in self.offers if offer.part.kind == kind and room[offer.part.interface]]
        included = self.platform.included_ssd_bytes if kind == "ssd" else 0
        chosen = (self._fill(assortment, included) for assortment in ((), *assortments(offers, lambda drive: room[drive.interface])))
        return tuple(fill for fill in chosen if fill)

    def _fill(self, assortment: Assortment[Drive], included_bytes: int) -> DriveFill | None:
        items = tuple((offer.part, quantity) for offer, quantity in assortment)
        cost, bays = cost_of(assortment), bays_used(items)
        if cost is None or not fits(bays, free_bays(self.platform)):
            return None
        held, rate = capacity_bytes(items) + included_bytes, read_bytes_s(self.platform, items)
        return DriveFill(items=items, cost=cost, capacity_bytes=held, read_bytes_s=rate, bays=bays)


def names(items: Items) -> tuple[tuple[str, int], ...]:
    """What orders equal sets: ids and quantities."""
    return tuple((drive.id, quantity) for drive, quantity in items)


def _cheap_and_fast(choice: StorageSet) -> tuple[int, int]:
    return (choice.cost, -choice.read_bytes_s)


def _rising(sets: Sequence[StorageSet], read_bytes_s: float) -> tuple[StorageSet, ...]:
    rising: list[StorageSet] = []
    for choice in sets:
        if rising and rising[-1].read_bytes_s >= read_bytes_s:
            break
        if not rising or choice.read_bytes_s > rising[-1].read_bytes_s:
            rising.append(choice)
    return tuple(rising)


def _larger_and_dearer(fills: Sequence[DriveFill]) -> tuple[DriveFill, ...]:
    rising: list[DriveFill] = []
    for fill in sorted(fills, key=lambda fill: (fill.cost, -fill.capacity_bytes, names(fill.items))):
        if not rising or fill.capacity_bytes > rising[-1].capacity_bytes:
            rising.append(fill)
    return tuple(rising)
