"""What helps and cannot be computed: notes for the situation that a request is in.

What a change does to memory, time and price is worked out (`app.adjustments`); this is the rest of what practitioners do, told only where
it applies. Sources: the PyTorch documentation (CUDA semantics, memory management; torch.profiler), the pandas user guide (scaling to large
data sets), the Python documentation of gc.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.estimation.estimate import Estimate
from app.placement import Finding
from app.workloads import ClassicalWorkload, InferenceWorkload, TrainingWorkload, Workload

LONG_EPOCHS = 10
LARGE_TABLE_ROWS = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One piece of advice, and the situation it is for."""

    code: str
    message: str
    remedy: str
    applies: Callable[[Workload, Estimate], bool]


def _varies_in_length(workload: Workload, estimate: Estimate) -> bool:
    if not isinstance(workload, TrainingWorkload) or workload.framework != "pytorch":
        return False
    return bool(workload.sequence_length) and estimate.gpu_memory is not None


def _decodes_data(workload: Workload, estimate: Estimate) -> bool:
    return isinstance(workload, TrainingWorkload) and bool(workload.image_size or workload.audio_seconds) and bool(estimate.gpu_memory)


def _has_steps(workload: Workload, estimate: Estimate) -> bool:  # noqa: ARG001 - a note's condition has one form
    return isinstance(workload, ClassicalWorkload) and (len(workload.steps) > 1 or workload.rows >= LARGE_TABLE_ROWS)


def _trains_long(workload: Workload, estimate: Estimate) -> bool:
    return isinstance(workload, TrainingWorkload) and workload.data.epochs >= LONG_EPOCHS and bool(estimate.gpu_memory)


def _serves(workload: Workload, estimate: Estimate) -> bool:  # noqa: ARG001 - a note's condition has one form
    return isinstance(workload, InferenceWorkload) and workload.concurrent_sequences > 1


NOTES: tuple[Note, ...] = (
    Note(
        code="fragmentation", applies=_varies_in_length,
        message="batches of changing length split the allocator's blocks, and memory runs out before it is used up",
        remedy="set PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True, and pad to a few lengths",
    ),
    Note(
        code="profile-loading", applies=_decodes_data,
        message="decoding and augmenting on the processor may hold the GPU up",
        remedy="profile a hundred steps with torch.profiler first: where the GPU waits, resize the data once or decode on the GPU",
    ),
    Note(
        code="free-tables", applies=_has_steps,
        message="a table stays in RAM as long as any name still points to it, also in a notebook's earlier cells",
        remedy="del what the next step does not need, then gc.collect(); build the pipeline in functions, so that names end with them",
    ),
    Note(
        code="measure-first", applies=_trains_long,
        message="a run of this length repays an hour of measurement before the purchase",
        remedy="rent the card for an hour, run fifty steps, and compare torch.cuda.max_memory_allocated() and the speed with this page",
    ),
    Note(
        code="measure-serving", applies=_serves,
        message="how many users a server holds depends on how long their texts are, which differ",
        remedy="replay a day of your own prompts before you decide; the context here is taken to be full for everybody",
    ),
)  # fmt: skip


def notes_for(workload: Workload, estimate: Estimate) -> tuple[Finding, ...]:
    """The notes for this situation, as findings."""
    return tuple(
        Finding(severity="note", code=note.code, message=note.message, remedy=note.remedy)
        for note in NOTES
        if note.applies(workload, estimate)
    )
