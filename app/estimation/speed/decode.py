"""Time of one decoding step: fixed overhead, weights read once for all sequences, the cache of each sequence, exchanges between cards."""

from dataclasses import dataclass

from app.estimation.speed.devices import device_class, matrix_flops, memory_bytes_per_second
from app.estimation.speed.interconnect import all_reduce_seconds, send_seconds
from app.estimation.speed.passes import InferencePass
from app.estimation.speed.runtimes import DEFAULT, RUNTIMES, FormatCost, Runtime, format_cost
from app.hardware import Gpu

MICRO = 1e-6
GIGA = 1e9
HALF_BYTES = 2
FLOPS_PER_WEIGHT = 2
TENSOR_EXCHANGES = 2  # all-reduces of one block: after attention and after the feed-forward
HOST_SHARE = 0.65  # of the RAM's bandwidth that layers left on the processor reach
BATCHED_SHARE = 0.45  # of the matrix rate in decoding steps of many sequences


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How a model for inference lies on cards: `tensor` of them share every layer, `stages` take turns, `replicas` work apart."""

    tensor: int = 1
    stages: int = 1
    replicas: int = 1

    @property
    def gpus(self) -> int:
        """Cards of one replica."""
        return self.tensor * self.stages


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeconds:
    """One decoding step of all sequences, in seconds by cause."""

    overhead: float
    memory: float
    compute: float  # beyond what reading the weights takes anyway
    host: float
    exchange: float

    @property
    def total(self) -> float:
        """The whole step."""
        return self.overhead + self.memory + self.compute + self.host + self.exchange

    @property
    def bottleneck(self) -> str:
        """What takes most of it."""
        causes = {
            "memory bandwidth": self.memory, "fixed overhead": self.overhead, "compute": self.compute,
            "host memory bandwidth": self.host, "interconnect": self.exchange,
        }  # fmt: skip
        return max(causes, key=lambda cause: causes[cause])


def decode_step(job: InferencePass, gpu: Gpu, split: Split) -> StepSeconds:
    """Seconds of one step that gives every sequence one token."""
    runtime, cost = RUNTIMES.get(job.runtime, DEFAULT), format_cost(job.weight_format)
    on_gpu = max(0, _weight_bytes(job) - job.offloaded_bytes)
    reading = on_gpu / split.tensor / (_weight_share(gpu, runtime, cost, job) * memory_bytes_per_second(gpu))
    cache = job.sequences * _cache_bytes(job) / split.tensor / (device_class(gpu).decode * memory_bytes_per_second(gpu))
    flops = FLOPS_PER_WEIGHT * job.active_parameters * job.sequences / split.tensor
    computing = flops / (BATCHED_SHARE * matrix_flops(gpu, cost.product))
    device = max(reading, computing) + cache
    fixed = job.layers * (runtime.layer_us + cost.layer_us) * MICRO
    if runtime.eager or cost.eager:
        fixed = max(0.0, fixed - device)
    return StepSeconds(
        overhead=fixed,
        memory=reading + cache,
        compute=max(0.0, computing - reading),
        host=job.offloaded_bytes / (HOST_SHARE * job.host_bandwidth_gb_s * GIGA),
        exchange=_exchange(job, gpu, split),
    )


def _weight_bytes(job: InferencePass) -> float:
    """Weights read for one step: with many sequences, more of the experts are used by at least one of them."""
    used = 1 - (1 - job.experts_active) ** job.sequences
    return job.weight_bytes_read + job.expert_bytes * (used - job.experts_active)


def _cache_bytes(job: InferencePass) -> float:
    """The cache of one sequence, halfway between the prompt and the end of generation."""
    return job.kv_bytes_per_position * (min(job.prompt_tokens, job.context) + job.context) / 2


def _weight_share(gpu: Gpu, runtime: Runtime, cost: FormatCost, job: InferencePass) -> float:
    return device_class(gpu).decode * runtime.decode_share * cost.runtimes.get(job.runtime, cost.share)


def _exchange(job: InferencePass, gpu: Gpu, split: Split) -> float:
    activations = job.sequences * job.hidden * HALF_BYTES
    seconds = 0.0
    if split.tensor > 1:
        seconds += TENSOR_EXCHANGES * job.layers * all_reduce_seconds(activations, gpu, split.tensor)
    if split.stages > 1:
        seconds += (split.stages - 1) * send_seconds(activations, gpu, split.gpus)
    return seconds
