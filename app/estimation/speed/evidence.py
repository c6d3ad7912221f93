"""What a speed rests on: whether the public rows measure this card, or its class, and how far the estimates lay from them."""

from typing import Literal

from app.estimation.speed.devices import AMPERE, APPLE, BLACKWELL, GEFORCE, HOPPER, OLD, RDNA, VOLTA, WORKSTATION, device_class
from app.hardware import Gpu

Kind = Literal["decode", "prefill", "train", "forward"]  # forward: images and other whole samples

MEASURED: dict[Kind, frozenset[str]] = {
    "decode": frozenset(
        {
            "titan-rtx", "rtx-4090", "rtx-5090", "rtx-3080-ti", "rtx-4080", "rtx-4070-ti-super", "rtx-4070-ti", "radeon-ai-pro-r9700",
            "rtx-2080-ti", "rtx-4070", "mac-studio-m3-ultra-512", "rtx-a4000", "rx-7900-xt", "rtx-3060-12gb", "dgx-spark-128",
            "radeon-pro-w7700", "framework-desktop-395-128", "mac-studio-m1-max-64", "mac-mini-m4-32", "a100-80gb-sxm", "a100-40gb-sxm",
            "rx-6700-xt", "rtx-3090", "tesla-p40", "mac-mini-m4-pro-24", "rtx-2080", "rtx-5070", "h100-sxm", "l40s", "rtx-4000-ada",
            "rtx-5000-ada", "rtx-a6000", "rtx-6000-ada", "h100-pcie", "mac-studio-m2-ultra-192",
        }
    ),
    "prefill": frozenset(
        {
            "rtx-4090", "rx-6700-xt", "rtx-3090", "tesla-p40", "rtx-5090", "rtx-pro-6000-blackwell-maxq", "h100-sxm", "a100-80gb-sxm",
            "l40s", "rtx-4080", "rtx-4000-ada", "rtx-5000-ada", "rtx-a6000", "rtx-6000-ada", "h100-pcie", "mac-studio-m2-ultra-192",
        }
    ),
    "forward": frozenset({"rtx-3090", "rtx-4090", "rtx-5090", "rtx-pro-6000-blackwell-maxq"}),
    "train": frozenset(
        {
            "tesla-v100-16gb-sxm2", "tesla-v100-32gb-sxm2", "quadro-rtx-8000", "rtx-3090", "a10", "a100-40gb-pcie", "a100-80gb-pcie",
            "a100-80gb-sxm", "rtx-6000-ada", "rtx-a6000", "rtx-4090", "h100-pcie", "h100-sxm", "h200-sxm", "b200-sxm", "gh200-96gb",
            "a100-40gb-sxm",
        }
    ),
}  # fmt: skip
_INFERENCE_CLASSES = frozenset(known.name for known in (AMPERE, HOPPER, GEFORCE, WORKSTATION, OLD, RDNA, APPLE))
# Training rows measure them; a forward pass of images goes by the same shares of the peaks.
_ROOFLINE_CLASSES = frozenset(known.name for known in (VOLTA, AMPERE, HOPPER, BLACKWELL, GEFORCE, WORKSTATION))
MEASURED_CLASSES: dict[Kind, frozenset[str]] = {
    "decode": _INFERENCE_CLASSES,
    "prefill": _INFERENCE_CLASSES,
    "forward": _ROOFLINE_CLASSES,
    "train": _ROOFLINE_CLASSES,
}
# A rate lies within [estimate / factor, estimate x factor] for more than nine in ten of the public rows, with room for sources not seen.
FACTORS: dict[Kind, float] = {"decode": 1.45, "prefill": 1.5, "train": 1.5, "forward": 1.5}
BASIS_FACTOR = {"measured on this card": 1.0, "same class": 1.15, "model": 1.6}


def basis(gpu: Gpu, kind: Kind) -> str:
    """The strongest evidence there is for this card."""
    if gpu.id in MEASURED[kind]:
        return "measured on this card"
    return "same class" if device_class(gpu).name in MEASURED_CLASSES[kind] else "model"


def interval_factor(gpu: Gpu, kind: Kind) -> float:
    """The factor by which a rate may lie above or below its estimate."""
    return FACTORS[kind] * BASIS_FACTOR[basis(gpu, kind)]
