"""What one card runs: the ready-made jobs that need a GPU, tried on it."""

from dataclasses import dataclass
from functools import lru_cache

from app.estimation.service import prepare
from app.hardware import Gpu
from app.placement import Offload, Placement, Speed
from app.units import format_binary
from app.web.contexts.job import speed_unit
from app.web.contexts.machine import TIGHT_SHARE
from app.web.contexts.values import rate
from app.workloads import parse_request
from app.workloads.presets import Preset, presets

CARDS_REMEMBERED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One job on the card."""

    title: str
    href: str
    need: str
    verdict: str
    tone: str
    speed: str


@lru_cache(maxsize=CARDS_REMEMBERED)
def jobs_on(gpu: Gpu) -> tuple[RunView, ...]:
    """Every ready-made job that needs a GPU, on one of this card."""
    tried = (_tried(preset, gpu) for preset in presets())
    return tuple(run for run in tried if run)


def _tried(preset: Preset, gpu: Gpu) -> RunView | None:
    request = parse_request(preset.document)
    job = prepare(request.workload)
    if not job.needs_gpu:
        return None
    placement = job.place(gpu, 1)
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
