"""Disks: system, environment, data, model files and checkpoints; hot on the SSD, cold on the hard disk."""

from dataclasses import dataclass

from app.estimation.estimate import Storage
from app.estimation.ledger import Ledger, Term
from app.units import GB, format_decimal
from app.workloads.data import DataSet

OS_BYTES = 45 * GB  # a Linux desktop after updates: 30 to 60 GB
CUDA_ENVIRONMENT_BYTES = 12 * GB  # PyTorch with CUDA measured at 5.5 GB, with a data-science stack and caches about twice that
CPU_ENVIRONMENT_BYTES = 4 * GB
GPU_SOFTWARE = frozenset(
    {"pytorch", "tensorflow", "keras", "jax", "transformers", "vllm", "sglang", "tensorrt-llm", "exllamav2", "diffusers", "faster-whisper"}
)
LOG_SHARE = 0.05  # of checkpoints and model files: logs, samples, metrics
FREE_SHARE = 0.25  # of everything hot, so that a fifth of the disk stays free


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageJob:
    """What a job keeps on disks. Bytes; `table_bytes` is a table's file where no data set is described."""

    data: DataSet
    model_file_bytes: int
    checkpoint_bytes: int
    checkpoints_kept: int
    framework: str
    table_bytes: int = 0


def storage_need(job: StorageJob) -> Storage:
    """The ledger of disks. Cold terms start with `hdd_`."""
    return Storage(
        ledger=Ledger(tuple(term for term in _terms(job) if term.bytes)),
        read_bytes_per_second=0,
        model_file_bytes=job.model_file_bytes,
        checkpoint_bytes=job.checkpoint_bytes,
    )


def _terms(job: StorageJob) -> list[Term]:
    data = job.data.bytes or job.table_bytes
    cold = job.data.location == "hdd"
    kept = job.checkpoints_kept + 1 if job.checkpoints_kept else 0
    environment = CUDA_ENVIRONMENT_BYTES if job.framework in GPU_SOFTWARE else CPU_ENVIRONMENT_BYTES
    hot = [
        _term("system", "Operating system", OS_BYTES, "after updates", "30 to 60 GB are usual"),
        _term("environment", "Software environment", environment, job.framework, "a CUDA PyTorch environment measured at 5.5 GB"),
        _term("model_files", "Model files", job.model_file_bytes, "weights", "workload"),
        _term(
            "checkpoints", "Checkpoints", kept * job.checkpoint_bytes,
            f"({job.checkpoints_kept} kept + 1 being written) x {format_decimal(job.checkpoint_bytes)}", "the trainer's own states",
        ),
        _term("logs", "Logs and samples", int(LOG_SHARE * kept * job.checkpoint_bytes), f"{LOG_SHARE} x checkpoints", "rule"),
        *([] if cold else [_term("data", "Data set", data, "as stored", "workload")]),
    ]  # fmt: skip
    free = _term(
        "free_space", "Free space", int(FREE_SHARE * sum(term.bytes for term in hot)), "a fifth of the disk", "SSDs slow down when full"
    )
    return [
        *hot, free,
        *([_term("hdd_data", "Data set on hard disk", data, "as stored", "workload")] if cold else []),
        _term("hdd_archive", "Archive", job.data.archive_bytes, "cold data", "workload"),
    ]  # fmt: skip


def _term(key: str, label: str, count: int, formula: str, source: str) -> Term:
    return Term(key=key, label=label, bytes=count, formula=f"{formula} = {format_decimal(count)}", source=source)


def read_bytes_per_second(data: DataSet, samples_per_second: float, *, free_ram_bytes: int) -> int:
    """What the disks must sustain: samples a second x bytes a sample x the share that the page cache misses."""
    size = data.bytes_per_sample or (data.bytes / data.samples if data.samples else 0)
    if not size or data.loading == "in_memory":
        return 0
    missed = max(0.0, 1 - free_ram_bytes / data.bytes) if data.bytes else 1.0
    return int(samples_per_second * size * missed)
