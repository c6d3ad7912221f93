"""Two to four machines beside each other, each for the job that it was recommended for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from app.results.permalinks import StoredResult
from app.units import GIB
from app.web.contexts.answer import AnswerView, picked
from app.web.contexts.machine import MachineView, machine_view, quantified
from app.web.contexts.values import Document
from app.web.formats import day, duration, percent

MOST_COLUMNS = 4
SEPARATOR = "~"  # between the id of a result and that of one of its machines
UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One machine of one shared result, and the job's answer; without a machine where the answer has none."""

    key: str  # as the address names it
    stored: StoredResult
    answer: AnswerView
    machine: Document | None
    view: MachineView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one machine has: its words, and whether it is the best of the row."""

    text: str
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRow:
    """One line; `differs` where the columns are not all the same."""

    label: str
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        """Whether there is anything to compare."""
        return len({cell.text for cell in self.cells}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """Lines under one heading."""

    title: str
    rows: tuple[CompareRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnHead:
    """The head of a column."""

    key: str
    result_href: str
    job: str
    machine: str
    remove_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Another:
    """A machine of a result that is not shown yet."""

    title: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    """Context of pages/compare.html."""

    heads: tuple[ColumnHead, ...]
    groups: tuple[RowGroup, ...]
    others: tuple[Another, ...]
    room: bool
    only_differences: bool
    switch_href: str
    csv_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How a row is read: its words for a column, and the figure by which the best column is told, where there is one."""

    label: str
    words: Callable[[Column], str]
    figure: Callable[[Column], float | None] = lambda _: None
    largest: bool = False


def column(key: str, stored: StoredResult, answer: AnswerView) -> Column:
    """The column of an address's key: the machine that it names, else the one that was recommended."""
    named = key.partition(SEPARATOR)[2]
    machines = machines_of(stored)
    machine = machines.get(named) if named else picked(stored.advice, stored.request["limits"]["objective"])
    view = machine_view(machine, answer.speed_unit) if machine else None
    return Column(key=key, stored=stored, answer=answer, machine=machine, view=view)


def machines_of(stored: StoredResult) -> dict[str, Document]:
    """Every machine of a result by its id, the picks first."""
    advice = stored.advice
    return {machine["id"]: machine for machine in (*(pick["machine"] for pick in advice["picks"]), *advice["frontier"])}


def compare_page(columns: Sequence[Column], *, only_differences: bool) -> ComparePage:
    """The page of these columns."""
    keys = [one.key for one in columns]
    groups = [RowGroup(title=title, rows=tuple(_rows(lines, columns, only_differences))) for title, lines in GROUPS if columns]
    return ComparePage(
        heads=tuple(_head(one, keys, only_differences) for one in columns),
        groups=tuple(group for group in groups if group.rows),
        others=tuple(_others(columns)) if len(columns) < MOST_COLUMNS else (),
        room=len(columns) < MOST_COLUMNS,
        only_differences=only_differences,
        switch_href=compare_address(keys, not only_differences),
        csv_href=compare_address(keys, only_differences, path="/compare.csv"),
    )


def _head(one: Column, keys: Sequence[str], only_differences: bool) -> ColumnHead:
    return ColumnHead(
        key=one.key,
        result_href=f"/r/{one.stored.id}",
        job=one.answer.summary,
        machine=one.view.title if one.view else "No machine",
        remove_href=compare_address([key for key in keys if key != one.key], only_differences),
    )


def _others(columns: Sequence[Column]) -> Iterator[Another]:
    shown = {(one.stored.id, one.machine["id"]) for one in columns if one.machine}
    keys = [one.key for one in columns]
    for stored, answer in {one.stored.id: (one.stored, one.answer) for one in columns}.values():
        for name, machine in machines_of(stored).items():
            if (stored.id, name) not in shown:
                view = machine_view(machine, answer.speed_unit)
                yield Another(
                    title=f"{view.title}, {view.total_text}", href=compare_address([*keys, f"{stored.id}{SEPARATOR}{name}"], False)
                )


def compare_address(keys: Sequence[str], only_differences: bool = False, path: str = "/compare") -> str:
    """The address that compares these machines."""
    pairs = [*(("r", key) for key in keys), *([("differences", "true")] if only_differences else [])]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _rows(lines: Iterable[Line], columns: Sequence[Column], only_differences: bool) -> Iterator[CompareRow]:
    for line in lines:
        best = _best(line, columns)
        cells = tuple(Cell(text=line.words(one) or UNKNOWN, best=one in best) for one in columns)
        row = CompareRow(label=line.label, cells=cells)
        known = any(cell.text != UNKNOWN for cell in cells)
        if known and (row.differs or not only_differences):
            yield row


def _best(line: Line, columns: Sequence[Column]) -> list[Column]:
    """The columns with the best figure, where all have one that can be compared: in one currency, and in one unit of speed."""
    figures = [line.figure(one) for one in columns]
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(columns) or len(set(known)) < 2 or len({(one.answer.currency, one.answer.speed_unit) for one in columns}) > 1:
        return []
    wanted = max(known) if line.largest else min(known)
    return [one for one, figure in zip(columns, figures, strict=True) if figure == wanted]


def _need(label: str) -> Line:
    return Line(label=label, words=lambda one: next((need.figure for need in one.answer.needs if need.label == label), "none"))


def _parts(key: str) -> Callable[[Column], str]:
    def words(one: Column) -> str:
        parts = one.machine[key] if one.machine else []
        return "; ".join(quantified(part["quantity"], part["part"]["name"]) for part in parts)

    return words


def _memory(one: Column) -> str:
    if not one.machine:
        return ""
    return _parts("ram")(one) or f"{one.machine['ram_bytes'] // GIB} GB included"


def _of(read: Callable[[MachineView], str]) -> Callable[[Column], str]:
    return lambda one: read(one.view) if one.view else ""


def _number(read: Callable[[MachineView], float | None]) -> Callable[[Column], float | None]:
    return lambda one: read(one.view) if one.view else None


def _prices(view: MachineView) -> str:
    if view.not_current:
        return f"{view.not_current} of {len(view.lines)} over 90 days old: not current"
    return f"{view.stale} of {len(view.lines)} over 30 days old: stale" if view.stale else "all seen within 30 days"


def _speed(one: Column, key: str) -> float | None:
    return one.machine["speed"].get(key) if one.machine else None


def _duration(label: str, key: str) -> Line:
    return Line(
        label=label,
        words=lambda one: duration(seconds) if (seconds := _speed(one, key)) else "",
        figure=lambda one: _speed(one, key),
    )


def _watts(view: MachineView) -> str:
    return f"{view.watts:,} W" if view.watts else ""


def _used(view: MachineView) -> str:
    return "" if view.utilisation is None else percent(view.utilisation)


GROUPS: tuple[tuple[str, tuple[Line, ...]], ...] = (
    ("The job", (
        Line(label="Job", words=lambda one: one.answer.summary),
        _need("GPU memory"), _need("System RAM"), _need("SSD (hot)"), _need("HDD (cold)"),
    )),
    ("The machine", (
        Line(label="Price", words=_of(lambda view: view.total_text), figure=_number(lambda view: view.total.minor)),
        Line(label="Its prices", words=_of(_prices)),
        Line(label="Speed", words=_of(lambda view: view.speed_text), figure=_number(lambda view: view.speed or None), largest=True),
        _duration("Time to first token", "time_to_first_token_s"),
        _duration("Time per epoch", "epoch_seconds"),
        Line(label="GPU memory used", words=_of(_used), figure=_number(lambda view: view.utilisation)),
        Line(label="Power", words=_of(_watts), figure=_number(lambda view: view.watts or None)),
    )),
    ("Its parts", (
        Line(label="GPUs", words=_of(lambda view: view.title if view.gpu_memory_gb else "")),
        Line(label="Platform", words=lambda one: one.machine["platform"]["name"] if one.machine else ""),
        Line(label="RAM", words=_memory),
        Line(label="SSD", words=_parts("ssd")),
        Line(label="HDD", words=_parts("hdd")),
    )),
    ("Made from", (
        Line(label="Frozen on", words=lambda one: day(one.stored.created_at.date())),
        Line(label="Catalogue revision", words=lambda one: str(one.stored.revision)),
        Line(label="Estimator", words=lambda one: one.stored.estimator_version),
    )),
)  # fmt: skip
