"""Ways to spread a job over several GPUs, in the order in which they are tried: the first that fits is taken, being the fastest."""

from collections.abc import Callable, Iterator

from app.estimation.training import requested_sharding
from app.hardware import Gpu
from app.placement import Finding, Sharding
from app.units import format_binary
from app.workloads.training import Parallelism, TrainingWorkload

LONG_SEQUENCE = 16_384  # tokens; below, exchanging keys and values of every layer gains too little (Llama 3 divides sequences at 131,072)
LARGEST_SPLIT = 8  # GPUs; beyond one machine the exchange within every layer is too slow
SHARED = {
    1: "Optimizer states are shared (ZeRO-1)",
    2: "Gradients and optimizer states are shared (ZeRO-2)",
    3: "Weights, gradients and optimizer states are shared (FSDP)",
}


def training_strategies(workload: TrainingWorkload, gpus: int, can_run: Callable[[Sharding], bool]) -> Iterator[Sharding]:
    """What was asked for, where it was; else replicas, then shards of states, gradients and weights; on "auto" also divided experts,
    sequences and matrices, of which the last two divide activations too, and offload. The order is that of what is exchanged in each step,
    least first. `can_run`: whether the network can be divided so."""
    parallelism = workload.parallelism
    if isinstance(parallelism, Parallelism) and parallelism.is_asked_for:
        requested = requested_sharding(parallelism)
        if requested.gpus == gpus:
            yield requested
        return
    open_to_all = parallelism == "auto"
    yield Sharding(gpus=gpus, data=gpus)
    if gpus > 1:
        yield Sharding(gpus=gpus, data=gpus, zero_stage=1)
        yield Sharding(gpus=gpus, data=gpus, zero_stage=2)
        yield from filter(can_run, _divided_experts(gpus) if open_to_all else ())
        yield Sharding(gpus=gpus, data=gpus, zero_stage=3)
    if open_to_all:
        yield from filter(can_run, _divided_layers(workload, gpus))
        yield Sharding(gpus=gpus, data=gpus, zero_stage=2 if gpus > 1 else 1, offload="optimizer")
        yield Sharding(gpus=gpus, data=gpus, zero_stage=3, offload="all")


def _divided_experts(gpus: int) -> Iterator[Sharding]:
    if gpus <= LARGEST_SPLIT:
        yield Sharding(gpus=gpus, data=gpus, expert=gpus, zero_stage=2)


def _divided_layers(workload: TrainingWorkload, gpus: int) -> Iterator[Sharding]:
    """Long sequences, and matrices, divided over the GPUs of one machine."""
    if not 1 < gpus <= LARGEST_SPLIT:
        return
    if (workload.sequence_length or 0) >= LONG_SEQUENCE:
        yield Sharding(gpus=gpus, context=gpus, zero_stage=3)
    yield Sharding(gpus=gpus, tensor=gpus)


def chosen_strategy(spread: Sharding, replica_bytes: int, gpu: Gpu) -> Finding:
    """Why "auto" took this strategy: the first in the order above that fits, or the one that comes nearest."""
    need = f"a whole copy needs {format_binary(replica_bytes)} on each GPU and the card has {format_binary(gpu.visible_bytes)}"
    if spread.offload != "none":
        why = f"{need}, also where the GPUs share the states"
    elif spread.zero_stage or spread.communicators > (spread.data > 1):
        why = need
    else:
        why = "it fits and needs nothing else" if replica_bytes <= gpu.visible_bytes else f"{need}, and no other strategy needs less"
    return Finding(severity="note", code="strategy_chosen", message=f"{strategy_name(spread)}: {why}.")


def strategy_name(spread: Sharding) -> str:
    """A way to spread training in plain words."""
    if spread.offload != "none":
        kept = "weights, gradients and optimizer states" if spread.offload == "all" else "gradients and optimizer states"
        return f"{kept.capitalize()} are kept in system RAM (DeepSpeed, offload)"
    if spread.tensor > 1:
        return f"Each matrix is split over {spread.gpus} GPUs (tensor parallel)"
    if spread.expert > 1:
        return f"Experts are divided over {spread.gpus} GPUs (expert parallel), gradients and optimizer states are shared (ZeRO-2)"
    if spread.context > 1:
        return f"Each sequence is divided over {spread.gpus} GPUs (context parallel), and all states are shared (FSDP)"
    if spread.zero_stage:
        return f"{SHARED[spread.zero_stage]} over {spread.gpus} GPUs"
    return f"Each of {spread.gpus} GPUs keeps a whole copy (data parallel)" if spread.gpus > 1 else "One GPU keeps everything"


def inference_strategies(parallelism: Parallelism | str, gpus: int, splits_by: str, heads: int) -> Iterator[Sharding]:
    """What was asked for, where it was; else the runtime's own way: tensor parallel where the heads divide, otherwise by layers; nothing
    where the runtime keeps a model on one GPU."""
    if isinstance(parallelism, Parallelism) and parallelism.is_asked_for:
        requested = requested_sharding(parallelism)
        if requested.gpus == gpus:
            yield requested
        return
    if gpus == 1:
        yield Sharding()
    elif splits_by == "tensor" and heads % gpus == 0:
        yield Sharding(gpus=gpus, tensor=gpus)
    elif splits_by != "nothing":
        yield Sharding(gpus=gpus, pipeline=gpus)
