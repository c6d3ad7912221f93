"""What the job needs: the four cards, the ledgers and the bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from app.estimation.host_memory import COMFORT_SHARE_OF_LARGEST
from app.units import format_binary, format_decimal
from app.web.charts.memory_bar import MemoryBar, memory_bar
from app.web.contexts.machine import capacity
from app.web.contexts.values import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedView:
    """One of the cards above the answer."""

    label: str
    figure: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermView:
    """One row of a ledger."""

    label: str
    bytes: int
    share: float
    formula: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """A ledger: rows that sum to the total."""

    title: str
    total: int
    terms: tuple[TermView, ...]
    binary: bool  # memory in GiB, disks in GB


def needs(estimate: Document, pick: Document | None) -> tuple[NeedView, ...]:
    """The cards for GPU memory, RAM, SSD and HDD; `pick` is the machine whose parts they point to."""
    cards = [_gpu_need(estimate["gpu_memory"])] if estimate["gpu_memory"] else []
    storage = estimate["storage"]
    return (
        *cards,
        _ram_need(estimate["host_memory"], pick),
        NeedView(label="SSD (hot)", figure=format_decimal(storage["ssd_bytes"]), notes=drives_of(pick, "ssd")),
        NeedView(label="HDD (cold)", figure=_or_none(storage["hdd_bytes"]), notes=drives_of(pick, "hdd")),
    )


def ledgers(estimate: Document) -> tuple[LedgerView, ...]:
    """Every ledger of the estimate, empty ones left out."""
    memory = estimate["gpu_memory"]
    found = [("GPU memory", memory["terms"], True)] if memory else []
    found += [("System RAM", estimate["host_memory"]["terms"], True), ("Storage", estimate["storage"]["terms"], False)]
    return tuple(_ledger(title, terms, binary) for title, terms, binary in found if terms)


def bar_of(memory: Document) -> MemoryBar:
    """The bar of GPU memory, or of RAM where there is no GPU."""
    terms = [(term["key"], term["label"], term["bytes"]) for term in memory["terms"]]
    interval = interval_of(memory)
    return memory_bar(terms, interval["low_bytes"], interval["high_bytes"], of_ram="peak_process_bytes" in memory)


def interval_of(memory: Document) -> Document:
    """The interval of what the machine must have. That of RAM is told for the job's processes: the system comes on top."""
    interval: Document = memory["interval"]
    if "peak_process_bytes" not in memory:
        return interval
    system = memory["required_bytes"] - memory["peak_process_bytes"]
    return {**interval, "low_bytes": interval["low_bytes"] + system, "high_bytes": interval["high_bytes"] + system}


def comfort_ram_gb(card_memory_gb: Sequence[int]) -> int:
    """The guides' rule of thumb for system RAM: the largest GPU's memory and a quarter more, however many there are."""
    return ceil(max(card_memory_gb) * COMFORT_SHARE_OF_LARGEST)


def likely(interval: Document) -> str:
    """The interval as a range, "23.9 to 25.5 GiB": the unit only once where both ends share it."""
    low, high = format_binary(interval["low_bytes"]), format_binary(interval["high_bytes"])
    number, unit = low.split(" ")
    return f"{number} to {high}" if high.endswith(unit) else f"{low} to {high}"


def _gpu_need(memory: Document) -> NeedView:
    notes = (f"likely {likely(memory['interval'])}", f"fullest in the {memory['peak_phase']} phase")
    return NeedView(label="GPU memory", figure=format_binary(memory["required_bytes"]), notes=notes)


def _ram_need(memory: Document, pick: Document | None) -> NeedView:
    notes = [f"\u2192 {memory['recommended_gb']} GB"]
    gpus = pick.get("gpus") if pick else None
    if gpus and gpus["part"].get("memory_gb"):
        comfort = comfort_ram_gb([gpus["part"]["memory_gb"]])
        notes.append(f"comfort rule, largest GPU + 25 %: {comfort} GB")
    return NeedView(label="System RAM", figure=format_binary(memory["required_bytes"]), notes=tuple(notes))


def drives_of(pick: Document | None, kind: str) -> tuple[str, ...]:
    """The drives of a kind that the picked machine has, to point to."""
    drives = pick[kind] if pick else ()
    return tuple(f"\u2192 {capacity(drive)}" for drive in drives)


def _or_none(count: int) -> str:
    return format_decimal(count) if count else "none"


def _ledger(title: str, terms: Sequence[Document], binary: bool) -> LedgerView:
    total = sum(term["bytes"] for term in terms)
    rows = tuple(
        TermView(
            label=term["label"],
            bytes=term["bytes"],
            share=term["bytes"] / total if total else 0.0,
            formula=term["formula"],
            source=term["source"],
        )
        for term in terms
    )
    return LedgerView(title=title, total=total, terms=rows, binary=binary)
