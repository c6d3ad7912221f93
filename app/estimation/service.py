"""The estimation service: from a workload to a prepared job, and to its estimate."""

from typing import Any

from app.estimation.capacity import capacity
from app.estimation.classical_job import ClassicalJob
from app.estimation.estimate import Estimate
from app.estimation.inference_job import InferenceJob
from app.estimation.job import Job
from app.estimation.training_job import TrainingJob
from app.hardware import Gpu
from app.placement import Placement, Speed
from app.units import GIB
from app.workloads import ClassicalWorkload, InferenceWorkload, TrainingWorkload, Workload, parse_workload


def prepare(workload: Workload) -> Job:
    """Traces a workload once. The job then gives its estimate, and the placement on any number of any GPU.

    Raises InvalidInput naming the field that is wrong.
    """
    match workload:
        case TrainingWorkload():
            return TrainingJob(workload)
        case InferenceWorkload():
            return InferenceJob(workload)
        case ClassicalWorkload():
            return ClassicalJob(workload)


def estimate(workload: Workload) -> Estimate:
    """What the workload needs."""
    return prepare(workload).estimate


def estimate_document(document: object) -> dict[str, Any]:
    """The estimate of a decoded workload document, as JSON. Raises InvalidInput naming every wrong field."""
    return estimate(parse_workload(document)).to_json()


def speed_on(document: object, gpu: Gpu, quantity: int) -> dict[str, Any]:
    """The estimate with the speed on this many of one GPU, whether or not the job fits there."""
    job = prepare(parse_workload(document))
    placement = job.place(gpu, quantity)
    speed = job.speed(gpu, placement.sharding) if isinstance(placement, Placement) else Speed()
    return {**job.estimate.to_json(), "speed": speed_json(speed)}


def capacity_on(document: object, gpu: Gpu, quantity: int, ram_gb: float | None = None) -> dict[str, Any]:
    """How large the workload may be on this many of one GPU, beside so much RAM, as JSON. Raises InvalidInput naming what is wrong."""
    return capacity(parse_workload(document), gpu, quantity, round(ram_gb * GIB) if ram_gb else None).to_json()


def speed_json(speed: Speed) -> dict[str, Any]:
    """A speed as the contract spells it."""
    rate = speed.rate
    return {
        "decode_tokens_per_second": speed.decode_tokens_per_second,
        "prompt_tokens_per_second": speed.prompt_tokens_per_second,
        "time_to_first_token_s": speed.time_to_first_token_s,
        "samples_or_tokens_per_second": speed.samples_or_tokens_per_second,
        "step_seconds": speed.step_seconds,
        "epoch_seconds": speed.epoch_seconds,
        "run_seconds": speed.run_seconds,
        "interval": {"low": rate / speed.interval_factor, "high": rate * speed.interval_factor, "basis": speed.basis} if rate else None,
        "basis": speed.basis if rate else "not estimated",
        "bottleneck": speed.bottleneck,
    }
