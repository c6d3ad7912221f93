"""How a traced step is spread over GPUs: what each scheme divides, and what it adds.

Sources: Rajbhandari et al. 2020 (ZeRO); DeepSpeed's and PyTorch FSDP's defaults; PyTorch DistributedDataParallel, whose buckets hold a
second copy of the gradients.
"""

from dataclasses import dataclass

from app.placement import Sharding
from app.tape.recorder import Category, Moment
from app.units import ceil_div

BUCKET_ELEMENTS = 500_000_000  # DeepSpeed reduce_bucket_size and allgather_bucket_size
GATHERED_UNITS = 2  # FSDP: the block at work and the one being fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What sharding needs to know of a network: trained parameters, weight bytes of its largest block, bytes of one gradient element."""

    trainable: int
    largest_block_bytes: int
    gradient_bytes: int


def shares(moment: Moment, sharding: Sharding) -> dict[Category, int]:
    """Bytes of every category on the fullest GPU at this moment."""
    parts = sharding.tensor * sharding.pipeline
    result = dict(zip(Category, moment.bytes_by_category, strict=True))
    for category, divided_from_stage in ((Category.WEIGHTS, 3), (Category.GRADIENTS, 2), (Category.OPTIMIZER_STATES, 1)):
        divisor = parts * (sharding.data if sharding.zero_stage >= divided_from_stage else 1)
        result[category] = ceil_div(result[category], divisor)
    step_divisor = parts * (sharding.data if sharding.zero_stage >= 1 else 1)
    result[Category.OPTIMIZER_TEMPORARIES] = ceil_div(result[Category.OPTIMIZER_TEMPORARIES], step_divisor)
    result[Category.WEIGHT_CASTS] = ceil_div(result[Category.WEIGHT_CASTS], parts * (sharding.data if sharding.zero_stage >= 3 else 1))
    if sharding.offload != "none":
        for category in (Category.OPTIMIZER_STATES, Category.OPTIMIZER_TEMPORARIES, Category.GRADIENTS):
            result[category] = 0
    if sharding.offload == "all":
        result[Category.WEIGHTS] = 0
    return result


def communication_bytes(sharding: Sharding, shape: ModelShape) -> int:
    """Buffers that gradients and weights pass through."""
    if sharding.gpus == 1 and sharding.offload == "none":
        return 0
    gradients = shape.trainable * shape.gradient_bytes
    buckets = min(gradients, BUCKET_ELEMENTS * shape.gradient_bytes)
    if sharding.zero_stage == 0:
        return gradients if sharding.data > 1 else 0
    gathered = GATHERED_UNITS * shape.largest_block_bytes if sharding.zero_stage == 3 or sharding.offload == "all" else 0
    return buckets + gathered


def offloaded_bytes(moment_states: int, weights: int, gradients: int, sharding: Sharding) -> int:
    """Bytes that move to the host's RAM, over all GPUs of the machine."""
    if sharding.offload == "none":
        return 0
    return moment_states + gradients + (weights if sharding.offload == "all" else 0)
