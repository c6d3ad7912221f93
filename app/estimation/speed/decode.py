"""Time of one decoding step: fixed overhead, weights read once for all sequences, the cache of each sequence, exchanges between cards."""

from dataclasses import dataclass

from app.estimation.speed.devices import device_class, half_flops, matrix_flops, memory_bytes_per_second, quantized_flops
from app.estimation.speed.interconnect import all_reduce_seconds, host_copy_seconds, send_seconds
from app.estimation.speed.passes import InferencePass
from app.estimation.speed.runtimes import DEFAULT, EAGER_LAYER_US, RUNTIMES, FormatCost, Runtime, format_cost
from app.hardware import Gpu
from app.placement import RamTraffic

MICRO = 1e-6
GIGA = 1e9
HALF_BYTES = 2
FLOPS_PER_WEIGHT = 2
TENSOR_EXCHANGES = 2  # all-reduces of one block: after attention and after the feed-forward
CACHE_SHARE = 0.85  # of the bandwidth when attention reads the cache: long contiguous rows
HOST_SHARE = 0.65  # of the RAM's bandwidth that layers left on the processor reach
HOST_FLOPS = 4e11  # of a desktop processor in products with packed weights: eight cores with AVX2 at 4 GHz, two fifths of the peak
BATCHED_SHARE = 0.6  # of the matrix rate in decoding steps of many sequences


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
    draft: float = 0.0  # of the model that proposes tokens

    @property
    def total(self) -> float:
        """The whole step."""
        return self.overhead + self.memory + self.compute + self.host + self.exchange + self.draft

    @property
    def bottleneck(self) -> str:
        """What takes most of it."""
        causes = self._causes | {"host memory bandwidth": self.host}
        return max(causes, key=lambda cause: causes[cause])

    @property
    def rest_bottleneck(self) -> str:
        """What takes most of it beside the host."""
        causes = self._causes
        return max(causes, key=lambda cause: causes[cause])

    @property
    def _causes(self) -> dict[str, float]:
        return {
            "memory bandwidth": self.memory, "fixed overhead": self.overhead, "compute": self.compute,
            "interconnect": self.exchange, "draft model": self.draft,
        }  # fmt: skip


def decode_step(job: InferencePass, gpu: Gpu, split: Split) -> StepSeconds:
    """Seconds of one step that gives every sequence one token, or `tokens_per_pass` where more are proposed and checked."""
    runtime, cost = RUNTIMES.get(job.runtime, DEFAULT), format_cost(job.weight_format)
    weights, tokens = _weight_bytes(job), _tokens(job)
    reading = job.gpu_share * weights / split.tensor / (_weight_share(gpu, cost, job) * memory_bytes_per_second(gpu))
    cache = job.gpu_share * job.sequences * _cache_bytes(job) / split.tensor / (CACHE_SHARE * memory_bytes_per_second(gpu))
    flops = job.gpu_share * FLOPS_PER_WEIGHT * job.active_parameters * tokens / split.tensor
    computing = flops / (BATCHED_SHARE * product_flops(gpu, runtime, cost))
    device = max(reading, computing) + cache
    fixed = _fixed_seconds(job, gpu, runtime, cost, split)
    if runtime.eager or cost.eager:
        fixed = max(0.0, fixed - device)
    return StepSeconds(
        overhead=fixed,
        memory=reading + cache,
        compute=max(0.0, computing - reading),
        host=_host_seconds(job, gpu, runtime),
        exchange=_exchange(job, gpu, split),
        draft=job.proposed_tokens * decode_step(job.draft, gpu, Split()).total if job.draft else 0.0,
    )


def _tokens(job: InferencePass) -> int:
    """Tokens that go through the model in one step."""
    return job.sequences * (1 + job.proposed_tokens)


def _host_seconds(job: InferencePass, gpu: Gpu, runtime: Runtime) -> float:
    """Layers kept in RAM: copied to the card, or computed by the processor at the rate of its memory or of its arithmetic."""
    if runtime.streams_offloaded:
        return host_copy_seconds((1 - job.gpu_share) * _weight_bytes(job), gpu)
    return max(_host_reading(job), _host_computing(job))


def _host_reading(job: InferencePass) -> float:
    moved = (1 - job.gpu_share) * (_weight_bytes(job) + job.sequences * _cache_bytes(job))
    return moved / (HOST_SHARE * job.host_bandwidth_gb_s * GIGA)


def _host_computing(job: InferencePass) -> float:
    return (1 - job.gpu_share) * FLOPS_PER_WEIGHT * job.active_parameters * _tokens(job) / HOST_FLOPS


def ram_traffic(job: InferencePass, gpu: Gpu, split: Split) -> RamTraffic | None:
    """How a decoding step depends on the RAM; None where no layer is left to the processor."""
    if job.gpu_share == 1 or job.work or RUNTIMES.get(job.runtime, DEFAULT).streams_offloaded:
        return None
    step = decode_step(job, gpu, split)
    return RamTraffic(
        reading_s=_host_reading(job),
        computing_s=_host_computing(job),
        rest_s=step.total - step.host,
        reference_gb_s=job.host_bandwidth_gb_s,
        rest_bottleneck=step.rest_bottleneck,
    )


def _fixed_seconds(job: InferencePass, gpu: Gpu, runtime: Runtime, cost: FormatCost, split: Split) -> float:
    """Fixed cost of all blocks. That of eager code is the host's, whatever the card."""
    on_host = runtime.eager or cost.eager
    layer_us = max(runtime.layer_us, EAGER_LAYER_US) if on_host else runtime.layer_us * device_class(gpu).fixed_cost
    spread = split.stages > 1 or job.gpu_share < 1
    return job.layers * (layer_us + cost.layer_us + (runtime.stage_us if spread else 0.0)) * MICRO


def _weight_bytes(job: InferencePass) -> float:
    """Weights read for one step: with many sequences, more of the experts are used by at least one of them."""
    used = 1 - (1 - job.experts_active) ** _tokens(job)
    return job.weight_bytes_read + job.expert_bytes * (used - job.experts_active)


def _cache_bytes(job: InferencePass) -> float:
    """The cache of one sequence, halfway between the prompt and the end of generation."""
    return job.kv_bytes_per_position * (min(job.prompt_tokens, job.context) + job.context) / 2


def product_flops(gpu: Gpu, runtime: Runtime, cost: FormatCost) -> float:
    """Matrix rate at which products with weights of this format run, FLOP/s."""
    if cost.product == "packed":
        return quantized_flops(gpu, fp16_accumulation=runtime.fp16_accumulation)
    if cost.product == "fp16":
        return half_flops(gpu, bf16=False, fp16_accumulation=runtime.fp16_accumulation)
    return matrix_flops(gpu, cost.product)


def _weight_share(gpu: Gpu, cost: FormatCost, job: InferencePass) -> float:
    return device_class(gpu).decode * cost.runtimes.get(job.runtime, cost.share)


def _exchange(job: InferencePass, gpu: Gpu, split: Split) -> float:
    activations = _tokens(job) * job.hidden * HALF_BYTES
    seconds = 0.0
    if split.tensor > 1:
        seconds += TENSOR_EXCHANGES * job.layers * all_reduce_seconds(activations, gpu, split.tensor)
    if split.stages > 1:
        seconds += (split.stages - 1) * send_seconds(activations, gpu, split.gpus)
    return seconds
