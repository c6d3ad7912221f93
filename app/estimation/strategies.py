"""Ways to spread a job over several GPUs, in the order in which they are tried: the first that fits is taken, being the fastest."""

from collections.abc import Iterator

from app.estimation.training import requested_sharding
from app.placement import Sharding
from app.workloads.training import Parallelism, TrainingWorkload


def training_strategies(workload: TrainingWorkload, gpus: int) -> Iterator[Sharding]:
    """What was asked for, where it was; else replicas, then shards of states, gradients and weights, then (on "auto") offload."""
    parallelism = workload.parallelism
    if isinstance(parallelism, Parallelism) and parallelism.model_fields_set:
        requested = requested_sharding(parallelism)
        if requested.gpus == gpus:
            yield requested
        return
    yield Sharding(gpus=gpus, data=gpus)
    if gpus > 1:
        for stage in (1, 2, 3):
            yield Sharding(gpus=gpus, data=gpus, zero_stage=stage)
    if parallelism == "auto":
        yield Sharding(gpus=gpus, data=gpus, zero_stage=2 if gpus > 1 else 1, offload="optimizer")
        yield Sharding(gpus=gpus, data=gpus, zero_stage=3, offload="all")


def inference_strategies(parallelism: Parallelism | str, gpus: int, splits_by: str, heads: int) -> Iterator[Sharding]:
    """What was asked for, where it was; else the runtime's own way: tensor parallel where the heads divide, otherwise by layers."""
    if isinstance(parallelism, Parallelism) and parallelism.model_fields_set:
        requested = requested_sharding(parallelism)
        if requested.gpus == gpus:
            yield requested
        return
    if gpus == 1:
        yield Sharding()
    elif splits_by == "tensor" and heads % gpus == 0:
        yield Sharding(gpus=gpus, tensor=gpus)
    else:
        yield Sharding(gpus=gpus, pipeline=gpus)
