"""Small catalogues, a job that answers by arithmetic, and brute force over every combination of parts."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from app.hardware import Catalogue, Condition, Drive, Gpu, Platform, Price, RamKit
from app.money import ExchangeRates, Money
from app.placement import Placement, RamTraffic, Sharding, Speed, Unplaceable
from app.recommendation.bill import fed_at, with_ram
from app.recommendation.constraints import LIMIT_RULES, MACHINE_RULES, Trial
from app.recommendation.machine import Machine, PriceLine
from app.recommendation.memory import ram_bandwidth_gb_s
from app.recommendation.power import machine_power_w
from app.recommendation.seating import BLOCKING, Seat
from app.recommendation.storage import free_bays, read_bytes_s
from app.units import GB, GIB, TB
from app.workloads.limits import Limits

FORBIDDING = [rule for rule in (*MACHINE_RULES, *LIMIT_RULES) if rule.severity == "blocker" and rule.code != "budget"]
DAY = date(2026, 11, 1)
RATES = ExchangeRates(as_of=DAY, per_euro={"USD": Decimal("1.12"), "GBP": Decimal("0.86"), "JPY": Decimal("172.5")}, source="test")


def price(amount: int | str, currency: str = "USD", condition: Condition = "new", kind: str = "retail") -> Price:
    return Price(money=Money.of(amount, currency), condition=condition, kind=kind, observed_on=DAY, source="a shop")


def gpu(name: str = "card", amount: int | None = 500, **facts: Any) -> Gpu:
    memory_gb = facts.pop("memory_gb", 24)
    given = {
        "vendor": "nvidia", "memory_gb": memory_gb, "visible_bytes": memory_gb * GIB, "bandwidth_gb_s": 900.0, "power_w": 200,
        "prices": (price(amount),) if amount is not None else (),
    }  # fmt: skip
    return Gpu(id=name, name=name.title(), **{**given, **facts})


def kit(name: str = "kit", amount: int | None = 80, **facts: Any) -> RamKit:
    given = {
        "memory_type": "DDR5", "form": "UDIMM", "modules": 2, "module_gb": 16, "speed_mt_s": 5600,
        "prices": (price(amount),) if amount is not None else (),
    }  # fmt: skip
    return RamKit(id=name, name=name.title(), **{**given, **facts})


def drive(name: str = "ssd", amount: int | None = 90, **facts: Any) -> Drive:
    given = {
        "kind": "ssd", "capacity_bytes": TB, "interface": "m2", "read_mb_s": 5000.0,
        "prices": (price(amount),) if amount is not None else (),
    }  # fmt: skip
    return Drive(id=name, name=name.title(), **{**given, **facts})


def platform(name: str = "board", amount: int | None = 700, **facts: Any) -> Platform:
    given = {
        "platform_class": "desktop", "memory_type": "DDR5", "memory_form": "UDIMM", "memory_channels": 2, "dimm_slots": 4,
        "max_memory_gb": 192, "pcie_gen": 5, "pcie_lanes": 24, "gpu_slots": 2, "m2_slots": 2, "sata_bays": 4, "psu_w": 1200,
        "cpu_cores": 16, "prices": (price(amount),) if amount is not None else (),
    }  # fmt: skip
    return Platform(id=name, name=name.title(), **{**given, **facts})


def catalogue(*parts: Any, revision: int = 1) -> Catalogue:
    def of(kind: type) -> dict[str, Any]:
        return {part.id: part for part in parts if isinstance(part, kind)}

    return Catalogue(revision=revision, rates=RATES, gpus=of(Gpu), ram=of(RamKit), drives=of(Drive), platforms=of(Platform))


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job whose memory divides over GPUs and whose speed follows bandwidth: enough to tell machines apart."""

    needs_gpu: bool = True
    memory_bytes: int = 20 * GIB
    fixed_bytes: int = 1 * GIB
    host_bytes: int = 16 * GIB
    host_bytes_per_gpu: int = 2 * GIB
    ssd_bytes: int = 300 * GB
    hdd_bytes: int = 0
    read_per_second_of_speed: float = 0.0
    rate_per_bandwidth: float = 0.1
    most_gpus: int = 64
    share_on_host: float = 0.0  # of a decoding step, with RAM of 50 GB/s

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        if (gpu is None) == self.needs_gpu:
            return Unplaceable(reason="the job runs on a GPU" if self.needs_gpu else "the job runs on the processor")
        if quantity > self.most_gpus:
            return Unplaceable(reason="the model cannot be split over so many GPUs")
        rate = self.rate_per_bandwidth * (gpu.bandwidth_gb_s * quantity**0.8 if gpu else 50.0)
        need = self.fixed_bytes + self.memory_bytes // max(1, quantity)
        return Placement(
            sharding=Sharding(gpus=max(1, quantity)), gpu_bytes=need if gpu else 0, gpu_bytes_high=int(need * 1.1) if gpu else 0,
            host_bytes=self.host_bytes + quantity * self.host_bytes_per_gpu,
            read_bytes_per_second=int(rate * self.read_per_second_of_speed), speed=self._speed(rate),
            ram_traffic=self._ram_traffic(rate) if gpu else None,
        )  # fmt: skip

    def _speed(self, rate: float) -> Speed:
        return Speed(decode_tokens_per_second=rate) if self.share_on_host else Speed(samples_or_tokens_per_second=rate)

    def _ram_traffic(self, rate: float) -> RamTraffic | None:
        if not self.share_on_host or not rate:
            return None
        on_host = self.share_on_host / rate
        return RamTraffic(
            reading_s=on_host, computing_s=on_host / 3, rest_s=1 / rate - on_host, reference_gb_s=50.0, rest_bottleneck="compute"
        )


def random_catalogue(rng: random.Random) -> Catalogue:
    """A few parts of each kind with close prices, so that ties and near ties happen; some not for sale, some second-hand."""
    makers: list[Any] = []
    makers += [_random_gpu(rng, f"gpu-{index}") for index in range(rng.randint(2, 4))]
    makers += [_random_kit(rng, f"kit-{index}") for index in range(rng.randint(1, 3))]
    makers += [_random_ssd(rng, f"ssd-{index}") for index in range(rng.randint(1, 3))]
    makers += [_random_hdd(rng, f"hdd-{index}") for index in range(rng.randint(0, 2))]
    makers += [_random_board(rng, f"board-{index}") for index in range(rng.randint(2, 4))]
    if rng.random() < 0.4:
        makers += _random_system(rng)
    rng.shuffle(makers)
    return catalogue(*makers, revision=rng.randrange(10**9))


def _prices(rng: random.Random, low: int, high: int) -> tuple[Price, ...]:
    def observed(condition: Condition) -> Price:
        return price(rng.randint(low, high) * 10, rng.choice(["USD", "EUR", "GBP"]), condition, rng.choice(["retail"] * 9 + ["contract"]))

    conditions: list[Condition] = ["new", "used", "refurbished"]
    return tuple(observed(condition) for condition in conditions if rng.random() < (0.95 if condition == "new" else 0.25))


def _random_gpu(rng: random.Random, name: str) -> Gpu:
    return gpu(
        name, memory_gb=rng.choice([8, 12, 16, 24, 48]), bandwidth_gb_s=rng.choice([300.0, 450.0, 900.0]),
        power_w=rng.choice([75, 200, 350, 575]),
        slots=rng.choice([1, 2, 3, 3.5]), pcie_lanes=rng.choice([None, 8, 16]), vendor=rng.choice(["nvidia", "amd"]),
        segment=rng.choice(["consumer", "datacenter"]), form_factor=rng.choice(["pcie"] * 5 + ["sxm"]), prices=_prices(rng, 20, 120),
        purchasable=rng.random() < 0.9,
    )  # fmt: skip


def _random_kit(rng: random.Random, name: str) -> RamKit:
    return kit(name, memory_type=rng.choice(["DDR4"] + ["DDR5"] * 4), modules=rng.choice([1, 2]),
               module_gb=rng.choice([8, 16, 32]), ecc=rng.random() < 0.5,
               speed_mt_s=rng.choice([4800, 5600, 6400]),
               prices=_prices(rng, 4, 30))  # fmt: skip


def _random_ssd(rng: random.Random, name: str) -> Drive:
    return drive(name, capacity_bytes=rng.choice([250, 500, 1000, 2000]) * GB, interface=rng.choice(["m2", "m2", "sata", "u2"]),
                 read_mb_s=rng.choice([None, 500.0, 3500.0, 7000.0]), prices=_prices(rng, 4, 25))  # fmt: skip


def _random_hdd(rng: random.Random, name: str) -> Drive:
    return drive(name, kind="hdd", capacity_bytes=rng.choice([1, 2, 4]) * TB, interface="sata", read_mb_s=None, prices=_prices(rng, 4, 20))


def _random_board(rng: random.Random, name: str) -> Platform:
    return platform(
        name, platform_class=rng.choice(["desktop", "desktop", "workstation", "server"]), memory_type=rng.choice(["DDR4"] + ["DDR5"] * 4),
        dimm_slots=rng.choice([1, 2, 4, 4]), max_memory_gb=rng.choice([32, 64, 128]), gpu_slots=rng.choice([0, 1, 2, 2, 3]),
        pcie_lanes=rng.choice([0, 4, 24, 24, 48]), psu_w=rng.choice([450, 850, 1200, 1600, 2000]), m2_slots=rng.choice([0, 1, 2, 2]),
        sata_bays=rng.choice([0, 1, 3]), u2_bays=rng.choice([0, 0, 1]), included_ram_gb=rng.choice([0, 0, 0, 16]),
        included_ssd_bytes=rng.choice([0, 0, 0, 512 * GB]), ecc=rng.random() < 0.5, prices=_prices(rng, 30, 80),
    )  # fmt: skip


def _random_system(rng: random.Random) -> list[Any]:
    memory_gb = rng.choice([32, 64, 128])
    chip = gpu("chip", None, memory_gb=memory_gb, visible_bytes=memory_gb * 3 * GIB // 4, form_factor="system", segment="unified",
               bandwidth_gb_s=rng.choice([250.0, 600.0]), vendor=rng.choice(["apple", "nvidia"]))  # fmt: skip
    box = platform("box", platform_class="mini", memory_type="LPDDR5X", memory_form="", dimm_slots=0, max_memory_gb=memory_gb,
                   gpu_slots=0, m2_slots=rng.choice([0, 1]), sata_bays=0, included_gpu="chip", included_gpu_quantity=1,
                   included_ram_gb=memory_gb, included_ssd_bytes=rng.choice([0, 512, 2000]) * GB, prices=_prices(rng, 80, 250))  # fmt: skip
    return [chip, box]


def random_job(rng: random.Random) -> Job:
    return Job(
        needs_gpu=rng.random() < 0.8, memory_bytes=rng.choice([4, 10, 15, 23, 40]) * GIB, host_bytes=rng.choice([4, 8, 14, 16, 30]) * GIB,
        host_bytes_per_gpu=rng.choice([0, 2, 8]) * GIB, ssd_bytes=rng.choice([100, 400, 900]) * GB,
        hdd_bytes=rng.choice([0, 0, 0, 500, 3000]) * GB, read_per_second_of_speed=rng.choice([0.0, 0.0, 1e6, 2e7, 1e8]),
        rate_per_bandwidth=rng.choice([0.0, 0.1, 0.1]), most_gpus=rng.choice([1, 2, 64]), share_on_host=rng.choice([0, 0, 0, 0.5, 0.9]),
    )  # fmt: skip


def random_limits(rng: random.Random, parts: Catalogue) -> Limits:
    document: dict[str, Any] = {
        "condition": rng.choice(["new", "new", "used", "any", "any"]), "max_gpus": rng.choice([0, 1, 2, 8, 8]),
        "currency": rng.choice(["USD", "GBP", "JPY"]),
        "objective": rng.choice(["cheapest", "fastest", "value", "headroom"]),
    }  # fmt: skip
    if rng.random() < 0.6:
        document["budget"] = {"amount": str(rng.randint(80, 500) * 10), "currency": rng.choice(["USD", "EUR"])}
    if rng.random() < 0.2:
        document["vendors"] = [rng.choice(["nvidia", "amd", "apple"])]
    if rng.random() < 0.1:
        document["form_factors"] = [rng.choice(["pcie", "system"])]
    if rng.random() < 0.15:
        document["ecc"] = True
    if rng.random() < 0.2:
        document["max_watts"] = rng.choice([300, 600, 900])
    if rng.random() < 0.5:
        chosen = rng.sample(sorted(parts.parts), k=min(len(parts.parts), rng.randint(1, 3)))
        document["owned"] = [{"part": name, "quantity": rng.randint(1, 2)} for name in chosen]
    return Limits.model_validate(document)


# -- brute force: every combination, each judged by the rules alone -----------------------------------------------------------------


def unit_price(part: Any, limits: Limits) -> tuple[int, Price] | None:
    """The cheapest accepted price, said a second time and plainly."""
    if not part.active or (isinstance(part, Gpu) and not part.purchasable):
        return None
    offers = [one for one in part.prices if one.kind != "contract"]
    second_hand = [one for one in offers if one.condition != "new"]
    new = [one for one in offers if one.condition == "new"]
    holds_gpu = isinstance(part, Gpu) or bool(getattr(part, "included_gpu", ""))
    by_condition = {"any": offers, "new": new, "used": second_hand or ([] if holds_gpu else new)}
    rows = [(RATES.convert(one.money, limits.answer_currency).minor, one) for one in by_condition[limits.condition]]
    return min(rows, key=lambda row: row[0]) if rows else None


def owned_quantity(part: Any, limits: Limits) -> int:
    return sum(row.quantity for row in limits.owned if row.part == part.id)


def bill_of(items: list[tuple[Any, int]], limits: Limits) -> tuple[PriceLine, ...] | None:
    lines = []
    for part, quantity in items:
        bought = max(0, quantity - owned_quantity(part, limits))
        priced = unit_price(part, limits)
        if bought and priced is None:
            return None
        if bought and priced:
            unit = Money(priced[0], limits.answer_currency)
            lines.append(
                PriceLine(part=part, quantity=bought, unit_price=unit, condition=priced[1].condition, observed_on=DAY, source="a shop")
            )
    return tuple(lines)


def mixtures(parts: list[Any], limits: Limits, most: int) -> list[tuple[tuple[Any, int], ...]]:
    """Nothing, 1 to `most` of one part, and the same beside 1 to all of another part that is owned."""
    found: set[frozenset[tuple[str, int]]] = {frozenset()}
    by_id = {part.id: part for part in parts}
    for part, quantity in itertools.product(parts, range(1, most + 1)):
        found.add(frozenset({(part.id, quantity)}))
        for kept in parts:
            for kept_quantity in range(1, owned_quantity(kept, limits) + 1):
                if kept.id != part.id:
                    found.add(frozenset({(part.id, quantity), (kept.id, kept_quantity)}))
    return [tuple((by_id[name], quantity) for name, quantity in sorted(one)) for one in found]


def gpu_choices(board: Platform, parts: Catalogue, limits: Limits, demand: Job) -> Iterator[tuple[Gpu | None, int, Placement]]:
    alone = demand.place(None, 0)
    if isinstance(alone, Placement):
        yield None, 0, alone
    if board.included_gpu:
        counts = [(parts.gpus[board.included_gpu], board.included_gpu_quantity)]
    else:
        counts = [(one, quantity) for one in parts.gpus.values() for quantity in range(1, limits.max_gpus + 1)]
    for one, quantity in counts:
        placed = demand.place(one, quantity)
        if isinstance(placed, Placement):
            yield one, quantity, placed


def every_machine(demand: Job, limits: Limits, parts: Catalogue) -> Iterator[Machine]:
    """Every combination that can be bought, whether or not it keeps the rules."""
    ssds = [one for one in parts.drives.values() if one.kind == "ssd"]
    hdds = [one for one in parts.drives.values() if one.kind == "hdd"]
    for board in parts.platforms.values():
        room = free_bays(board)
        ram_fills = mixtures(list(parts.ram.values()), limits, board.dimm_slots)
        storage_fills = list(itertools.product(mixtures(ssds, limits, sum(room)), mixtures(hdds, limits, room[2])))
        for (card, quantity, placed), ram in itertools.product(gpu_choices(board, parts, limits, demand), ram_fills):
            bought_cards = [(card, quantity)] if card and not board.included_gpu else []
            base = bill_of([(board, 1), *bought_cards, *ram], limits)
            if base is None:
                continue
            for ssd, hdd in storage_fills:
                lines = bill_of([*ssd, *hdd], limits)
                if lines is not None:
                    yield machine_of(board, (card, quantity), placed, (ram, ssd, hdd), (*base, *lines), limits)


def machine_of(
    board: Platform,
    cards: tuple[Gpu | None, int],
    placed: Placement,
    fills: tuple[Any, Any, Any],
    lines: tuple[PriceLine, ...],
    limits: Limits,
) -> Machine:
    ram, ssd, hdd = fills
    read, need = read_bytes_s(board, ssd), placed.read_bytes_per_second
    fed = 1.0 if read >= need else read / need
    total = sum((line.total for line in lines), Money(0, limits.answer_currency))
    return Machine(
        platform=board, gpu=cards[0], gpu_quantity=cards[1], ram=ram, ssd=ssd, hdd=hdd, lines=lines, total=total,
        placement=with_ram(fed_at(placed, fed) if fed else placed, ram_bandwidth_gb_s(board, ram)), power_w=machine_power_w(board, *cards),
    )  # fmt: skip


def possible(machine: Machine, demand: Job, limits: Limits) -> bool:
    """Whether no rule, the budget aside, forbids the machine."""
    seat = Seat(machine.platform, machine.gpu, machine.gpu_quantity)
    trial = Trial(machine, demand, limits)
    return not any(rule.broken(trial) for rule in FORBIDDING) and not any(rule.broken(seat) for rule in BLOCKING)
