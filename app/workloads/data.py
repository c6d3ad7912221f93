"""The data a job reads and the checkpoints it keeps."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from app.workloads.datasets import data_set_named, known_datasets
from app.workloads.fields import Count, Document

SizeGb = Annotated[float, Field(ge=0, le=10**9)]


DEFAULT_WORKERS = 8


class DataSet(Document):
    """What is read, where it lies and how it is fed. Sizes in decimal GB; `archive_gb` is cold.

    `preset` names a data set of the library, which fills in what is not given. `files`: samples lie in files of their own, or packed into
    large ones (tar shards, TFRecord, Parquet), which are read without seeking.
    """

    preset: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    samples: Annotated[int, Field(ge=1, le=10**13)] | None = None
    bytes_per_sample: Annotated[float, Field(ge=0, le=10**12)] | None = None
    size_gb: SizeGb | None = None
    archive_gb: SizeGb = 0
    files: Literal["separate", "packed"] = "separate"
    location: Literal["ssd", "hdd"] = "ssd"
    loader_workers: Annotated[int, Field(ge=0, le=1024)] | None = None  # None: none for text, eight for images and sound
    loading: Literal["stream", "in_memory"] = "stream"
    epochs: Annotated[float, Field(gt=0, le=10**6)] = 1

    @model_validator(mode="before")
    @classmethod
    def _fill_from_library(cls, given: Any) -> Any:
        """What the library knows of the preset, under what is given: a size or a number of samples of one's own stands."""
        known = known_datasets().get(str(given.get("preset")).casefold()) if isinstance(given, dict) else None
        if known is None:
            return given
        stated = {name: value for name, value in given.items() if value is not None}
        return {**known.fields, **stated, "preset": known.id}

    @field_validator("preset")
    @classmethod
    def _in_the_library(cls, value: str | None) -> str | None:
        return data_set_named(value).id if value else None

    @property
    def bytes(self) -> int:
        """Size of the hot data set: as stated, else samples x bytes per sample, else 0."""
        if self.size_gb is not None:
            return int(self.size_gb * 10**9)
        return int(self.samples * self.bytes_per_sample) if self.samples and self.bytes_per_sample else 0

    def workers(self, *, text: bool) -> int:
        """Loader processes for each GPU: as stated; else none for tokenized text, which needs no decoding, and eight for anything else."""
        if self.loader_workers is not None:
            return self.loader_workers
        return 0 if text else DEFAULT_WORKERS

    @property
    def archive_bytes(self) -> int:
        """Size of the cold archive."""
        return int(self.archive_gb * 10**9)


class Checkpoints(Document):
    """How many checkpoints are kept, and how often one is written."""

    keep: Annotated[int, Field(ge=0, le=10_000)] = 3
    every_steps: Count | None = 1000
