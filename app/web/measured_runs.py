"""Measured runs beside their estimates, as `make accuracy` writes them: one shape for every subject."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.resources import resource_path
from app.units import format_binary

Table = Any
LITTLE = 2**30  # bytes of a peak of which a single tensor is a visible share

# Why runs lie far off, by the start of their names; where nothing is said here, the table itself or the difference has to tell.
REASONS: Mapping[str, str] = {
    "tf-graph-lstm": "the loop of TensorFlow's graph keeps far more than cuDNN's kernel, which a GPU takes and the estimate counts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured run: bytes, or units a second. `covered` is None where the table does not tell."""

    id: str
    group: str
    measured: float
    estimate: float
    covered: bool | None
    reason: str

    @property
    def error(self) -> float:
        """How far the estimate lies off, as a signed share of the measured figure."""
        return self.estimate / self.measured - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One kind of figure that was measured."""

    id: str
    title: str
    lead: str
    path: str
    group: str  # what its groups are called
    in_bytes: bool
    rows: Callable[[Table], list[Mapping[str, Any]]]
    group_of: Callable[[Mapping[str, Any]], str]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run; none where nothing has been scored in this installation."""
        found = table(self.path)
        return tuple(_run(row, self) for row in self.rows(found) if "error" in row) if found else ()


@cache
def table(path: str) -> Table:
    """A table of the last scoring, None where it does not come with this installation."""
    try:
        return json.loads(resource_path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


SUBJECTS: tuple[Subject, ...] = (
    Subject(
        id="training",
        title="GPU memory of PyTorch",
        lead="peaks of live tensors in training steps and forward passes, as torch.cuda.max_memory_allocated() tells them",
        path="benchmarks/results/accuracy.json",
        group="Family",
        in_bytes=True,
        rows=lambda found: found["rows"],
        group_of=lambda row: str(row["family"]).replace("_", " "),
    ),
    Subject(
        id="published-training",
        title="Memory of training on real GPUs",
        lead="published by others, much of it on software of earlier years; sources weigh the same in the rules",
        path="benchmarks/results/training.json",
        group="Source and family",
        in_bytes=True,
        rows=lambda found: found["rows"],
        group_of=lambda row: str(row["group"]),
    ),
    Subject(
        id="frameworks",
        title="GPU memory of TensorFlow, Keras and JAX",
        lead="XLA's own buffer assignments for a GPU, and TensorFlow's graph with the class of its GPU allocator",
        path="benchmarks/results/xla.json",
        group="Framework",
        in_bytes=True,
        rows=lambda found: found if isinstance(found, list) else found["rows"],
        group_of=lambda row: str(row["framework"]),
    ),
    Subject(
        id="running",
        title="Memory of running models",
        lead="published figures of llama.cpp, vLLM, ExLlama, LitGPT and transformers",
        path="benchmarks/results/inference.json",
        group="Source and family",
        in_bytes=True,
        rows=lambda found: found["rows"],
        group_of=lambda row: str(row["group"]),
    ),
    Subject(
        id="classical",
        title="System RAM of classical machine learning",
        lead="peaks of whole processes: scikit-learn, boosting libraries, pandas, small networks on the processor",
        path="benchmarks/results/accuracy_classical.json",
        group="Library",
        in_bytes=True,
        rows=lambda found: found["rows"],
        group_of=lambda row: str(row["library"]),
    ),
    Subject(
        id="speed",
        title="Speed",
        lead="published tokens or samples a second",
        path="benchmarks/results/speed.json",
        group="Source and family",
        in_bytes=False,
        rows=lambda found: [row for row in found["rows"] if row["unit"] == "1/s"],
        group_of=lambda row: f"{row['kind']}: {row['group']}",
    ),
)


def subject_named(name: str) -> Subject | None:
    """The subject of that id, None where there is none."""
    return next((subject for subject in SUBJECTS if subject.id == name), None)


def _run(row: Mapping[str, Any], subject: Subject) -> Run:
    measured = row.get("measured_bytes", row.get("measured"))
    estimate = row.get("estimated_bytes", row.get("estimate"))
    return Run(
        id=row["id"],
        group=subject.group_of(row),
        measured=float(measured),
        estimate=float(estimate),
        covered=row.get("covered"),
        reason=_reason(row, float(measured), float(estimate), in_bytes=subject.in_bytes),
    )


def _reason(row: Mapping[str, Any], measured: float, estimate: float, *, in_bytes: bool) -> str:
    if told := row.get("explanation") or next((text for start, text in REASONS.items() if row["id"].startswith(start)), ""):
        return str(told)
    if not in_bytes:
        return ""
    size, whole = format_binary(round(abs(estimate - measured))), format_binary(round(measured))
    what = f"{size} that live at the peak are not counted" if estimate < measured else f"{size} are counted that are not there at the peak"
    return f"{what}; much only beside a peak of {whole}" if measured < LITTLE else what
