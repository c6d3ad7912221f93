"""Whether a model fits given cards, spills over into RAM or onto disk and how slow it then is, or cannot run there at all."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.estimation.inference import PreparedInference
from app.estimation.inference_job import InferenceJob
from app.hardware import Gpu
from app.placement import Placement
from app.units import GB

DISK_BYTES_PER_SECOND = 3 * GB  # an NVMe SSD of PCIe 3.0: weights that RAM does not hold are read again for every token (mmap)

Outcome = Literal["fits", "spills", "impossible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`spills`: `gpu_layers` of `layers` run on the cards, the others from RAM, of which `disk_bytes` do not fit and are read from disk.

    `tokens_per_second` is what remains then; `times_slower` compares it with cards that hold everything. None where it is not estimated.
    """

    outcome: Outcome
    gpu_layers: int = 0
    layers: int = 0
    host_bytes: int = 0
    disk_bytes: int = 0
    tokens_per_second: float | None = None
    times_slower: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The verdict as the contract spells it."""
        return asdict(self)


def verdict_on(prepared: PreparedInference, gpu: Gpu, gpus: int, ram_bytes: int | None) -> Verdict:
    """The verdict on this many of the card, beside so much RAM; None: as much as it takes."""
    job = InferenceJob(prepared.workload.model_copy(update={"cpu_offload": "auto"}), alike=prepared)
    placed = job.place(gpu, gpus)
    if not isinstance(placed, Placement) or placed.gpu_bytes > gpu.visible_bytes:
        return Verdict(outcome="impossible")
    spill, rate = job.spill(gpu, placed.sharding), placed.speed.rate
    if spill.on_gpu >= spill.layers:
        return Verdict(outcome="fits", gpu_layers=spill.layers, layers=spill.layers, tokens_per_second=rate or None)
    whole = job.speed_of(gpu, placed.sharding, 1.0).rate
    missing = max(0, placed.host_bytes - ram_bytes) if ram_bytes is not None else 0
    slowed = 1 / (1 / rate + missing * _share_read(job) / DISK_BYTES_PER_SECOND) if rate else 0.0
    return Verdict(
        outcome="spills", gpu_layers=spill.on_gpu, layers=spill.layers, host_bytes=placed.host_bytes, disk_bytes=missing,
        tokens_per_second=slowed or None, times_slower=whole / slowed if slowed and whole else None,
    )  # fmt: skip


def _share_read(job: InferenceJob) -> float:
    """Share of the weights that one token reads: of a mixture only the experts it uses."""
    prepared = job.prepared
    idle = prepared.expert_bytes * (1 - prepared.network.experts_active())
    return max(0.0, 1 - idle / max(1, prepared.weights))
