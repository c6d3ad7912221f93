"""The search on the seeded catalogue against an integer programme solved by HiGHS, which shares no search code with it."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from app.catalogue.seed import catalogue_from_seed
from app.hardware import Catalogue, Drive, Gpu, Platform, RamKit
from app.placement import Placement
from app.recommendation.memory import kit_plugs_into
from app.recommendation.recommend import recommend
from app.recommendation.seating import cards_that_fit
from app.recommendation.storage import free_bays
from app.units import GIB
from app.workloads.limits import Limits
from tests.recommendation.support import Job

REQUESTS = 50
MOST = 64  # of one kit or drive; more than any platform takes


@cache
def seeded() -> Catalogue:
    return catalogue_from_seed()


@dataclass
class Programme:
    """Variables with bounds, and rows `low <= sum of coefficient x variable <= high`."""

    uppers: list[float] = field(default_factory=list)
    rows: list[tuple[dict[int, float], float, float]] = field(default_factory=list)

    def variable(self, upper: float = 1) -> int:
        self.uppers.append(upper)
        return len(self.uppers) - 1

    def at_least(self, terms: dict[int, float], low: float) -> None:
        self.rows.append((terms, low, np.inf))

    def exactly_one(self, variables: Iterable[int]) -> None:
        self.rows.append((dict.fromkeys(variables, 1.0), 1, 1))

    def solve(self, cost: dict[int, float]) -> float | None:
        """The least cost; None where nothing satisfies every row."""
        matrix = np.zeros((len(self.rows), len(self.uppers)))
        for number, (terms, _, _) in enumerate(self.rows):
            matrix[number, list(terms)] = list(terms.values())
        weights = np.zeros(len(self.uppers))
        weights[list(cost)] = list(cost.values())
        bounds = LinearConstraint(matrix, [low for _, low, _ in self.rows], [high for _, _, high in self.rows])
        solved = milp(
            weights, constraints=bounds, integrality=np.ones(len(self.uppers)), bounds=Bounds(0, self.uppers), options={"mip_rel_gap": 0}
        )
        return float(solved.fun) if solved.success else None


@dataclass
class Shop:
    """The seeded catalogue in dollars, what can be bought of it, and the choices of one request as variables of a programme."""

    job: Job
    limits: Limits
    programme: Programme = field(default_factory=Programme)
    cost: dict[int, float] = field(default_factory=dict)
    rate: dict[int, float] = field(default_factory=dict)
    headroom: dict[int, float] = field(default_factory=dict)
    ram_need: dict[int, float] = field(default_factory=dict)
    platforms: dict[int, Platform] = field(default_factory=dict)

    def build(self) -> None:
        self.platforms = {self._priced(board): board for board in seeded().platforms.values() if dollars(board)}
        self.programme.exactly_one(self.platforms)
        self.programme.exactly_one(list(self._loads()))
        self._ram()
        self._drives()

    def _priced(self, part: Any, quantity: int = 1, upper: float = 1) -> int:
        variable = self.programme.variable(upper)
        self.cost[variable] = quantity * (dollars(part) or 0)
        return variable

    def _loads(self) -> Iterable[int]:
        systems: dict[int, list[int]] = {at: [] for at, board in self.platforms.items() if board.included_gpu}
        for card in seeded().gpus.values():
            yield from self._on_cards(card)
            for at in [at for at, board in self.platforms.items() if board.included_gpu == card.id]:
                quantity = self.platforms[at].included_gpu_quantity
                if quantity <= self.limits.max_gpus and (load := self._load(card, quantity)) is not None:
                    self.programme.at_least({at: 1, load: -1}, 0)
                    systems[at].append(load)
                    yield load
        for at, loads in systems.items():
            self.programme.at_least({**dict.fromkeys(loads, 1.0), at: -1}, 0)

    def _on_cards(self, card: Gpu) -> Iterable[int]:
        if not dollars(card) or not card.purchasable:
            return
        room = {at: cards_that_fit(board, card) for at, board in self.platforms.items() if not board.included_gpu}
        for quantity in range(1, min(self.limits.max_gpus, max(room.values())) + 1):
            if (load := self._load(card, quantity)) is not None:
                self.cost[load] = quantity * (dollars(card) or 0)
                self.programme.at_least({load: -1, **{at: 1.0 for at, most in room.items() if most >= quantity}}, 0)
                yield load

    def _load(self, card: Gpu, quantity: int) -> int | None:
        placed = self.job.place(card, quantity)
        if not isinstance(placed, Placement) or placed.gpu_bytes > card.visible_bytes:
            return None
        load = self.programme.variable()
        self.rate[load] = placed.speed.rate
        self.headroom[load] = 1 - placed.gpu_bytes / card.visible_bytes
        self.ram_need[load] = (placed.host_bytes + (placed.gpu_bytes if card.unified_memory else 0)) / GIB
        return load

    def _ram(self) -> None:
        """One model of kit, which replaces what the platform came with."""
        counts = {self._priced(kit, upper=MOST): kit for kit in seeded().ram.values() if dollars(kit)}
        chosen = {count: self._one_of(count, [at for at, board in self.platforms.items() if kit_plugs_into(kit, board)])
                  for count, kit in counts.items()}  # fmt: skip
        kept = {at: self.programme.variable() for at in self.platforms}
        for at, keep in kept.items():
            self.programme.at_least({at: 1, keep: -1}, 0)
            self.programme.at_least({keep: -1, **dict.fromkeys(chosen.values(), -1.0)}, -1)
        self.programme.at_least(dict.fromkeys(chosen.values(), -1.0), -1)
        for count, kit in counts.items():
            if kit.modules % 2:
                self._one_or_even(count)
        self._covered({count: -kit.modules for count, kit in counts.items()}, lambda board: board.dimm_slots)
        self._covered({count: -kit.total_gb for count, kit in counts.items()}, lambda board: board.max_memory_gb)
        have = {count: float(kit.total_gb) for count, kit in counts.items()}
        included = {keep: float(self.platforms[at].included_ram_gb) for at, keep in kept.items()}
        self.programme.at_least({**have, **included, **{load: -need for load, need in self.ram_need.items()}}, 0)

    def _one_or_even(self, count: int) -> None:
        """Single modules go in alone or in pairs: count = alone + 2 x pairs, and no pairs beside one that is alone."""
        alone, pairs = self.programme.variable(), self.programme.variable(MOST / 2)
        self.programme.rows.append(({count: 1.0, alone: -1.0, pairs: -2.0}, 0, 0))
        self.programme.at_least({pairs: -1.0, alone: -MOST / 2}, -MOST / 2)

    def _drives(self) -> None:
        """One model of SSD and one of hard disk."""
        drives = {self._priced(one, upper=MOST): one for one in seeded().drives.values() if dollars(one)}
        kinds: dict[str, dict[int, Drive]] = {kind: {at: one for at, one in drives.items() if one.kind == kind} for kind in ("ssd", "hdd")}
        for of_kind in kinds.values():
            chosen = [self._one_of(count, list(self.platforms)) for count in of_kind]
            self.programme.at_least(dict.fromkeys(chosen, -1.0), -1)
        for position, interface in enumerate(("m2", "u2", "sata")):
            self._covered(
                {count: -1 for count, one in drives.items() if one.interface == interface},
                lambda board, position=position: free_bays(board)[position],
            )
        included = {at: float(board.included_ssd_bytes) / 1e9 for at, board in self.platforms.items()}
        ssd = {count: one.capacity_bytes / 1e9 for count, one in kinds["ssd"].items()}
        hdd = {count: one.capacity_bytes / 1e9 for count, one in kinds["hdd"].items()}
        self.programme.at_least({**ssd, **included}, self.job.ssd_bytes / 1e9)
        self.programme.at_least({**ssd, **hdd, **included}, (self.job.ssd_bytes + self.job.hdd_bytes) / 1e9)

    def _one_of(self, count: int, places: list[int]) -> int:
        """A choice that allows the count, and is allowed by any of the places."""
        chosen = self.programme.variable()
        self.programme.at_least({chosen: MOST, count: -1}, 0)
        self.programme.at_least({chosen: -1, **dict.fromkeys(places, 1.0)}, 0)
        return chosen

    def _covered(self, taken: dict[int, float], room: Callable[[Platform], int]) -> None:
        self.programme.at_least({**taken, **{at: float(room(board)) for at, board in self.platforms.items()}}, 0)


def dollars(part: Gpu | RamKit | Drive | Platform) -> float | None:
    rates = seeded().rates
    return min((rates.convert(one.money, "USD").minor / 100 for one in part.prices), default=None) if part.active else None


def request(seed: int) -> tuple[Job, Limits]:
    rng = random.Random(seed)
    job = Job(
        memory_bytes=rng.randint(2, 150) * GIB, host_bytes=rng.choice([6, 14, 40, 100]) * GIB,
        ssd_bytes=rng.choice([100, 900, 3000]) * 10**9, hdd_bytes=rng.choice([0, 0, 2000, 30_000]) * 10**9,
    )  # fmt: skip
    return job, Limits.model_validate({"max_gpus": rng.choice([1, 2, 4, 8]), "currency": "USD"})


@pytest.mark.parametrize("seed", range(REQUESTS))
def test_the_best_by_price_speed_and_headroom_are_those_of_the_solver(seed: int) -> None:
    job, limits = request(seed)
    shop = Shop(job, limits)
    shop.build()
    least = shop.programme.solve(shop.cost)
    if least is None:
        assert not recommend(job, limits, seeded()).frontier
        return
    budget = round(least * random.Random(seed).choice([1.2, 2, 5]))
    within = Limits.model_validate({**limits.model_dump(), "budget": {"amount": budget, "currency": "USD"}})
    picked = {pick.role: pick.machine for pick in recommend(job, within, seeded()).picks}
    assert picked["cheapest"].total.minor / 100 == pytest.approx(least, abs=0.01)
    shop.programme.at_least({variable: -cost for variable, cost in shop.cost.items()}, -budget)
    fastest = shop.programme.solve({load: -rate for load, rate in shop.rate.items()})
    roomiest = shop.programme.solve({load: -free for load, free in shop.headroom.items()})
    assert fastest is not None
    assert roomiest is not None
    assert picked["fastest"].speed == pytest.approx(-fastest)
    assert picked["headroom"].headroom == pytest.approx(-roomiest)
