"""What cards run: the ready-made jobs that need a GPU, and well-known models at the best settings that fit."""

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from app.architectures import library
from app.estimation.capacity import Capacity, capacity
from app.estimation.service import prepare
from app.hardware import Gpu
from app.placement import Offload, Placement, Speed
from app.units import format_binary
from app.web.contexts.job import speed_unit
from app.web.contexts.machine import TIGHT_SHARE
from app.web.contexts.values import rate
from app.workloads import InferenceWorkload, parse_request, parse_workload
from app.workloads.presets import Preset, presets

CARDS_REMEMBERED = 256

# Models of every size that people run at home and at work, the smallest first.
MODELS = (
    "meta-llama/Llama-3.2-3B",
    "meta-llama/Llama-3.1-8B",
    "Qwen/Qwen3-14B",
    "openai/gpt-oss-20b",
    "Qwen/Qwen3-30B-A3B",
    "Qwen/Qwen3-32B",
    "meta-llama/Llama-3.1-70B",
    "openai/gpt-oss-120b",
    "meta-llama/Llama-3.1-405B",
    "deepseek-ai/DeepSeek-V3",
)
COARSE = frozenset({"q3_k_m", "q2_k", "iq2_xxs", "iq1_s"})
SHORT_CONTEXT = 8192  # tokens that a model must hold at least to be called runnable


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One job on the card."""

    title: str
    href: str
    need: str
    verdict: str
    tone: str
    speed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """One model, run on the cards alone: the most precise weights that fit, and how far they go."""

    name: str
    href: str
    weights: str
    coarse: bool  # below four bits, where answers get worse
    context: str
    speed: str


@lru_cache(maxsize=CARDS_REMEMBERED)
def jobs_on(gpu: Gpu, quantity: int) -> tuple[RunView, ...]:
    """Every ready-made job that needs a GPU, on so many of this card."""
    tried = (_tried(preset, gpu, quantity) for preset in presets())
    return tuple(run for run in tried if run)


@lru_cache(maxsize=CARDS_REMEMBERED)
def models_on(gpu: Gpu, quantity: int) -> tuple[ModelRun, ...]:
    """Every one of MODELS with the settings at which llama.cpp runs it on so many of this card."""
    return tuple(_model(name, gpu, quantity) for name in MODELS)


def _model(name: str, gpu: Gpu, quantity: int) -> ModelRun:
    asked, entry = _workload(name), library.find(name)
    finest = capacity(asked, gpu, quantity)
    href = f"/?task=run&model={name}"
    if not finest.weight_format:
        return ModelRun(
            name=entry.name, href=href, weights="", coarse=False, context=finest.reason or "too large at any precision", speed=""
        )
    settings = asked.model_copy(update=dict(finest.weight_format))
    placed = prepare(settings).place(gpu, quantity)
    speed = placed.speed if isinstance(placed, Placement) else Speed()
    return ModelRun(
        name=entry.name,
        href=f"{href}&weights={settings.weight_format}",
        weights=settings.weight_format.upper(),
        coarse=settings.weight_format in COARSE,
        context=f"{_longest(entry, capacity(settings, gpu, quantity)):,} tokens",
        speed=_speed_text(speed, "tok") if speed.rate else "",
    )


def _longest(entry: library.ModelEntry, found: Capacity) -> int:
    """The longest context that fits the cards, and that the model was made for."""
    text = entry.config.get("text_config", entry.config)
    limits = (found.largest["context_length"], text.get("max_position_embeddings"))
    return min(limit for limit in limits if limit)


def _workload(name: str) -> InferenceWorkload:
    """One user with a short context and a 16-bit cache; the weight format is what is asked for."""
    document = {
        "kind": "inference",
        "model": {"preset": name},
        "runtime": "llama.cpp",
        "weight_format": "q4_k_m",
        "kv_cache_format": "fp16",
    }
    return cast("InferenceWorkload", parse_workload({**document, "context_length": SHORT_CONTEXT, "parallelism": "auto"}))


def _tried(preset: Preset, gpu: Gpu, quantity: int) -> RunView | None:
    request = parse_request(preset.document)
    job = prepare(request.workload)
    if not job.needs_gpu:
        return None
    placement = job.place(gpu, quantity)
    if not isinstance(placement, Placement):
        return _run(preset, "\N{EN DASH}", placement.reason, "muted", "")
    missing = placement.gpu_bytes - gpu.visible_bytes
    verdict, tone = _verdict(missing, placement.gpu_bytes / gpu.visible_bytes, placement.sharding.offload)
    unit = speed_unit(request.workload.model_dump())
    speed = _speed_text(placement.speed, unit) if missing <= 0 and placement.speed.rate else ""
    return _run(preset, format_binary(placement.gpu_bytes), verdict, tone, speed)


def _speed_text(speed: Speed, unit: str) -> str:
    return f"{rate(speed.rate, unit)}{' modelled' if speed.basis == 'model' else ''}"


def _verdict(missing_bytes: int, share: float, offload: Offload) -> tuple[str, str]:
    if missing_bytes > 0:
        return f"lacks {format_binary(missing_bytes)}", "bad"
    if offload != "none":
        return "fits with a part in RAM", "caution"
    return ("tight", "caution") if share > TIGHT_SHARE else ("fits", "good")


def _run(preset: Preset, need: str, verdict: str, tone: str, speed: str) -> RunView:
    return RunView(title=preset.title, href=f"/?preset={preset.id}", need=need, verdict=verdict, tone=tone, speed=speed or "\N{EN DASH}")
