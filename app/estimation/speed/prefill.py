"""Time of the first pass over a prompt: matrix products at a share of the peak, weights read or unpacked, a fixed cost of every block."""

from app.estimation.speed.decode import Split, product_flops
from app.estimation.speed.devices import OLD, device_class, memory_bytes_per_second
from app.estimation.speed.interconnect import all_reduce_seconds, host_copy_seconds
from app.estimation.speed.passes import InferencePass
from app.estimation.speed.runtimes import DEFAULT, RUNTIMES, format_cost
from app.hardware import Gpu
from app.units import ceil_div

MICRO = 1e-6
HALF_BYTES = 2
FLOPS_PER_WEIGHT = 2
TENSOR_EXCHANGES = 2  # all-reduces of one block


def prefill_seconds(job: InferencePass, gpu: Gpu, split: Split, *, sequences: int) -> float:
    """Seconds until the prompts of `sequences` sequences are in the cache."""
    runtime, cost, device = RUNTIMES.get(job.runtime, DEFAULT), format_cost(job.weight_format), device_class(gpu)
    tokens = sequences * job.prompt_tokens
    passes = ceil_div(tokens, runtime.chunk)
    rate = runtime.prefill_share * device.prefill * cost.prefill * product_flops(gpu, runtime, cost)
    products = prefill_flops(job, sequences) / split.tensor / rate
    memory = passes * _bytes_of_one_pass(job, gpu) / split.tensor / (device.bandwidth * memory_bytes_per_second(gpu))
    fixed = passes * job.layers * runtime.prefill_layer_us * device.fixed_cost * MICRO
    exchange = 0.0
    if split.tensor > 1:
        exchange = TENSOR_EXCHANGES * job.layers * all_reduce_seconds(tokens * job.hidden * HALF_BYTES, gpu, split.tensor)
    host = passes * host_copy_seconds((1 - job.gpu_share) * _all_weights(job), gpu)
    return fixed + products + memory + exchange + host


def prefill_flops(job: InferencePass, sequences: int) -> float:
    """Products with the weights, and both products of causal attention."""
    length = job.prompt_tokens
    attention = 2 * job.layers * job.attention_width * length * length
    return sequences * (FLOPS_PER_WEIGHT * job.active_parameters * length + attention)


def _all_weights(job: InferencePass) -> float:
    """Bytes of the weights that a long prompt reads: of all experts."""
    return job.weight_bytes_read + job.expert_bytes * (1 - job.experts_active)


def _bytes_of_one_pass(job: InferencePass, gpu: Gpu) -> float:
    """Weights are read once a pass; packed ones are written out in 16 bits and read again, except where integers are multiplied."""
    unpacked = format_cost(job.weight_format).product == "packed" and device_class(gpu) is not OLD
    return _all_weights(job) + (2 * HALF_BYTES * job.active_parameters if unpacked else 0)
