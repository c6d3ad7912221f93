"""The bar that shows where memory goes: one segment for each term, card sizes marked, the interval drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.estimation.host_memory import KIT_SIZES_GB
from app.units import GIB

# Memory of cards as they are sold, GB; above the largest, servers of eight or more cards are marked.
CARD_SIZES_GB = (2, 4, 6, 8, 12, 16, 24, 32, 48, 80, 96, 141, 192, 288)
SERVER_CARD_GB = 80
SERVER_COUNTS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
CLOSEST_MARKS_PERCENT = 11.0
FIRST_MARK_PERCENT = 30.0

# Which colour a term of the ledger has, by its key.
_TONES = {
    "weights": "weights",
    "buffers": "weights",
    "weight_casts": "casts",
    "gradients": "gradients",
    "optimizer_states": "optimizer",
    "optimizer_temporaries": "optimizer",
    "averaged_weights": "casts",
    "kv_cache": "cache",
    "draft_weights": "casts",
    "draft_cache": "recomputed",
    "activations": "activations",
    "recomputed_activations": "recomputed",
    "logits_loss": "logits",
    "temporaries": "temporaries",
    "inputs": "inputs",
    "kernel_workspace": "workspace",
    "library_workspaces": "workspace",
    "allocator_slack": "slack",
    "device_context": "context",
    "communicators": "context",
    "communication_buffers": "context",
    "context_exchange": "context",
    "expert_exchange": "context",
    "compute_buffer": "workspace",
    "unpacked_matrix": "workspace",
    "operating_system": "context",
    "processes": "weights",
    "environment": "slack",
    "data_in_memory": "activations",
    "loader_workers": "temporaries",
    "model_loading": "casts",
    "offloaded": "optimizer",
    "computation": "activations",
}
_SPARE_TONES = (
    "weights",
    "activations",
    "cache",
    "gradients",
    "optimizer",
    "temporaries",
    "inputs",
    "workspace",
    "logits",
    "recomputed",
    "casts",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One term of the bar."""

    label: str
    bytes: int
    tone: str
    start: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A card size along the bar."""

    label: str
    percent: float
    anchor: str  # of the label: start, middle or end


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBar:
    """Geometry of the bar. The interval runs from `low` to `high`."""

    segments: tuple[Segment, ...]
    marks: tuple[Mark, ...]
    filled: float
    low: float
    high: float


def memory_bar(terms: Sequence[tuple[str, str, int]], low_bytes: int, high_bytes: int, *, of_ram: bool = False) -> MemoryBar:
    """The bar for terms of (key, label, bytes). Its end is the smallest card (or RAM) that holds the upper end of the interval."""
    total = sum(size for _, _, size in terms)
    sizes = [(size * GIB, f"{size} GB") for size in KIT_SIZES_GB] if of_ram else _cards()
    end = next((size for size, _ in sizes if size >= max(high_bytes, total)), max(high_bytes, total))
    return MemoryBar(
        segments=tuple(_segments(terms, end)),
        marks=tuple(_marks(sizes, end)),
        filled=_percent(total, end),
        low=_percent(low_bytes, end),
        high=_percent(high_bytes, end),
    )


def _segments(terms: Sequence[tuple[str, str, int]], end: int) -> Iterable[Segment]:
    start = 0
    for index, (key, label, size) in enumerate(terms):
        tone = _TONES.get(key, _SPARE_TONES[index % len(_SPARE_TONES)])
        yield Segment(label=label, bytes=size, tone=tone, start=_percent(start, end), width=_percent(size, end))
        start += size


def _cards() -> list[tuple[int, str]]:
    cards = [(size * GIB, f"{size} GB") for size in CARD_SIZES_GB]
    return cards + [(count * SERVER_CARD_GB * GIB, f"{count} \u00d7 {SERVER_CARD_GB} GB") for count in SERVER_COUNTS]


def _marks(sizes: Sequence[tuple[int, str]], end: int) -> list[Mark]:
    """Marks from the right, as many as have room for their labels."""
    marks: list[Mark] = []
    for size, label in reversed(sizes):
        percent = _percent(size, end)
        if size <= end and percent > FIRST_MARK_PERCENT and (not marks or marks[-1].percent - percent >= CLOSEST_MARKS_PERCENT):
            marks.append(Mark(label=label, percent=percent, anchor="end" if percent > 95 else "middle"))
    return marks[::-1]


def _percent(part: int, whole: int) -> float:
    return round(part / whole * 100, 3) if whole else 0.0
