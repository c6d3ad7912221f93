"""Models too large for the cards: how many layers fit there, while the others run from system RAM."""

from dataclasses import dataclass

from app.estimation.job import Need
from app.placement import Finding, Speed
from app.units import ceil_div

# Runtimes that place as many layers as fit on the cards and the rest in RAM: llama.cpp's --n-gpu-layers, Ollama, accelerate's device_map.
SPILLING_RUNTIMES = frozenset({"llama.cpp", "ollama", "transformers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spill:
    """So many layers of `layers` on the cards, and what the fullest card then needs."""

    on_gpu: int
    layers: int
    need: Need

    @property
    def share(self) -> float:
        """Share of the layers on the cards."""
        return self.on_gpu / self.layers


def most_layers(everything: Need, without_layers: Need, layers: int, room_bytes: int) -> Spill:
    """The most layers that fit into `room_bytes` of the fullest card, every layer taking the same; none where not even the rest fits."""
    each = max(1, ceil_div(everything.required - without_layers.required, layers))
    count = min(layers, max(0, (room_bytes - without_layers.required) // each))
    high = ceil_div(everything.high - without_layers.high, layers)
    return Spill(on_gpu=count, layers=layers, need=Need(without_layers.required + count * each, without_layers.high + count * high))


def spill_finding(on_gpu: int, layers: int, spilled: Speed, whole: Speed, host_bandwidth_gb_s: float) -> Finding:
    """How much slower the job is for the layers that are left in RAM."""
    slower = f", about {whole.rate / spilled.rate:.2g} times slower than with all of them on GPUs" if spilled.rate and whole.rate else ""
    return Finding(
        severity="caution",
        code="spills",
        message=f"{on_gpu} of {layers} layers fit on the GPUs; the others run from system RAM{slower}.",
        remedy=f"The factor is that of RAM with {host_bandwidth_gb_s:.0f} GB/s (a desktop with two channels); a machine's speed counts the "
        "channels that its RAM fills. Fewer bits per weight or more GPU memory avoid it.",
    )
