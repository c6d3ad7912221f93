"""How fast the data arrives: processes that decode it, and the drive it lies on."""

from app.estimation.speed.passes import DataFeed

MEGA = 1e6
# Stored bytes that one process turns into tensors: JPEG decoding and random crops at 224 pixels run at about 120 images of 117 kB a
# second and core (Pillow-SIMD; FFCV's and DALI's published loader comparisons). Tokens are read as they are.
IMAGE_MB_S_PER_WORKER = 14.0
TEXT_MB_S_PER_WORKER = 200.0


def loader_units_per_second(feed: DataFeed, *, is_text: bool) -> float | None:
    """Units per second that can arrive, for all GPUs together; None where nothing is known of the data."""
    if not feed.bytes_per_sample:
        return None
    per_worker = TEXT_MB_S_PER_WORKER if is_text else IMAGE_MB_S_PER_WORKER
    limits = [max(1, feed.loader_workers) * per_worker]
    if feed.read_mb_s and not feed.in_memory:
        limits.append(feed.read_mb_s)
    return min(limits) * MEGA / feed.bytes_per_sample
