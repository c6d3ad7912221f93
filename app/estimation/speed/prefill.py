"""Time of the first pass over a prompt: matrix products at a share of the peak, attention, weights read or unpacked, a fixed cost."""

from app.estimation.speed.decode import Split
from app.estimation.speed.devices import device_class, half_flops, matrix_flops, memory_bytes_per_second
from app.estimation.speed.interconnect import all_reduce_seconds
from app.estimation.speed.passes import InferencePass
from app.estimation.speed.runtimes import DEFAULT, RUNTIMES, Runtime, format_cost
from app.hardware import Gpu
from app.units import ceil_div

MILLI = 1e-3
HALF_BYTES = 2
FLOPS_PER_WEIGHT = 2
TENSOR_EXCHANGES = 2
PLAIN_FORMATS = ("bf16", "fp16", "f16", "fp32", "f32", "fp8")


def prefill_seconds(job: InferencePass, gpu: Gpu, split: Split, *, sequences: int) -> float:
    """Seconds until the prompts of `sequences` sequences are in the cache."""
    runtime = RUNTIMES.get(job.runtime, DEFAULT)
    tokens = sequences * job.prompt_tokens
    products = prefill_flops(job, sequences) / split.tensor / (runtime.prefill_share * _peak(job, gpu, runtime))
    passes = ceil_div(tokens, runtime.chunk)
    moved = passes * _bytes_of_one_pass(job, runtime) / split.tensor
    memory = moved / (device_class(gpu).bandwidth * memory_bytes_per_second(gpu))
    exchange = 0.0
    if split.tensor > 1:
        exchange = TENSOR_EXCHANGES * job.layers * all_reduce_seconds(tokens * job.hidden * HALF_BYTES, gpu, split.tensor)
    return runtime.prefill_ms * MILLI + products + memory + exchange


def prefill_flops(job: InferencePass, sequences: int) -> float:
    """Products with the weights, and both products of causal attention."""
    length = job.prompt_tokens
    attention = 2 * job.layers * job.attention_width * length * length
    return sequences * (FLOPS_PER_WEIGHT * job.active_parameters * length + attention)


def _peak(job: InferencePass, gpu: Gpu, runtime: Runtime) -> float:
    product = format_cost(job.weight_format).product
    if runtime.fp16_accumulation and product == "fp16":
        return half_flops(gpu, bf16=False, fp16_accumulation=True)
    return matrix_flops(gpu, product)


def _bytes_of_one_pass(job: InferencePass, runtime: Runtime) -> float:
    """Weights are read once a pass; packed ones are written out in 16 bits and read again."""
    if job.weight_format in PLAIN_FORMATS:
        return job.weight_bytes_read
    return job.weight_bytes_read + 2 * HALF_BYTES * runtime.prefill_traffic * job.active_parameters
