"""System RAM of a classical job: its steps one after the other, and the step at which most is alive."""

from dataclasses import dataclass

from app.estimation.baselines import classical_baseline, system_term
from app.estimation.classical import polars
from app.estimation.classical.boosting.xgboost_gpu import gpu_terms
from app.estimation.classical.intervals import FAMILIES, UNKNOWN, UNMEASURED, Residual, interval
from app.estimation.classical.plan import Plan, Step, total
from app.estimation.classical.preparation import prepared
from app.estimation.classical.reading import data_step, file_bytes
from app.estimation.classical.registry import Found, find
from app.estimation.classical.task import Task
from app.estimation.estimate import HostMemory
from app.estimation.host_memory import recommended_gb
from app.estimation.ledger import Interval, Ledger, Term
from app.placement import Finding
from app.units import GIB, format_binary
from app.workloads.classical import ClassicalWorkload

NOT_DATA = frozenset({"slack", "freed_chunks", "arrow_pool", "file_buffers", "arrow_table", "decoding"})
MANY_BYTES = 64 * GIB  # needs above this come with a remedy
RECLAIMABLE = ("mapped_file", "mapped_pages", "mapped_table")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicalNeed:
    """What a classical job needs: RAM with its ledger at the peak, the saved model, and the data as it lies on disk."""

    host_memory: HostMemory
    model_file_bytes: int
    peak_step: str
    family: str  # of mechanisms: its measured residuals give the interval
    data_bytes: int
    gpu_terms: tuple[Term, ...]  # on a GPU, where the library was asked to use one
    findings: tuple[Finding, ...]


def estimate_classical(workload: ClassicalWorkload) -> ClassicalNeed:
    """The need of one algorithm over one table. Raises InvalidInput naming a hyper-parameter that cannot be used."""
    read, task = (polars.read if workload.library == "polars" else data_step)(Task.of(workload))
    preparation, task, unknown_steps = prepared(task)
    found = find(task)
    plan = found.mechanism(task)
    steps = (read, *preparation, *plan.steps)
    baseline = classical_baseline(workload.library, plan.family, reads_files=workload.source_format != "memory")
    name, terms = _peak(steps, baseline)
    spread = interval(terms, _residual(found, plan), dict(plan.spreads))
    return ClassicalNeed(
        host_memory=_host_memory(terms, spread),
        model_file_bytes=plan.model_file_bytes,
        peak_step=name,
        family=plan.family,
        data_bytes=_data_bytes(Task.of(workload), read),
        gpu_terms=gpu_terms(task),
        findings=_findings(workload, found, plan, terms, unknown_steps),
    )


def _residual(found: Found, plan: Plan) -> Residual:
    """How far the truth may lie: least where the algorithm itself was measured, most where another one stands for it."""
    if found.stands_for:
        return UNKNOWN
    return FAMILIES[plan.family] if plan.measured else UNMEASURED


def _peak(steps: tuple[Step, ...], baseline: Term) -> tuple[str, tuple[Term, ...]]:
    """The step at which most is alive, and all that is alive then."""
    alive: tuple[Term, ...] = (baseline,)
    moments = []
    for step in steps:
        alive = (*alive, *step.retained)
        moments.append((step.name, (*alive, *step.transient)))
    return max(moments, key=lambda moment: total(moment[1]))


def _host_memory(terms: tuple[Term, ...], spread: Interval) -> HostMemory:
    """The process at its peak and the operating system beside it; the recommendation holds the upper end of the interval."""
    system = system_term()
    return HostMemory(
        peak_process_bytes=total(terms),
        ledger=Ledger((*terms, system)),
        interval=spread,
        recommended_gb=recommended_gb(spread.high_bytes + system.bytes),
    )


def _data_bytes(task: Task, read: Step) -> int:
    if task.workload.source_format != "memory":
        return file_bytes(task)
    if task.workload.container == "memmap":
        return task.cells * task.item_bytes
    return sum(term.bytes for term in read.retained if term.key not in NOT_DATA)


def _findings(
    workload: ClassicalWorkload, found: Found, plan: Plan, terms: tuple[Term, ...], unknown_steps: tuple[str, ...]
) -> tuple[Finding, ...]:
    findings = [
        Finding(severity="note", code="data_dependent", message=f"{label}: {plan.spreads[key].why}; the interval allows for that.")
        for key, label in {term.key: term.label for term in terms if term.key in plan.spreads}.items()
    ]
    if found.stands_for:
        message = f"'{workload.algorithm}' of {workload.library} has not been studied; the estimate is that of {found.stands_for}."
        findings.append(
            Finding(severity="caution", code="unknown_algorithm", message=message, remedy="Check the name, or allow for much more RAM.")
        )
    if unknown_steps:
        message = f"These steps are not known and were left out: {', '.join(unknown_steps)}."
        findings.append(Finding(severity="caution", code="unknown_step", message=message, remedy="Name the step as the library does."))
    reclaimable = sum(term.bytes for term in terms if term.key in RECLAIMABLE)
    if reclaimable:
        message = f"{format_binary(reclaimable)} of the peak are pages of files, which the system takes back when RAM runs short."
        findings.append(Finding(severity="note", code="reclaimable", message=message))
    return (*findings, *_remedies(terms))


def _remedies(terms: tuple[Term, ...]) -> tuple[Finding, ...]:
    """What would lower a large need: single precision, shallower trees, streaming."""
    largest = max(terms, key=lambda term: term.bytes)
    if total(terms) < MANY_BYTES or largest.key not in REMEDIES:
        return ()
    return (
        Finding(
            severity="note",
            code="largest_share",
            message=f"{largest.label} take {format_binary(largest.bytes)}.",
            remedy=REMEDIES[largest.key],
        ),
    )


REMEDIES = {
    "tree_nodes": "Fewer trees, min_samples_leaf=5 or max_depth keep forests small.",
    "data": "Store the table as float32, or read it in pieces with partial_fit or an external-memory matrix.",
    "split_parts": "Delete the table after splitting it.",
    "distances": "Use an algorithm that needs no distance matrix, such as MiniBatchKMeans or HDBSCAN.",
    "histograms": "Lower max_depth, num_leaves or max_bin, or select columns.",
    "kernel_cache": "Lower cache_size; training gets slower.",
    "entries": "Use QuantileDMatrix or the scikit-learn interface.",
}
