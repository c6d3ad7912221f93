"""The inverse questions: how long, how many, how large and how fine a job may be on given cards.

Each answer inverts the forward estimate: a job of that size fits the cards, one that is a step larger does not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import InvalidInput
from app.estimation.inference import PreparedInference
from app.estimation.inference_job import InferenceJob
from app.estimation.job import Job
from app.estimation.pipeline_offload import PARTS
from app.estimation.reservation import Reservation, reservation_on
from app.estimation.training_job import TrainingJob
from app.estimation.verdict import Verdict, verdict_on
from app.hardware import Gpu
from app.placement import Placement
from app.workloads import ClassicalWorkload, InferenceWorkload, TrainingWorkload, Workload

LARGEST = {
    "context_length": 10**8, "concurrent_sequences": 10**6, "batch_size": 10**6, "micro_batch_size": 10**7, "sequence_length": 10**8,
}  # fmt: skip
BISECT_EVERY = 3  # every third probe halves the bracket, so that steps of the need cannot stall the interpolation

Fields = Mapping[str, Any]
_GGUF = tuple(
    {"weight_format": name} for name in ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_xs", "q3_k_m", "q2_k", "iq2_xxs", "iq1_s")
)
_SERVED = tuple({"weight_format": name} for name in ("bf16", "fp8", "awq_int4"))
_PLAIN = tuple({"weight_format": name} for name in ("bf16", "int8", "nf4"))
_EXL2 = tuple({"weight_format": "exl2", "bits_per_weight": bits} for bits in (8.0, 6.0, 5.0, 4.0, 3.0, 2.5))
_MLX = tuple({"weight_format": "mlx", "bits_per_weight": bits} for bits in (8.0, 6.0, 5.0, 4.0, 3.0, 2.0))
# Weight formats that a runtime loads, the most precise first.
LADDERS: Mapping[str, tuple[Fields, ...]] = {
    "llama.cpp": _GGUF, "ollama": _GGUF, "whisper.cpp": _GGUF, "vllm": _SERVED, "sglang": _SERVED, "tensorrt-llm": _SERVED,
    "exllamav2": _EXL2, "mlx": _MLX, "transformers": _PLAIN, "diffusers": _PLAIN,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What fits on `gpus` cards of one kind, each size alone and all else as asked.

    `largest` maps a field of the workload to the largest value that fits, 0 where not even one does; a field that says nothing about the
    job is not in it. `weight_format` holds the fields of the most precise format that fits, None where none of the runtime's does.
    `reason` tells why the job does not run on these cards whatever its size, and is empty where it does.
    """

    gpu: str
    gpus: int
    fits: bool
    largest: Mapping[str, int] = field(default_factory=dict)
    weight_format: Fields | None = None
    reservation: Reservation | None = None
    verdict: Verdict | None = None  # of a model that generates text
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The capacity as the contract spells it: every size, null where it does not apply."""
        chosen = self.weight_format or {}
        return {
            "gpu": self.gpu, "gpus": self.gpus, "fits": self.fits, "reason": self.reason,
            **{name: self.largest.get(name) for name in LARGEST},
            "weight_format": chosen.get("weight_format"), "bits_per_weight": chosen.get("bits_per_weight"),
            "reservation": self.reservation.to_json() if self.reservation else None,
            "verdict": self.verdict.to_json() if self.verdict else None,
        }  # fmt: skip


def capacity(workload: Workload, gpu: Gpu, gpus: int, ram_bytes: int | None = None) -> Capacity:
    """What fits on this many of the card. Weights and cache all lie on the cards: offload is left out of the question, but for the
    verdict, which says what becomes of a model that is too large, with so much RAM beside it (None: as much as it takes).

    Raises InvalidInput naming the field of the workload that is wrong, also where it does not run on a GPU at all.
    """
    if isinstance(workload, ClassicalWorkload) or workload.device == "cpu":
        wrong = "kind" if isinstance(workload, ClassicalWorkload) else "device"
        raise InvalidInput("this job runs on the processor; ask for one that runs on a GPU", wrong)
    in_layers = isinstance(workload, InferenceWorkload) and workload.cpu_offload not in PARTS
    asked = workload.model_copy(update={"cpu_offload": "none"}) if in_layers else workload
    job = _job(asked)
    placed = job.place(gpu, gpus)
    if not isinstance(placed, Placement):
        return Capacity(gpu=gpu.id, gpus=gpus, fits=False, reason=placed.reason)
    return Capacity(
        gpu=gpu.id, gpus=gpus, fits=placed.gpu_bytes <= gpu.visible_bytes,
        largest={name: largest(_need(job, name, gpu, gpus), gpu.visible_bytes, LARGEST[name]) for name in sizes_of(job)},
        weight_format=_finest_format(job, gpu, gpus) if isinstance(job, InferenceJob) else None,
        reservation=reservation_on(job.prepared, placed.sharding, gpu) if isinstance(job, InferenceJob) else None,
        verdict=verdict_on(job.prepared, gpu, gpus, ram_bytes) if isinstance(job, InferenceJob) and job.prepared.language else None,
    )  # fmt: skip


def largest(need: Callable[[int], float], room: int, most: int) -> int:
    """The largest size of 1 to `most` whose need is within `room`, 0 where there is none. `need` never falls as the size grows."""
    if need(1) > room:
        return 0
    if need(most) <= room:
        return most
    low, high = 1, most
    probes = 0
    while high - low > 1:
        probes += 1
        size = (low + high) // 2 if probes % BISECT_EVERY == 0 else _crossing(low, need(low), high, need(high), room, probes)
        if need(size) <= room:
            low = size
        else:
            high = size
    return low


def _crossing(low: int, low_need: float, high: int, high_need: float, room: int, probes: int) -> int:
    """Where a straight line would cross `room`, in turn the size below and the size above it, strictly between the bounds."""
    if high_need == float("inf"):
        return (low + high) // 2
    guess = low + int((high - low) * (room - low_need) / (high_need - low_need)) + probes % 2
    return min(max(guess, low + 1), high - 1)


def _job(workload: InferenceWorkload | TrainingWorkload, alike: PreparedInference | None = None) -> InferenceJob | TrainingJob:
    return InferenceJob(workload, alike=alike) if isinstance(workload, InferenceWorkload) else TrainingJob(workload)


def sizes_of(job: Job) -> tuple[str, ...]:
    """The sizes that this kind of job may grow in."""
    match job:
        case InferenceJob():
            return ("context_length", "concurrent_sequences") if job.prepared.language else ("batch_size",)
        case TrainingJob():
            return ("micro_batch_size", "sequence_length") if job.traced.is_text else ("micro_batch_size",)
    return ()


def _need(job: InferenceJob | TrainingJob, name: str, gpu: Gpu, gpus: int) -> Callable[[int], float]:
    """Bytes that each card must have for each value of one field; infinite where the network does not take that value."""
    known: dict[int, float] = {}
    alike = job.prepared if isinstance(job, InferenceJob) else None

    def need(size: int) -> float:
        if size not in known:
            known[size] = _bytes_on(job.workload.model_copy(update={name: size}), gpu, gpus, alike)
        return known[size]

    return need


def _bytes_on(workload: InferenceWorkload | TrainingWorkload, gpu: Gpu, gpus: int, alike: PreparedInference | None = None) -> float:
    try:
        need = _job(workload, alike).gpu_bytes(gpu, gpus)
    except InvalidInput:
        return float("inf")
    return float("inf") if need is None else need


def _finest_format(job: InferenceJob, gpu: Gpu, gpus: int) -> Fields | None:
    ladder, alike = LADDERS.get(job.workload.runtime, ()), job.prepared
    steps = ((step, job.workload.model_copy(update=dict(step))) for step in ladder)
    return next((step for step, workload in steps if _bytes_on(workload, gpu, gpus, alike) <= gpu.visible_bytes), None)
