"""Diffusion pipelines whose parts wait in RAM for their turn.

diffusers' enable_model_cpu_offload moves one part after the other to the GPU and back; enable_sequential_cpu_offload moves every leaf
module for each of its calls (accelerate, hooks.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.architectures.diffusion_pipeline import Pipeline
from app.architectures.network import Inputs, Network
from app.tape.dtypes import DType
from app.tape.modules import Module
from app.tape.recorder import Category, Moment
from app.tape.trace import trace_forward

PARTS = ("model", "sequential")  # values of cpu_offload
THERE_AND_BACK = 2


@dataclass(frozen=True, slots=True)
class FullestStage:
    """The part of a pipeline that needs most while it is on the GPU: what is alive then, and bytes of its weights that are there."""

    moment: Moment
    weights: int


WeightBytes = Callable[[Network], int]


def fullest_stage(network: Pipeline, inputs: Inputs, kind: str, compute: DType, weight_bytes: WeightBytes) -> FullestStage:
    """The stage that decides the need where one part ("model") or one leaf module ("sequential") is on the GPU at a time."""
    found = []
    for stage in network.stages(inputs):
        moment = trace_forward(stage.part, stage.run, compute, None).peak
        whole = weight_bytes(stage.part)
        found.append(FullestStage(moment, whole if kind == "model" else round(whole * _largest_leaf_share(stage.part))))
    return max(found, key=lambda one: one.moment.total_bytes - one.moment.bytes_of(Category.WEIGHTS) + one.weights)


def copied_bytes(network: Pipeline, inputs: Inputs, kind: str, weight_bytes: WeightBytes) -> int:
    """Bytes of weights that pass between RAM and GPU for one batch of images."""
    times: Mapping[str, Callable[[int], int]] = {"model": lambda _: THERE_AND_BACK, "sequential": lambda calls: calls}
    return sum(times[kind](stage.times) * weight_bytes(stage.part) for stage in network.stages(inputs))


def _largest_leaf_share(network: Network) -> float:
    """Share of a network's parameters that the module with the most of its own has."""
    largest = max(_own_parameters(module) for _, module in network.named_modules())
    return largest / max(1, network.parameter_count())


def _own_parameters(module: Module) -> int:
    return sum(value.size for value in vars(module).values() if hasattr(value, "requires_grad") and hasattr(value, "times"))
