"""What a job does to the drives of a pick, and which rules of thumb its RAM would meet, as a small table."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.units import format_decimal
from app.web.contexts.values import Document
from app.web.formats import duration

MOST_YEARS = 50  # beyond which a drive outlives its machine many times


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskRow:
    """One thing that the drives do, in words."""

    label: str
    value: str


def disk_rows(found: Document | None) -> tuple[DiskRow, ...]:
    """The rows for a document of drives at work; none where the answer has no such document."""
    return tuple(DiskRow(label=label, value=value) for label, value in _rows(found)) if found else ()


def _rows(found: Document) -> Iterator[tuple[str, str]]:
    if found["read_bytes_per_second"]:
        reads = f"{format_decimal(found['read_bytes_per_second'])}/s in {found['read_operations_per_second']:,} reads a second"
        yield "Reading the data", reads
    if found["checkpoint_stall_seconds"]:
        yield "Waiting for each checkpoint", duration(found["checkpoint_stall_seconds"])
    if found["cold_load_seconds"]:
        yield "Loading the model the first time", duration(found["cold_load_seconds"])
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
