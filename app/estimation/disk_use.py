"""What a job does to the drives of one machine: reads and seeks, waiting for checkpoints, loading the model, wearing the SSD.

Sources: datasheets in seed_data/storage.csv (rates, IOPS, TBW); MLPerf Storage for the size of samples; Linux reads 128 KiB ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any

from app.estimation.estimate import Storage
from app.estimation.host_memory import ComfortRule, comfort_rules, listed_samples
from app.estimation.storage import LOG_SHARE, checkpoint_stall_seconds, cold_load_seconds
from app.hardware import Drive, Gpu
from app.placement import Finding, Placement
from app.units import KIB, MB, MIB, TB, format_decimal
from app.workloads.data import Checkpoints, DataSet

DAY_SECONDS = 86_400
YEAR_DAYS = 365
READ_AHEAD_BYTES = 128 * KIB  # what one request fetches of a file that is read from its start
STREAM_BYTES = MIB  # of a request where records lie one after the other in large files
DISK_IOPS = 150  # random reads a second of a disk of 7,200 rpm: a seek of 4 to 5 ms and half a turn of 4 ms
DISK_READ_BYTES = 180 * MB
# Kind and interface -> MB/s that a long write sustains where the drive's own figure is not known.
TYPICAL_WRITE_MB_S = {("ssd", "m2"): 2000.0, ("ssd", "u2"): 2000.0, ("ssd", "sata"): 450.0, ("hdd", "sata"): 180.0}
LEAST_DAYS = 365  # a drive that the job wears out sooner is told of

Drives = Sequence[tuple[Drive, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse:
    """The drives of one machine at work on one job. Seconds are None where the job has no such moment; years where no TBW is known."""

    read_bytes_per_second: int
    read_operations_per_second: int
    checkpoint_stall_seconds: float | None = None
    cold_load_seconds: float | None = None
    written_bytes_per_day: int = 0
    endurance_years: float | None = None
    comfort_rules: tuple[ComfortRule, ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The drives at work as the contract spells it; findings are told with the machine."""
        return {
            "read_bytes_per_second": self.read_bytes_per_second,
            "read_operations_per_second": self.read_operations_per_second,
            "checkpoint_stall_seconds": self.checkpoint_stall_seconds,
            "cold_load_seconds": self.cold_load_seconds,
            "written_bytes_per_day": self.written_bytes_per_day,
            "endurance_years": self.endurance_years,
            "comfort_rules": [{"name": rule.name, "gib": rule.gib, "enough": rule.enough} for rule in self.comfort_rules],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """A machine as its drives see it. `included_ssd`: one came with the platform, of which little is known. Rates in bytes a second."""

    ssd: Drives
    included_ssd: bool
    read_bytes_per_second: float
    gpu: Gpu | None
    gpus: int
    placement: Placement


def disk_use(storage: Storage, data: DataSet, checkpoints: Checkpoints, place: Workplace) -> DiskUse:
    """What the job does to these drives while it runs without a pause."""
    writes = _write_bytes_per_second(place)
    written = storage.checkpoint_bytes if checkpoints.every_steps else 0
    stall = checkpoint_stall_seconds(written, writes) if written else 0.0
    per_day = _written_per_day(written, checkpoints, place.placement.speed.step_seconds, stall)
    days = _days_of_endurance(place, per_day)
    return DiskUse(
        read_bytes_per_second=place.placement.read_bytes_per_second,
        read_operations_per_second=read_operations(data, place.placement.read_bytes_per_second),
        checkpoint_stall_seconds=_known(stall),
        cold_load_seconds=_known(cold_load_seconds(storage.model_file_bytes, place.read_bytes_per_second)),
        written_bytes_per_day=per_day,
        endurance_years=days / YEAR_DAYS if days is not None else None,
        comfort_rules=comfort_rules((place.gpu.visible_bytes,) * place.gpus if place.gpu else (), place.placement.host_bytes),
        findings=_wear(per_day, days),
    )


def _known(seconds: float) -> float | None:
    """None for what does not happen, and for what no drive is there for."""
    return seconds if 0 < seconds < inf else None


def read_operations(data: DataSet, bytes_per_second: int) -> int:
    """Reads a second: of samples in files of their own one for every 128 KiB, of records in large files one for every MiB."""
    size = bytes_of_sample(data)
    if not bytes_per_second:
        return 0
    if not size or not listed_samples(data):
        return ceil(bytes_per_second / STREAM_BYTES)
    return ceil(bytes_per_second / size * ceil(size / READ_AHEAD_BYTES))


def bytes_of_sample(data: DataSet) -> float:
    """Bytes of one sample as stored, 0 where that is not known."""
    return data.bytes_per_sample or (data.bytes / data.samples if data.samples else 0.0)


def disk_samples_per_second(data: DataSet) -> float:
    """Samples a second that one hard disk gives in random order. Infinite where the size of a sample is not known."""
    size = bytes_of_sample(data)
    if not size:
        return inf
    seeks = ceil(size / READ_AHEAD_BYTES) if listed_samples(data) else size / STREAM_BYTES
    return 1 / (seeks / DISK_IOPS + size / DISK_READ_BYTES)


def starved(data: DataSet, wanted_per_second: float) -> tuple[Finding, ...]:
    """What a hard disk does to GPUs that could work on so many samples a second."""
    given = disk_samples_per_second(data)
    if data.location != "hdd" or data.loading == "in_memory" or given >= wanted_per_second:
        return ()
    idle = 1 - given / wanted_per_second
    finding = Finding(
        severity="caution",
        code="disk_starves_gpu",
        message=f"Kept on a hard disk as asked, the data comes at about {given:,.0f} samples a second of the {wanted_per_second:,.0f} "
        f"that the GPUs could take: they would wait {idle:.0%} of the time.".replace("%", " %"),
        remedy="Let the data lie on an SSD, pack samples into large files, or hold them in memory.",
    )
    return (finding,)


def _write_bytes_per_second(place: Workplace) -> float:
    """Of all SSDs together, the slowest setting the pace."""
    rates = [drive.write_mb_s or TYPICAL_WRITE_MB_S[drive.kind, drive.interface] for drive, _ in place.ssd]
    rates += [TYPICAL_WRITE_MB_S["ssd", "m2"]] if place.included_ssd else []
    return min(rates) * (sum(quantity for _, quantity in place.ssd) + place.included_ssd) * MB if rates else 0.0


def _written_per_day(checkpoint: int, checkpoints: Checkpoints, step_seconds: float | None, stall: float) -> int:
    if not checkpoint or not checkpoints.every_steps or not step_seconds:
        return 0
    interval = checkpoints.every_steps * step_seconds + stall
    return int(checkpoint * (1 + LOG_SHARE) * DAY_SECONDS / interval)


def _days_of_endurance(place: Workplace, written_per_day: int) -> float | None:
    """Days until as much is written as the makers vouch for; None where nothing is written or a drive's figure is not known."""
    if not written_per_day or place.included_ssd or not place.ssd or any(drive.endurance_tbw is None for drive, _ in place.ssd):
        return None
    return sum((drive.endurance_tbw or 0.0) * quantity for drive, quantity in place.ssd) * TB / written_per_day


def _wear(written_per_day: int, days: float | None) -> tuple[Finding, ...]:
    if days is None or days >= LEAST_DAYS:
        return ()
    finding = Finding(
        severity="caution",
        code="drive_wear",
        message=f"Checkpoints write {format_decimal(written_per_day)} a day; running without a pause they reach the endurance that the "
        f"SSD's maker vouches for in {days:,.0f} days.",
        remedy="Write checkpoints less often, keep only weights between full ones, or choose a drive of higher endurance.",
    )
    return (finding,)
