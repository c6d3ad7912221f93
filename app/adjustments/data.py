"""Options for the data of any job: how it is kept, how wide it is, how it is read."""

from collections.abc import Mapping
from typing import Any

from app.adjustments.option import Harm, Option


def _streamed(job: Any) -> Mapping[str, object] | None:
    return {"data.loading": "stream"} if job.data.loading == "in_memory" else None


def _half_as_wide(job: Any) -> Mapping[str, object] | None:
    """Numbers stored in half the bytes, as float16 or uint16 in place of float32: not for files that are compressed already."""
    data = job.data
    if not data.bytes or getattr(job, "image_size", None) or getattr(job, "audio_seconds", None):
        return None
    fields: dict[str, object] = {"data.size_gb": data.size_gb / 2} if data.size_gb else {}
    return fields | ({"data.bytes_per_sample": data.bytes_per_sample / 2} if data.bytes_per_sample else {})


def _on_disks(job: Any) -> Mapping[str, object] | None:
    """Hard disks read long files in order: shards of tokens or tables, not thousands of pictures a second."""
    slow = not getattr(job, "image_size", None) and not getattr(job, "audio_seconds", None)
    return {"data.location": "hdd"} if slow and job.data.bytes and job.data.location == "ssd" else None


def _one_checkpoint(job: Any) -> Mapping[str, object] | None:
    return {"checkpoints.keep": 1} if job.checkpoints.keep > 1 else None


def _fewer_workers(job: Any) -> Mapping[str, object] | None:
    workers = job.data.loader_workers
    return {"data.loader_workers": workers // 2} if workers and workers > 1 else None


DATA: tuple[Option[Any], ...] = (
    Option(label="the data streamed from disk", fields=_streamed),
    Option(label="numbers of the data in half the bytes", fields=_half_as_wide, harm=Harm.ROUNDED),
    Option(label="the data in large shards on hard disks", fields=_on_disks),
    Option(label="one checkpoint kept", fields=_one_checkpoint),
    Option(label="half the loader workers", fields=_fewer_workers),
)
