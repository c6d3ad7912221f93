"""Which hardware a job's software runs on. The first rule that is broken is the reason given."""

from collections.abc import Callable
from dataclasses import dataclass

from app.estimation.runtimes import RUNTIMES, TORCH_CAPABILITY
from app.hardware import Gpu
from app.placement import Finding, Unplaceable
from app.workloads.inference import InferenceWorkload
from app.workloads.training import AdapterTuning, TrainingWorkload

TRAINING_VENDORS = frozenset({"NVIDIA", "AMD"})
BF16_PRECISIONS = frozenset({"bf16", "amp_bf16", "fp8"})
BITSANDBYTES = ("adamw_8bit", "paged_adamw_8bit", "paged_adamw")


def capability(gpu: Gpu) -> float:
    """CUDA compute capability as a number, 0 where there is none."""
    try:
        return float(gpu.compute_capability)
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A combination that does not run: when it is broken, and why in plain words ({gpu} is the card's name)."""

    code: str
    broken: Callable[[TrainingWorkload, Gpu], bool]
    reason: str


def _bitsandbytes(workload: TrainingWorkload) -> bool:
    return workload.optimizer in BITSANDBYTES or (isinstance(workload.tuning, AdapterTuning) and workload.tuning.method == "qlora")


TRAINING_RULES = (
    Rule(
        "vendor",
        lambda _w, g: g.vendor not in TRAINING_VENDORS,
        "{gpu} has no training software of the breadth this job needs (CUDA or ROCm)",
    ),
    Rule(
        "capability",
        lambda _w, g: g.vendor == "NVIDIA" and capability(g) < TORCH_CAPABILITY,
        "current PyTorch builds no longer support {gpu} (compute capability below 7.0)",
    ),
    Rule(
        "bf16",
        lambda w, g: w.precision in BF16_PRECISIONS and not g.supports_bf16,
        "{gpu} has no bfloat16 arithmetic; train in fp16 instead",
    ),
    Rule(
        "fp8",
        lambda w, g: w.precision == "fp8" and not g.supports_fp8,
        "{gpu} has no 8-bit floating-point matrix units",
    ),
    Rule(
        "bitsandbytes",
        lambda w, g: g.vendor != "NVIDIA" and _bitsandbytes(w),
        "8-bit and paged optimizers and QLoRA are proven on NVIDIA cards only",
    ),
)


def training_unsupported(workload: TrainingWorkload, gpu: Gpu) -> Unplaceable | None:
    """Why the job does not run on this GPU, None where it does."""
    rule = next((rule for rule in TRAINING_RULES if rule.broken(workload, gpu)), None)
    return Unplaceable(reason=rule.reason.format(gpu=gpu.name), code=rule.code) if rule else None


def training_cautions(gpu: Gpu) -> tuple[Finding, ...]:
    """What to know before training on this GPU."""
    if gpu.vendor == "AMD" and gpu.segment != "datacenter":
        text = f"Training on {gpu.name} goes through ROCm: fewer recipes, kernels and quantized formats than on CUDA."
        return (Finding(severity="caution", code="rocm", message=text, remedy="Check that your training code names ROCm as supported."),)
    if gpu.unified_memory:
        text = f"{gpu.name} shares its memory bandwidth with the processor and trains several times slower than a card of the same memory."
        return (
            Finding(
                severity="caution", code="unified_memory", message=text, remedy="Fine for trying out; rent or buy a card for long runs."
            ),
        )
    return ()


def inference_unsupported(workload: InferenceWorkload, gpu: Gpu) -> Unplaceable | None:
    """Why the runtime does not run on this GPU, None where it does."""
    runtime = RUNTIMES[workload.runtime]
    if gpu.vendor not in runtime.vendors:
        return Unplaceable(reason=f"{workload.runtime} does not run on {gpu.vendor} GPUs", code="vendor")
    if gpu.vendor == "NVIDIA" and capability(gpu) < runtime.least_capability:
        reason = f"{workload.runtime} needs compute capability {runtime.least_capability}; {gpu.name} has {gpu.compute_capability}"
        return Unplaceable(reason=reason, code="capability")
    return None
