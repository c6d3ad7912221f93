"""Several jobs on one machine: what each of them needs, which of them decides, and where each runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.units import GIB, format_binary, format_decimal
from app.web.charts.memory_bar import MemoryBar
from app.web.contexts.job import QuestionRow, counted_unit, job_name, job_summary, question
from app.web.contexts.machine import quantified, speed_of
from app.web.contexts.needs import LedgerView, NeedView, bar_of, drives_of, ledgers
from app.web.contexts.values import Document
from app.web.forms.documents import Names, entry_of_document

MANNERS = {"either": "One at a time", "at_once": "All at once"}
"""How several jobs run, as in the request document, and how it reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One need of one job; `decides` where every other job needs less."""

    text: str
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNeedView:
    """One job of several: its name with its number, what it needs, and how that comes about."""

    name: str
    summary: str
    figures: tuple[Figure, ...]  # GPU memory, RAM, SSD, HDD
    bar: MemoryBar
    bar_of_gpu: bool
    ledgers: tuple[LedgerView, ...]
    question: tuple[QuestionRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatView:
    """Where one of several jobs runs on a machine."""

    job: str
    where: str
    speed: str


def job_names(workloads: Sequence[Document], names: Names) -> tuple[str, ...]:
    """The jobs with their numbers: "Job 2, ResNet-50"."""
    return tuple(f"Job {number}, {job_name(workload, names)}" for number, workload in enumerate(workloads, start=1))


def joint_summary(request: Document, names: Names) -> str:
    """All jobs on one line: "Llama 3.1 8B + ResNet-50, one at a time"."""
    jobs = " + ".join(job_name(workload, names) for workload in request["workloads"])
    return f"{jobs}, {MANNERS[request['together']].lower()}"


def job_needs(request: Document, advice: Document, names: Names) -> tuple[JobNeedView, ...]:
    """What each job needs."""
    asked, estimates = request["workloads"], advice["estimates"]
    columns = [tuple(read(estimate) for estimate in estimates) for read in _READ.values()]
    rows = zip(job_names(asked, names), asked, estimates, strict=True)
    return tuple(
        JobNeedView(
            name=name,
            summary=job_summary(workload, names),
            figures=tuple(_figure(column, place, kind) for kind, column in zip(_READ, columns, strict=True)),
            bar=bar_of(estimate["gpu_memory"] or estimate["host_memory"]),
            bar_of_gpu=bool(estimate["gpu_memory"]),
            ledgers=ledgers(estimate),
            question=_question({"workload": workload}, names, of_limits=False),
        )
        for place, (name, workload, estimate) in enumerate(rows)
    )


def joint_needs(advice: Document, jobs: Sequence[JobNeedView], pick: Document | None) -> tuple[NeedView, ...]:
    """The cards above the answer, each with the job that decides it; `pick` is the machine whose parts they point to."""
    needs, at_once = advice["needs"], advice["together"] == "at_once"
    gpu, host, ssd, hdd = (_deciding(jobs, column, adds) for column, adds in enumerate((at_once, at_once, True, True)))
    ram = (f"\u2192 {pick['ram_bytes'] // GIB} GB",) if pick else ()
    cards = (
        NeedView(label="GPU memory", figure=format_binary(needs["gpu_memory_bytes"]), notes=gpu) if needs["gpu_memory_bytes"] else None,
        NeedView(label="System RAM", figure=format_binary(needs["host_memory_bytes"]), notes=(*ram, *host)),
        NeedView(label="SSD (hot)", figure=format_decimal(needs["ssd_bytes"]), notes=(*drives_of(pick, "ssd"), *ssd)),
        NeedView(label="HDD (cold)", figure=_or_none(needs["hdd_bytes"]), notes=(*drives_of(pick, "hdd"), *hdd)),
    )
    return tuple(card for card in cards if card)


def joint_question(request: Document, names: Names) -> tuple[QuestionRow, ...]:
    """The question as a list: each job in short, how they run, and budget and parts."""
    jobs = [QuestionRow(label=f"Job {number}", text=job_summary(one, names)) for number, one in enumerate(request["workloads"], start=1)]
    first = {"workload": request["workloads"][0], "limits": request["limits"]}
    return (*jobs, QuestionRow(label="Run", text=MANNERS[request["together"]].lower()), *_question(first, names, of_limits=True))


def titled(jobs: Sequence[JobNeedView]) -> tuple[LedgerView, ...]:
    """Every ledger of every job, with the job in its title."""
    return tuple(replace(ledger, title=f"{job.name}: {ledger.title}") for job in jobs for ledger in job.ledgers)


def seats(found: Sequence[Document], request: Document, names: Names) -> tuple[SeatView, ...]:
    """Where each job runs on a pick."""
    rows = zip(job_names(request["workloads"], names), request["workloads"], found, strict=False)
    return tuple(SeatView(job=name, where=_where(seat), speed=_speed(seat["speed"], workload)) for name, workload, seat in rows)


_READ: Mapping[str, Callable[[Document], int]] = {
    "gpu": lambda estimate: estimate["gpu_memory"]["required_bytes"] if estimate["gpu_memory"] else 0,
    "host": lambda estimate: int(estimate["host_memory"]["required_bytes"]),
    "ssd": lambda estimate: int(estimate["storage"]["ssd_bytes"]),
    "hdd": lambda estimate: int(estimate["storage"]["hdd_bytes"]),
}


def _figure(column: tuple[int, ...], place: int, kind: str) -> Figure:
    count = column[place]
    text = (format_binary if kind in {"gpu", "host"} else format_decimal)(count) if count else "none"
    return Figure(text=text, decides=count > max(column[:place] + column[place + 1 :]))


def _deciding(jobs: Sequence[JobNeedView], column: int, adds: bool) -> tuple[str, ...]:
    words = "most of it for" if adds else "decided by"
    return tuple(f"{words} {job.name[0].lower()}{job.name[1:]}" for job in jobs if job.figures[column].decides)


def _where(seat: Document) -> str:
    if not seat["gpus"]:
        return f"processor, {format_binary(seat['host_bytes'])} of RAM"
    shared = " shared" if seat["shares_gpus"] else ""
    on_each = " on each" if seat["gpus"] > 1 else ""
    return f"{quantified(seat['gpus'], 'GPU')}{shared}, {format_binary(seat['gpu_bytes'])}{on_each}"


def _speed(speed: Document, workload: Document) -> str:
    return speed_of(speed, counted_unit(workload, [speed]))[1]


def _question(request: Document, names: Names, *, of_limits: bool) -> tuple[QuestionRow, ...]:
    """What was asked of one job: budget and parts, or all but these."""
    entry = entry_of_document(request, names)
    limits = {field.label for field in entry.tab.fields if field.path.startswith("limits.")}
    return tuple(row for row in question(entry, names, request["workload"]) if (row.label in limits) == of_limits)


def _or_none(count: int) -> str:
    return format_decimal(count) if count else "none"
