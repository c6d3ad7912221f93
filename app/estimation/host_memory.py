"""System RAM of deep-learning jobs: processes, loading, loader workers, what is offloaded, and the system itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.estimation.baselines import cuda_process_bytes, import_baseline, system_term
from app.estimation.estimate import HostMemory
from app.estimation.ledger import Interval, Ledger, Term
from app.units import GB, GIB, KIB, MB, ceil_div, format_binary
from app.workloads.data import DataSet

LOADER_WORKER_BYTES = 350 * MB  # resident set of a worker with torch and an image library
PREFETCH_BATCHES = 2  # torch.utils.data.DataLoader, prefetch_factor
PINNED_BATCHES = 2
INDEX_BYTES = 120  # a path and a label of a sample as Python objects: 49 B + its characters, pointers, an int
SMALLEST_FILE_BYTES = 8 * KIB  # samples below this are packed into larger files
INDEX_SOURCE = "a Python list is copied into every worker as its reference counts change: PyTorch issue 13246"
STAGED_BYTES = GB  # tensors on their way from a mapped file to the GPU, one after the other: the largest matrices of models up to 30B
OFFLOAD_BUFFER_FACTOR = 1.5  # DeepSpeed, additional_buffer_factor of its own estimators
FROZEN_BUFFER_FACTOR = GIB / GB  # of weights that are not trained: pinned in groups of 10^9 elements, each rounded up to a power of two
KIT_SIZES_GB = (8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144)
BELOW, ABOVE = 0.25, 0.35  # shares; loaders and frameworks differ much between versions

COMFORT_SHARE_OF_LARGEST = 1.25  # the guides: system RAM = memory of the largest GPU + 25 %
COMFORT_SHARE_OF_ALL = 2.0  # workstation vendors: twice the memory of all GPUs


@dataclass(frozen=True, slots=True, kw_only=True)
class HostJob:
    """What a deep-learning job asks of system RAM. Bytes; `ranks` is the number of processes that hold a GPU each."""

    framework: str
    on_gpu: bool
    ranks: int
    weights_file_bytes: int
    offloaded_bytes: int  # weights and states that a trainer keeps in RAM, in buffers of its own
    frozen: bool = False  # what is offloaded is a frozen base, without states
    kept_bytes: int = 0  # weights and cache that a runtime leaves in RAM
    compute_bytes: int  # the whole job, where it runs on the processor
    batch_bytes: int
    data: DataSet
    loader_workers: int  # for each rank
    checkpoint_bytes: int  # gathered in RAM before it is written; 0 where each rank writes its own
    loads_whole: bool = False  # one file per rank, as torch.load reads it, instead of shard by shard


def deep_learning_host_memory(job: HostJob) -> HostMemory:
    """RAM of the machine that runs the job: its processes at their peak, and the operating system."""
    loading, running = _loading(job), [*_data(job), *_gathering(job)]
    process = [*_processes(job), *_offload(job), *max(loading, running, key=_total)]  # loading is over before the first batch
    peak = sum(term.bytes for term in process)
    system = system_term()
    ledger = Ledger((*process, system))
    return HostMemory(
        peak_process_bytes=peak,
        ledger=ledger,
        interval=Interval(low_bytes=int(peak * (1 - BELOW)), high_bytes=int(peak * (1 + ABOVE)), basis="model"),
        recommended_gb=recommended_gb(ledger.total_bytes),
    )


def _total(terms: Sequence[Term]) -> int:
    return sum(term.bytes for term in terms)


def _processes(job: HostJob) -> list[Term]:
    each = cuda_process_bytes(job.framework) if job.on_gpu else import_baseline(job.framework)
    what = "with CUDA initialized" if job.on_gpu else "after import"
    processes = Term(
        key="processes",
        label="Framework processes",
        bytes=job.ranks * each,
        formula=f"{job.ranks} x {format_binary(each)} ({job.framework} {what})",
        inputs={"processes": job.ranks},
        source="measured imports; PyTorch issues 12873 and 113326 for CUDA",
    )
    terms = [processes]
    if job.compute_bytes:
        terms.append(_term("computation", "Model and computation", job.compute_bytes, "the whole job runs in RAM", "traced"))
    return terms


def _loading(job: HostJob) -> list[Term]:
    """Each rank loads on its own; on the processor the weights themselves are counted with the computation."""
    if not job.on_gpu or not job.weights_file_bytes:
        return []
    if job.loads_whole:
        formula = f"{job.ranks} x the whole file, {format_binary(job.weights_file_bytes)}"
        return [
            _term("model_loading", "Loading the model", job.ranks * job.weights_file_bytes, formula, "torch.load: a full state dictionary")
        ]
    staged = min(job.weights_file_bytes, STAGED_BYTES)
    formula = f"{job.ranks} x {format_binary(staged)} on the way to the GPU"
    source = "safetensors are mapped: pages of the file are the system's to take back; PEFT's tables of peak RAM, 3 GB for 3B and 13B alike"
    return [_term("model_loading", "Loading the model", job.ranks * staged, formula, source)]


def _data(job: HostJob) -> list[Term]:
    data, terms = job.data, []
    if data.loading == "in_memory" and data.bytes:
        terms.append(_term("data_in_memory", "Data set in memory", data.bytes, "the whole data set", "workload"))
    if job.batch_bytes and job.loader_workers:
        terms.extend(_loader(job))
    return terms


def _loader(job: HostJob) -> list[Term]:
    """Workers, the batches they prepare ahead, two pinned batches, and the list of files that each worker ends up holding."""
    workers = job.loader_workers
    ahead, pinned = workers * PREFETCH_BATCHES, pinned_bytes(job.batch_bytes)
    ranks = f"{job.ranks} x " if job.ranks > 1 else ""
    terms = [
        _term("loader_workers", "Loader workers", job.ranks * workers * LOADER_WORKER_BYTES,
              f"{ranks}{workers} workers x {format_binary(LOADER_WORKER_BYTES)}", "a process with torch and an image library"),
        _term("prefetched_batches", "Batches prepared ahead", job.ranks * ahead * job.batch_bytes,
              f"{ranks}{ahead} batches x {format_binary(job.batch_bytes)}", "torch.utils.data, two batches ahead a worker"),
    ]  # fmt: skip
    if job.on_gpu:
        terms.append(
            _term("pinned_batches", "Pinned batches", job.ranks * PINNED_BATCHES * pinned,
                  f"{ranks}{PINNED_BATCHES} batches x {format_binary(pinned)}", "PyTorch's pinned allocator rounds up to powers of two")
        )  # fmt: skip
    listed = listed_samples(job.data)
    if listed:
        count = job.ranks * (workers + 1) * listed * INDEX_BYTES
        formula = f"{ranks}{workers + 1} processes x {listed:,} samples x {INDEX_BYTES} B"
        terms.append(_term("sample_index", "List of samples in every worker", count, formula, INDEX_SOURCE))
    return terms


def listed_samples(data: DataSet) -> int:
    """Samples that a data set lists one by one: those that are files of their own, such as images; records of a text corpus are not."""
    samples = data.samples or 0
    size = data.bytes_per_sample or (data.bytes / samples if samples else 0)
    return samples if data.loading == "stream" and data.files == "separate" and size >= SMALLEST_FILE_BYTES else 0


def pinned_bytes(count: int) -> int:
    """What the pinned allocator takes for a block: the next power of two."""
    return 1 << max(0, count - 1).bit_length() if count else 0


def _offload(job: HostJob) -> list[Term]:
    if job.kept_bytes:
        return [_term("kept_in_ram", "Weights and cache left in RAM", job.kept_bytes, "as the format packs them", "llama.cpp, accelerate")]
    if not job.offloaded_bytes:
        return []
    factor = FROZEN_BUFFER_FACTOR if job.frozen else OFFLOAD_BUFFER_FACTOR
    formula = f"{format_binary(job.offloaded_bytes)} x {factor:.3g}"
    source = "DeepSpeed, sub_group_size; PEFT's table of peak RAM" if job.frozen else "DeepSpeed's memory estimators"
    return [_term("offloaded", "Offloaded from the GPU", int(job.offloaded_bytes * factor), formula, source)]


def _gathering(job: HostJob) -> list[Term]:
    if not job.checkpoint_bytes:
        return []
    return [_term("checkpoint_gathering", "Gathering a checkpoint", job.checkpoint_bytes, "full state on one rank", "FSDP, DeepSpeed")]


def _term(key: str, label: str, count: int, formula: str, source: str) -> Term:
    return Term(key=key, label=label, bytes=count, formula=f"{formula} = {format_binary(count)}", source=source)


def recommended_gb(required_bytes: int) -> int:
    """The smallest usual amount of memory that holds the need. Modules are binary: 16 GB are 16 GiB."""
    need = ceil_div(required_bytes, GIB)
    return next((size for size in KIT_SIZES_GB if size >= need), need)


@dataclass(frozen=True, slots=True)
class ComfortRule:
    """A rule of thumb for system RAM, beside what was computed."""

    name: str
    gib: float
    enough: bool


def comfort_rules(gpu_visible_bytes: Sequence[int], required_bytes: int) -> tuple[ComfortRule, ...]:
    """The two usual rules for these GPUs, and whether each would cover the computed need. Empty without a GPU."""
    if not gpu_visible_bytes:
        return ()
    figures = (
        ("largest GPU + 25 %", COMFORT_SHARE_OF_LARGEST * max(gpu_visible_bytes)),
        ("twice the memory of all GPUs", COMFORT_SHARE_OF_ALL * sum(gpu_visible_bytes)),
    )
    return tuple(ComfortRule(name, count / GIB, count >= required_bytes) for name, count in figures)
