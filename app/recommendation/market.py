"""The catalogue seen through one request's currency, condition and owned parts: what can be had, where, and for how much."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from app.errors import FieldError, InvalidInput
from app.hardware import Catalogue, Drive, Gpu, Platform, RamKit
from app.placement import Finding
from app.recommendation.memory import MemoryChoices
from app.recommendation.offers import Accepted, Offer, offers_of
from app.recommendation.seating import Seat, cards_that_fit, seat_blocker, seat_findings
from app.recommendation.storage import StorageChoices, free_bays
from app.workloads.limits import Limits

MARKETS_KEPT = 16  # a few currencies and conditions of the current revision, and some sets of owned parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A platform that can be had, with its price and what can be plugged into it."""

    index: int
    offer: Offer[Platform]
    cost: int
    memory: MemoryChoices
    storage: StorageChoices

    @property
    def platform(self) -> Platform:
        """The platform itself."""
        return self.offer.part

    @property
    def space(self) -> int:
        """How many ways there are to give it RAM, SSDs and hard disks."""
        return self.memory.space * self.storage.space


class Market:
    """Offers of every kind, each in the order of its id, so that nothing depends on the order of the catalogue."""

    def __init__(self, catalogue: Catalogue, currency: str, accepted: Accepted, owned: Mapping[str, int], *, ecc: bool = False) -> None:
        """`ecc`: only platforms and modules whose memory corrects errors."""
        self.catalogue = catalogue
        self.currency, self.accepted, self.owned, self.ecc = currency, accepted, owned, ecc
        kits = [kit for kit in catalogue.ram.values() if kit.ecc or not ecc]
        boards = [board for board in catalogue.platforms.values() if board.ecc or not ecc]
        self.gpus: tuple[Offer[Gpu], ...] = offers_of(catalogue.gpus.values(), currency, accepted, catalogue.rates, owned)
        self.ram: tuple[Offer[RamKit], ...] = offers_of(kits, currency, accepted, catalogue.rates, owned)
        self.drives: tuple[Offer[Drive], ...] = offers_of(catalogue.drives.values(), currency, accepted, catalogue.rates, owned)
        self.platforms: tuple[Offer[Platform], ...] = offers_of(boards, currency, accepted, catalogue.rates, owned)
        self._rooms: dict[Hashable, tuple[int, ...]] = {}
        self._seatings: dict[Hashable, int] = {}
        self._seating_numbers: dict[tuple[int, ...], int] = {}
        self._seat_findings: dict[tuple[str, str, int], tuple[Finding, ...]] = {}
        self._most: dict[Hashable, int] = {}
        self._spaces: dict[Hashable, int] = {}

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """Every platform that can be had. Equal sockets and bays share their choices."""
        memory: dict[Hashable, MemoryChoices] = {}
        storage: dict[Hashable, StorageChoices] = {}
        return tuple(
            Site(
                index=index, offer=offer, cost=cost,
                memory=memory.setdefault(_sockets(offer.part), MemoryChoices(offer.part, self.ram)),
                storage=storage.setdefault(_bays(offer.part), StorageChoices(offer.part, self.drives)),
            )
            for index, offer in enumerate(self.platforms)
            if (cost := offer.cost(1)) is not None
        )  # fmt: skip

    @cached_property
    def boards(self) -> tuple[Site, ...]:
        """Platforms into which cards are put."""
        return tuple(site for site in self.sites if not site.platform.included_gpu)

    @cached_property
    def systems(self) -> tuple[tuple[Site, Gpu], ...]:
        """Platforms that come with their GPUs."""
        gpus = self.catalogue.gpus
        return tuple((site, gpus[site.platform.included_gpu]) for site in self.sites if site.platform.included_gpu in gpus)

    @cached_property
    def without_cards(self) -> tuple[Site, ...]:
        """Platforms for work on the processor alone."""
        return tuple(site for site in self.sites if not seat_blocker(Seat(site.platform, None, 0)))

    @cached_property
    def offers(self) -> Mapping[str, Offer[Any]]:
        """Every offer by the id of its part."""
        return {offer.part.id: offer for offers in (self.gpus, self.ram, self.drives, self.platforms) for offer in offers}

    def seat_findings(self, seat: Seat) -> tuple[Finding, ...]:
        """What the seat rules say; asked again and again by the machines of every request."""
        key = (seat.platform.id, seat.gpu.id if seat.gpu else "", seat.quantity)
        if key not in self._seat_findings:
            self._seat_findings[key] = seat_findings(seat)
        return self._seat_findings[key]

    def room(self, gpu: Gpu) -> Sequence[int]:
        """How many of this card each platform takes, by the index of its site."""
        key = shape(gpu)
        if key not in self._rooms:
            self._rooms[key] = tuple(0 if offer.part.included_gpu else cards_that_fit(offer.part, gpu) for offer in self.platforms)
        return self._rooms[key]

    def seating(self, gpu: Gpu, quantity: int) -> int:
        """A number for the platforms that take so many of this card: the same where they are the same."""
        key = (shape(gpu), quantity)
        if key not in self._seatings:
            takers = tuple(index for index, room in enumerate(self.room(gpu)) if room >= quantity)
            self._seatings[key] = self._seating_numbers.setdefault(takers, len(self._seating_numbers))
        return self._seatings[key]

    def most(self, gpu: Gpu) -> int:
        """The most of this card that any platform takes."""
        key = shape(gpu)
        if key not in self._most:
            self._most[key] = max(self.room(gpu), default=0)
        return self._most[key]

    def space(self, gpu: Gpu, most: int) -> int:
        """How many combinations there are with 1 to `most` of this card."""
        key = (shape(gpu), most)
        if key not in self._spaces:
            room = self.room(gpu)
            self._spaces[key] = sum(site.space * min(most, room[site.index]) for site in self.boards)
        return self._spaces[key]


def shape(gpu: Gpu) -> Hashable:
    """What decides where a card goes."""
    return (gpu.form_factor, gpu.slots, gpu.power_w, gpu.pcie_lanes, gpu.segment)


def _sockets(platform: Platform) -> Hashable:
    slots = (platform.memory_type, platform.memory_form, platform.memory_channels, platform.dimm_slots)
    return (*slots, platform.max_memory_gb, platform.included_ram_gb)


def _bays(platform: Platform) -> Hashable:
    return (free_bays(platform), platform.included_ssd_bytes)


def market_for(limits: Limits, catalogue: Catalogue) -> Market:
    """The market of a request. Raises InvalidInput where its currency has no exchange rate."""
    if limits.answer_currency not in catalogue.rates.currencies:
        path = "limits.budget.currency" if limits.budget else "limits.currency"
        known = ", ".join(catalogue.rates.currencies)
        raise InvalidInput([FieldError(path=path, message=f"there is no exchange rate for {limits.answer_currency}; use one of {known}")])
    owned: dict[str, int] = {}
    for row in limits.owned:
        owned[row.part] = owned.get(row.part, 0) + row.quantity
    return _market(catalogue, limits.answer_currency, limits.condition, tuple(sorted(owned.items())), limits.ecc)


@lru_cache(maxsize=MARKETS_KEPT)
def _market(catalogue: Catalogue, currency: str, accepted: Accepted, owned: tuple[tuple[str, int], ...], ecc: bool) -> Market:
    return Market(catalogue, currency, accepted, dict(owned), ecc=ecc)
