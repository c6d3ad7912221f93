"""How fast the data arrives: processes that decode it, and the drive it lies on."""

from dataclasses import dataclass

from app.estimation.speed.passes import DataFeed

MEGA = 1e6
# Stored bytes that one process turns into tensors: JPEG decoding and random crops run at about 120 images of 117 kB a second and core
# (Pillow-SIMD). Tokens are read as they are.
IMAGE_MB_S_PER_WORKER = 14.0
TEXT_MB_S_PER_WORKER = 200.0
# Where nothing is said of the data: what a server's share of cores for one GPU decodes. ResNet-50 at 224 pixels stops near 3,000 images a
# second and GPU on H200, B200 and GH200 alike (Lambda's rows), which is 24 cores at that rate.
CORES_PER_GPU = 24
PIXELS_PER_CORE = 6.2 * MEGA


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Units per second that can arrive for all GPUs together, and what sets that rate."""

    units_per_second: float
    cause: str


def arrival(feed: DataFeed, *, is_text: bool, gpus: int) -> Arrival | None:
    """The rate at which data can arrive; None where nothing limits it that is known."""
    if feed.bytes_per_sample:
        return _stated(feed, feed.bytes_per_sample, is_text=is_text, gpus=gpus)
    if is_text or not feed.pixels:
        return None
    return Arrival(units_per_second=gpus * CORES_PER_GPU * PIXELS_PER_CORE / feed.pixels, cause="data loading")


def _stated(feed: DataFeed, bytes_per_sample: float, *, is_text: bool, gpus: int) -> Arrival:
    per_worker = TEXT_MB_S_PER_WORKER if is_text else IMAGE_MB_S_PER_WORKER
    decoded = gpus * max(1, feed.loader_workers) * per_worker * MEGA / bytes_per_sample
    read = feed.read_mb_s * MEGA / bytes_per_sample if feed.read_mb_s and not feed.in_memory else None
    if read is not None and read < decoded:
        return Arrival(units_per_second=read, cause="disk")
    return Arrival(units_per_second=decoded, cause="data loading")
