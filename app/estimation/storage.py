"""Disks: system, environment, data, model files and checkpoints; hot on the SSD, cold on the hard disk."""

from dataclasses import dataclass
from math import inf

from app.estimation.estimate import Storage
from app.estimation.ledger import Ledger, Term
from app.units import GB, format_decimal
from app.workloads.data import DataSet
from app.workloads.datasets import data_set_named

OS_BYTES = 45 * GB  # a Linux desktop after updates: 30 to 60 GB
CUDA_ENVIRONMENT_BYTES = 12 * GB  # PyTorch with CUDA measured at 5.5 GB, with a data-science stack and caches about twice that
CPU_ENVIRONMENT_BYTES = (
    4 * GB
)  # Python, scikit-learn, pandas, pyarrow and one boosting library measured at 1.1 GB; notebooks and caches beside
NATIVE_ENVIRONMENT_BYTES = 2 * GB  # a native runtime with its CUDA libraries
GPU_SOFTWARE = frozenset(
    {"pytorch", "tensorflow", "keras", "jax", "transformers", "vllm", "sglang", "tensorrt-llm", "exllamav2", "diffusers", "faster-whisper"}
)
LOG_SHARE = 0.05  # of checkpoints and model files: logs, samples, metrics
FREE_SHARE = 0.25  # of everything hot, so that a fifth of the disk stays free
SHORT_IDS, SHORT_ID_BYTES, LONG_ID_BYTES = 65_536, 2, 4  # vocabulary that 16 bits can number; bytes of a token id
BYTES_OF_TEXT_PER_TOKEN = 4.4  # OpenWebText: 39.8 GB of text are 9.04 billion tokens of GPT-2
CONVERSION_FILES, HALF_BYTES = 2, 2  # llama.cpp, convert_hf_to_gguf.py and llama-quantize
NATIVE_RUNTIMES = frozenset({"llama.cpp", "ollama", "whisper.cpp", "mlx"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageJob:
    """What a job keeps on disks. Bytes; `table_bytes` is a table's file where no data set is described."""

    data: DataSet
    model_file_bytes: int
    checkpoint_bytes: int
    checkpoints_kept: int
    framework: str
    table_bytes: int = 0
    prepared_copy_bytes: int = 0  # of the data, as token ids beside its text


def storage_need(job: StorageJob) -> Storage:
    """The ledger of disks. Cold terms start with `hdd_`."""
    return Storage(
        ledger=Ledger(tuple(term for term in _terms(job) if term.bytes)),
        read_bytes_per_second=0,
        model_file_bytes=job.model_file_bytes,
        checkpoint_bytes=job.checkpoint_bytes,
    )


def _terms(job: StorageJob) -> list[Term]:
    hot = _hot(job)
    count = int(FREE_SHARE * sum(term.bytes for term in hot))
    return [*hot, _term("free_space", "Free space", count, "a fifth of the disk", "SSDs slow down when full"), *_cold(job)]


def _data_bytes(job: StorageJob) -> int:
    return job.data.bytes or job.table_bytes


def _hot(job: StorageJob) -> list[Term]:
    """What is read or written while the job runs. A checkpoint is written before the oldest is deleted, so that one more is there."""
    kept = job.checkpoints_kept + 1 if job.checkpoints_kept else 0
    checkpoints = f"({job.checkpoints_kept} kept + 1 being written) x {format_decimal(job.checkpoint_bytes)}"
    environment = environment_bytes(job.framework)
    data = 0 if job.data.location == "hdd" else _data_bytes(job)
    return [
        _term("system", "Operating system", OS_BYTES, "after updates", "30 to 60 GB are usual"),
        _term("environment", "Software environment", environment, job.framework, "a CUDA PyTorch environment measured at 5.5 GB"),
        _term("model_files", "Model files", job.model_file_bytes, "weights", "workload"),
        _term("prepared_copy", "Tokenized copy of the data", job.prepared_copy_bytes, "token ids", "OpenWebText and its tokens"),
        _term("checkpoints", "Checkpoints", kept * job.checkpoint_bytes, checkpoints, "the trainer's own states"),
        _term("logs", "Logs and samples", int(LOG_SHARE * kept * job.checkpoint_bytes), f"{LOG_SHARE} x checkpoints", "rule"),
        _term("data", "Data set", data, *_told(job.data)),
    ]


def tokenized_bytes(data: DataSet, vocabulary: int | None) -> int:
    """Size of the token ids of a known corpus, which trainers keep beside its text: 16 bits each where the vocabulary allows it."""
    if data.preset is None or data_set_named(data.preset).kind != "text":
        return 0
    width = SHORT_ID_BYTES if vocabulary and vocabulary <= SHORT_IDS else LONG_ID_BYTES
    return int(data.bytes / BYTES_OF_TEXT_PER_TOKEN * width)


def conversion_bytes(parameters: int) -> int:
    """Files that are alive while a model is turned into GGUF: its 16-bit checkpoint and the 16-bit file that is then quantized."""
    return CONVERSION_FILES * HALF_BYTES * parameters


def _told(data: DataSet) -> tuple[str, str]:
    """How the size of the data comes about, and where it is known from."""
    if data.preset is None:
        return "as stored", "workload"
    known = data_set_named(data.preset)
    return f"{known.name} as stored", known.source


def _cold(job: StorageJob) -> list[Term]:
    """What lies on the hard disk: the archive, and the data set where the person keeps it there."""
    data = _data_bytes(job) if job.data.location == "hdd" else 0
    return [
        _term("hdd_data", "Data set on hard disk", data, *_told(job.data)),
        _term("hdd_archive", "Archive", job.data.archive_bytes, "cold data", "workload"),
    ]


def environment_bytes(framework: str) -> int:
    """Disk space of the libraries that a framework or runtime brings."""
    if framework in NATIVE_RUNTIMES:
        return NATIVE_ENVIRONMENT_BYTES
    return CUDA_ENVIRONMENT_BYTES if framework in GPU_SOFTWARE else CPU_ENVIRONMENT_BYTES


def checkpoint_stall_seconds(checkpoint_bytes: int, write_bytes_per_second: float) -> float:
    """How long training waits while a checkpoint is written. Infinite where nothing can be written."""
    return checkpoint_bytes / write_bytes_per_second if write_bytes_per_second > 0 else inf


def cold_load_seconds(model_file_bytes: int, read_bytes_per_second: float) -> float:
    """How long a model takes from disk to memory the first time. Infinite where nothing can be read."""
    return model_file_bytes / read_bytes_per_second if read_bytes_per_second > 0 else inf


def _term(key: str, label: str, count: int, formula: str, source: str) -> Term:
    return Term(key=key, label=label, bytes=count, formula=f"{formula} = {format_decimal(count)}", source=source)


def read_bytes_per_second(data: DataSet, samples_per_second: float, *, free_ram_bytes: int) -> int:
    """What the disks must sustain: samples a second x bytes a sample x the share that the page cache misses."""
    size = data.bytes_per_sample or (data.bytes / data.samples if data.samples else 0)
    if not size or data.loading == "in_memory":
        return 0
    missed = max(0.0, 1 - free_ram_bytes / data.bytes) if data.bytes else 1.0
    return int(samples_per_second * size * missed)
