"""What a job does to the drives of a pick, and which rules of thumb its RAM would meet, as a small table."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.units import MB, format_decimal
from app.web.contexts.values import Document
from app.web.formats import duration

MOST_YEARS = 50  # beyond which a drive outlives its machine many times
SHORTEST_SECONDS = 0.1  # of a wait that anyone notices
_WAITS = {"checkpoint_stall_seconds": "Waiting for each checkpoint", "cold_load_seconds": "Loading the model the first time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskRow:
    """One thing that the drives do, in words."""

    label: str
    value: str


def disk_rows(found: Document | None) -> tuple[DiskRow, ...]:
    """The rows for a document of drives at work; none where the answer has no such document."""
    return tuple(DiskRow(label=label, value=value) for label, value in _rows(found)) if found else ()


def _rows(found: Document) -> Iterator[tuple[str, str]]:
    if found["read_bytes_per_second"] >= MB:
        reads = f"{format_decimal(found['read_bytes_per_second'])}/s in {found['read_operations_per_second']:,} reads a second"
        yield "Reading the data", reads
    for name, label in _WAITS.items():
        if (found[name] or 0) >= SHORTEST_SECONDS:
            yield label, duration(found[name])
    if found["written_bytes_per_day"]:
        yield "Written a day, without a pause", format_decimal(found["written_bytes_per_day"])
    if found["endurance_years"] is not None:
        yield "Until the SSD's TBW is reached", _years(found["endurance_years"])
    for rule in found["comfort_rules"]:
        verdict = "covers the need" if rule["enough"] else "falls short of the need"
        yield f"Rule of thumb for RAM, {rule['name']}", f"{rule['gib']:,.0f} GiB: {verdict}"


def _years(years: float) -> str:
    if years > MOST_YEARS:
        return f"over {MOST_YEARS} years"
    return f"{years:,.1f} years" if years >= 1 else f"{years * 365:,.0f} days"
