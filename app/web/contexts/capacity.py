"""What else fits on the cards of a pick, as a small table."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.estimation.capacity import LARGEST
from app.web.contexts.values import Document

_LABELS = {"context_length": "Longest context", "concurrent_sequences": "Most users at this context", "batch_size": "Largest batch"}
_UNITS = {"context_length": " tokens", "concurrent_sequences": "", "batch_size": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityRow:
    """One size, and the largest of it that fits while everything else stays as asked."""

    label: str
    value: str


def capacity_rows(found: Document | None) -> tuple[CapacityRow, ...]:
    """The rows for a capacity document; none where the answer has no such document."""
    return tuple(CapacityRow(label=label, value=value) for label, value in _rows(found)) if found else ()


def _rows(found: Document) -> Iterator[tuple[str, str]]:
    for name, label in _LABELS.items():
        if found[name] is not None:
            yield label, _size(found[name], name)
    if found["weight_format"]:
        bits = f", {found['bits_per_weight']:g} bits" if found["bits_per_weight"] else ""
        yield "Finest weights", f"{found['weight_format'].upper()}{bits}"
    if (verdict := found.get("verdict")) and verdict["outcome"] == "spills":
        slower = f", {verdict['times_slower']:.2g} times slower" if verdict["times_slower"] else ""
        yield "Layers on the cards", f"{verdict['gpu_layers']} of {verdict['layers']}{slower}"
    if reserved := found["reservation"]:
        share = f"{reserved['share']:.0%}".replace("%", " %")
        users = reserved["concurrent_sequences"]
        yield f"Users with {share} of the card reserved", f"{users:,} ({reserved['blocks']:,} blocks of {reserved['block_tokens']})"


def _size(size: int, name: str) -> str:
    if not size:
        return "none fits"
    return f"over {size - 1:,}" if size >= LARGEST[name] else f"{size:,}{_UNITS[name]}"
