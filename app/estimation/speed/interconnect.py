"""Time of collective operations between cards.

Volumes: ring algorithms (Patarasuk and Yuan 2009), ZeRO (Rajbhandari et al. 2020), Megatron-LM's tensor parallelism (Shoeybi et al. 2019).
"""

from dataclasses import dataclass

from app.hardware import Gpu

GIGA = 1e9
GPUS_PER_NODE = 8
BRIDGED_CARDS = 2  # an NVLink bridge joins two cards
LINK_SHARE = 0.38  # of NVLink's rate, which counts both directions: what a ring sees (NCCL on A100: 230 of 600 GB/s)
PCIE_GB_S_PER_LANE = {3: 0.985, 4: 1.969, 5: 3.938}  # one direction, PCI-SIG
PCIE_SHARE = 0.45  # through the host's root complex, without peer-to-peer transfers
PAGEABLE_SHARE = 0.4  # of PCIe's rate: copies from ordinary, not page-locked memory (12 of 31.5 GB/s on PCIe 4)
DEFAULT_PCIE = (4, 16)
NODE_LINK_GB_S = 160.0
UNIFIED_LINK_GB_S = 5.0  # Thunderbolt or a 40 Gbit/s network between whole systems


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The slowest hop of a ring over all cards."""

    bytes_per_second: float
    latency_s: float  # of one collective operation of a few kilobytes


def link(gpu: Gpu, gpus: int) -> Link:
    """How `gpus` of a card reach each other. Latencies: gpt-fast's tensor-parallel rows on NVLink; PCIe about three times that."""
    if gpus > GPUS_PER_NODE:
        return Link(bytes_per_second=NODE_LINK_GB_S * GIGA, latency_s=30e-6)
    if gpu.unified_memory:
        return Link(bytes_per_second=UNIFIED_LINK_GB_S * GIGA, latency_s=100e-6)
    bridged = gpu.form_factor == "pcie" and gpus > BRIDGED_CARDS
    if gpu.link_gb_s and not bridged:
        return Link(bytes_per_second=LINK_SHARE * gpu.link_gb_s * GIGA, latency_s=11e-6)
    return Link(bytes_per_second=PCIE_SHARE * pcie_bytes_per_second(gpu), latency_s=35e-6)


def pcie_bytes_per_second(gpu: Gpu) -> float:
    """Rate of the card's slot in one direction."""
    generation, lanes = gpu.pcie_gen or DEFAULT_PCIE[0], gpu.pcie_lanes or DEFAULT_PCIE[1]
    return PCIE_GB_S_PER_LANE[min(max(generation, 3), 5)] * lanes * GIGA


def host_copy_seconds(count: float, gpu: Gpu) -> float:
    """`count` bytes from system RAM to the card, or back."""
    return count / (PAGEABLE_SHARE * pcie_bytes_per_second(gpu))


def all_reduce_seconds(count: float, gpu: Gpu, gpus: int) -> float:
    """Sum of `count` bytes over all cards, on all cards: 2 (n - 1) / n of them pass every link."""
    if gpus < 2:
        return 0.0
    return 2 * gather_seconds(count, gpu, gpus) - link(gpu, gpus).latency_s


def gather_seconds(count: float, gpu: Gpu, gpus: int) -> float:
    """All-gather or reduce-scatter of `count` bytes in all: (n - 1) / n of them pass every link."""
    if gpus < 2:
        return 0.0
    hop = link(gpu, gpus)
    return hop.latency_s + count * (gpus - 1) / gpus / hop.bytes_per_second


def send_seconds(count: float, gpu: Gpu, gpus: int) -> float:
    """`count` bytes from one card to the next."""
    hop = link(gpu, gpus)
    return hop.latency_s + count / hop.bytes_per_second
