"""A machine as a card, a row and a point: its parts with their prices, its speed, its findings."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from app.catalogue.coverage import NOT_CURRENT_DAYS, STALE_DAYS
from app.money import Money
from app.units import GIB, format_decimal
from app.web.contexts.findings import FindingView, finding_views
from app.web.contexts.values import MEAN, Document, money_of, rate, whole
from app.web.formats import duration

HOUR_SECONDS = 3600
WHOLE_KWH = 100  # from here on no decimals
TIGHT_SHARE = 0.92  # of a GPU's memory, above which little can change


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """One line of the bill."""

    part_id: str
    name: str
    detail: str
    condition: str
    observed_on: str
    source: str
    price: str
    age: str  # "", "stale" or "not current"
    age_days: int | None
    seen_as: str  # the price before it was converted, empty where it was not


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRow:
    """One machine as a row of a table or a point of a chart."""

    id: str
    title: str
    total: Money
    total_text: str
    speed_text: str
    speed: float
    free: float | None  # share of the GPU's memory, or of the RAM where there is no GPU; None in answers of before it was told
    watts: int
    lines: tuple[LineView, ...]

    @property
    def not_current(self) -> int:
        """How many prices on the bill are too old to be called current."""
        return sum(line.age == "not current" for line in self.lines)

    @property
    def stale(self) -> int:
        """How many prices on the bill may have moved since."""
        return sum(line.age == "stale" for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineView(MachineRow):
    """One machine with its bill and all that is to be said about it."""

    parts: str  # the title with RAM and drives: "RTX 5090 32 GB, 48 GB RAM, 1 TB + 4 TB"
    utilisation: float | None  # share of the fullest GPU
    utilisation_tone: str
    speed_note: str  # what the speed rests on, how far off it may be, and what limits it
    chips: tuple[str, ...]
    findings: tuple[FindingView, ...]
    gpu_memory_gb: int | None


def machine_row(machine: Document, unit: str) -> MachineRow:
    """A machine document in short; `unit` is what its speed counts ("tok", "img", "row")."""
    total = money_of(machine["price"]["total"])
    speed, text = speed_of(machine["speed"], unit)
    return MachineRow(
        id=machine["id"], title=machine_title(machine), total=total, total_text=whole(total), speed_text=text, speed=speed,
        free=machine.get("headroom"), watts=machine["power_watts"], lines=tuple(_line(line, machine) for line in _in_order(machine)),
    )  # fmt: skip


def machine_view(machine: Document, unit: str) -> MachineView:
    """The whole of it."""
    row, gpus = machine_row(machine, unit), machine.get("gpus")
    used = machine["gpu_memory_utilisation"] if gpus else None
    return MachineView(
        id=row.id,
        title=row.title,
        total=row.total,
        total_text=row.total_text,
        speed=row.speed,
        speed_text=row.speed_text,
        parts=", ".join(filter(None, (row.title, *_memory_and_drives(machine)))),
        lines=row.lines,
        utilisation=used,
        utilisation_tone="" if used is None or used <= TIGHT_SHARE else "tight" if used <= 1 else "over",
        speed_note=_speed_note(machine["speed"], unit),
        chips=tuple(_chips(machine, row.speed_text)),
        free=row.free,
        watts=row.watts,
        findings=finding_views(machine["findings"]),
        gpu_memory_gb=gpus["part"].get("memory_gb") if gpus else None,
    )


def machine_title(machine: Document) -> str:
    """What a machine is called: its GPUs, or its platform where it has none."""
    gpus = machine.get("gpus")
    if not gpus:
        return f"{machine['platform']['name']}, {_ram_gb(machine)} GB"
    return quantified(gpus["quantity"], gpu_name(gpus["part"]))


def _memory_and_drives(machine: Document) -> tuple[str, str]:
    drives = [capacity(drive) for drive in (*machine["ssd"], *machine["hdd"])]
    return f"{_ram_gb(machine)} GB RAM" if machine.get("gpus") else "", " + ".join(drives)


def _ram_gb(machine: Document) -> int:
    return int(machine["ram_bytes"]) // GIB


def capacity(drive: Document) -> str:
    """The size of a drive as sold, with its count: "2 x 4 TB"."""
    size = re.sub(r"\.0+ ", " ", format_decimal(drive["part"]["capacity_bytes"]))
    return quantified(drive["quantity"], size)


def gpu_name(part: Document) -> str:
    """A GPU's name with its memory, where the name does not tell it."""
    name, memory = str(part["name"]), part.get("memory_gb")
    return name if not memory or f"{memory}GB" in name.replace(" ", "") else f"{name} {memory} GB"


def quantified(quantity: int, name: str) -> str:
    """A part with its count: "2 x RTX 3090"."""
    return name if quantity == 1 else f"{quantity} \u00d7 {name}"


def age_of(age_days: int | None) -> str:
    """How far a price of that age can be trusted: "", "stale" or "not current"."""
    if age_days is None or age_days <= STALE_DAYS:
        return ""
    return "stale" if age_days <= NOT_CURRENT_DAYS else "not current"


def price_span(machines: Iterable[MachineView]) -> tuple[date, date] | None:
    """The oldest and the newest day among the prices of these machines."""
    days = [date.fromisoformat(line.observed_on) for machine in machines for line in machine.lines if line.observed_on]
    return (min(days), max(days)) if days else None


def _in_order(machine: Document) -> list[Document]:
    """The bill as people read it: GPUs first, the platform last."""
    lines = list(machine["price"]["lines"])
    gpu = machine["gpus"]["part"]["id"] if machine.get("gpus") else ""
    ranks = {gpu: 0, machine["platform"]["id"]: 2}
    return sorted(lines, key=lambda line: ranks.get(line["part"]["id"], 1))


def _line(line: Document, machine: Document) -> LineView:
    part, age_days = line["part"], line.get("age_days")
    gpus = machine.get("gpus")
    named = gpu_name(gpus["part"]) if gpus is not None and gpus["part"]["id"] == part["id"] else part["name"]
    owned = line.get("owned", False)
    price = money_of(line["unit_price"]) * line["quantity"]
    return LineView(
        part_id=part["id"],
        name=quantified(line["quantity"], named),
        detail="yours already" if owned else line["condition"],
        condition=line["condition"],
        observed_on=line.get("observed_on") or "",
        source=line["source"],
        price=whole(price),
        age="" if owned else age_of(age_days),
        age_days=age_days,
        seen_as=str(money_of(line["seen_as"])) if line.get("seen_as") else "",
    )


_RATES = (
    ("samples_or_tokens_per_second", ""),
    ("decode_tokens_per_second", ""),
    ("prompt_tokens_per_second", " prompt"),
)


def speed_of(speed: Document, unit: str) -> tuple[float, str]:
    """The rate that ranks machines, and how it reads; 0 and nothing where none is known."""
    for key, what in _RATES:
        if value := speed.get(key):
            return value, f"{rate(value, unit)}{what}{_mark(speed)}"
    return 0.0, ""


def _mark(speed: Document) -> str:
    """What sets speeds apart that no measurement of the card or of its class stands behind."""
    return " modelled" if (speed.get("interval") or {}).get("basis") == "model" else ""


_BASES = {
    "measured on this card": "this card is among the measured ones",
    "same class": "cards of its class were measured, this one was not",
    "model": "modelled, no measurement of this card",
}
_LIMITS = {
    "memory bandwidth": "the bandwidth of GPU memory",
    "compute": "arithmetic",
    "fixed overhead": "the software's fixed cost of every step",
    "interconnect": "the links between GPUs",
    "host memory bandwidth": "the bandwidth of system RAM",
    "disk": "the disk",
    "data loading": "the loading of data",
}


def _speed_note(speed: Document, unit: str) -> str:
    interval = speed.get("interval")
    if not interval:
        return "" if speed_of(speed, unit)[1] else "Speed: not estimated"
    limit = speed.get("bottleneck", "")
    limited = f"; limited by {_LIMITS.get(limit, f'the {limit}')}" if limit else ""
    low, high = rate(interval["low"], unit), rate(interval["high"], unit)
    start = f"Mean speed: {interval['low']:.3g} to {interval['high']:.3g}" if unit == MEAN else f"Speed: {low} to {high}"
    return f"{start}, {_BASES[interval['basis']]}{limited}"


def _chips(machine: Document, speed_text: str) -> Iterable[str]:
    speed = machine["speed"]
    if speed_text:
        yield speed_text
    if first := speed.get("time_to_first_token_s"):
        yield f"{duration(first)} to first token"
    run = machine.get("run")
    if (epoch := speed.get("epoch_seconds")) and not _is_one_epoch(run, epoch):
        yield f"{duration(epoch)} per epoch"
    elif not epoch and speed.get("step_seconds") and speed.get("samples_or_tokens_per_second"):
        yield f"{duration(speed['step_seconds'])} per step"
    yield from _run(run)
    yield from _strategy(machine)
    if machine["power_watts"]:
        yield f"{machine['power_watts']:,} W"


def _is_one_epoch(run: Document | None, epoch_seconds: float) -> bool:
    return run is not None and round(run["hours"] * HOUR_SECONDS / epoch_seconds, 3) <= 1


def _run(run: Document | None) -> Iterable[str]:
    """The whole run: how long, how much energy, what it costs. Results frozen before these were told have none."""
    if not run:
        return
    yield f"{duration(run['hours'] * HOUR_SECONDS)} in all"
    cost = f", {money_of(run['electricity'])} of electricity" if run["electricity"] else ""
    energy = run["energy_kwh"]
    yield f"{energy:,.0f} kWh{cost}" if energy >= WHOLE_KWH else f"{energy:.3g} kWh{cost}"


_DEGREES = (
    ("data", "data parallel"), ("tensor", "tensor parallel"), ("pipeline", "pipeline of"), ("context", "context parallel"),
    ("expert", "expert parallel"),
)  # fmt: skip
_OFFLOADED = {"optimizer": "optimizer states in RAM", "all": "weights and states in RAM"}


def _strategy(machine: Document) -> Iterable[str]:
    """How the job is spread over the GPUs, in words."""
    spread = machine["gpus"]["parallelism"] if machine.get("gpus") else {}
    yield from (f"{words} {spread[key]}" for key, words in _DEGREES if spread.get(key, 1) > 1)
    if spread.get("zero_stage"):
        yield f"ZeRO {spread['zero_stage']}"
    if words := _OFFLOADED.get(spread.get("offload", "none")):
        yield words


def cheapest_of(machines: Sequence[MachineView]) -> MachineView | None:
    """The machine with the lowest price."""
    return min(machines, key=lambda machine: machine.total, default=None)
