"""Well-known data sets: what they hold and how large they are, each with its source (seed_data/datasets.csv)."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

from app.resources import resource_path
from app.units import format_count, format_decimal

BYTES_PER_GB = 10**9
Kind = Literal["images", "video", "audio", "text", "table"]
SAMPLES: dict[Kind, str] = {"images": "images", "video": "clips", "audio": "recordings", "text": "documents", "table": "rows"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDataSet:
    """One row of the library. `samples` are images, clips, utterances, documents or rows; None where nobody counts them."""

    id: str
    name: str
    kind: Kind
    samples: int | None
    size_gb: float
    columns: int | None
    files: Literal["separate", "packed"]
    source: str
    as_of: str

    @property
    def summary(self) -> str:
        """Its samples and size in a few words: "1.28 M images, 150 GB"."""
        size = format_decimal(round(self.size_gb * BYTES_PER_GB))
        return f"{format_count(self.samples)} {SAMPLES[self.kind]}, {size}" if self.samples else size

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a `data` document that it fills. Texts are cut into sequences, so that their documents are not samples."""
        filled: dict[str, Any] = {"size_gb": self.size_gb, "files": self.files}
        if self.samples and self.kind != "text":
            filled |= {"samples": self.samples, "bytes_per_sample": round(self.size_gb * BYTES_PER_GB / self.samples, 1)}
        return filled


@cache
def known_datasets() -> Mapping[str, KnownDataSet]:
    """Every data set of the library by its id."""
    with resource_path("seed_data/datasets.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: _known(row) for row in csv.DictReader(file)}


def data_set_named(name: str) -> KnownDataSet:
    """The data set of that id. Raises ValueError with the nearest ids where there is none."""
    found = known_datasets().get(name.casefold())
    if found is None:
        near = get_close_matches(name.casefold(), known_datasets(), n=3, cutoff=0.3)
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(sorted(known_datasets()))}"
        raise ValueError(f"'{name[:60]}' is not a data set of the library; {hint}")
    return found


def _known(row: Mapping[str, str]) -> KnownDataSet:
    return KnownDataSet(
        id=row["id"], name=row["name"], kind=row["kind"], samples=int(row["samples"]) if row["samples"] else None,  # type: ignore[arg-type]
        size_gb=float(row["size_gb"]), columns=int(row["columns"]) if row["columns"] else None,
        files=row["files"], source=row["source"], as_of=row["as_of"],  # type: ignore[arg-type]
    )  # fmt: skip
