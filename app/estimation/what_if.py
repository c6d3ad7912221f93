"""What the job would need at other sizes: memory against batch, sequence, context, users or rows, and the size at which each card ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from app.errors import InvalidInput
from app.estimation.capacity import largest, sizes_of
from app.estimation.classical_job import ClassicalJob
from app.estimation.service import prepare
from app.workloads import Workload

HALVINGS, DOUBLINGS = 3, 4  # of the size that was asked for
BIGGEST = 10**8


@dataclass(frozen=True, slots=True)
class Point:
    """What the job needs at one size, with its interval, in bytes."""

    size: int
    required: int
    low: int
    high: int


Needed = Callable[[int], Point | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Memory against one field of the workload, everything else as asked.

    `ends` maps the size of a card (or of RAM) as sold to the largest value of the field that fits its memory, for the cards that end
    between the first and the last point.
    """

    name: str
    asked: int
    points: tuple[Point, ...]
    ends: Mapping[int, int] = field(default_factory=dict)


def curves(workload: Workload, rooms: Mapping[int, int]) -> tuple[Curve, ...]:
    """A curve for each field in which the job can grow; `rooms` maps sizes as sold to the bytes that programs can use there."""
    job = prepare(workload)
    names = ("rows",) if isinstance(job, ClassicalJob) else sizes_of(job)
    found = (_curve(workload, name, rooms) for name in names)
    return tuple(curve for curve in found if len(curve.points) > 1)


def _curve(workload: Workload, name: str, rooms: Mapping[int, int]) -> Curve:
    asked = int(getattr(workload, name) or 0)

    @cache
    def needed(size: int) -> Point | None:
        return _needed(workload, name, size)

    points = tuple(point for size in _sizes(asked) if (point := needed(size)))
    return Curve(name=name, asked=asked, points=points, ends=_ends(points, rooms, needed) if points else {})


def _sizes(asked: int) -> list[int]:
    """The size itself, its halves down to one, its doubles."""
    if not asked:
        return []
    smaller = (asked // 2**step for step in range(HALVINGS, 0, -1))
    larger = (asked * 2**step for step in range(DOUBLINGS + 1))
    return sorted({size for size in (*smaller, *larger) if 1 <= size <= BIGGEST})


def _needed(workload: Workload, name: str, size: int) -> Point | None:
    """None for a size that the network does not take."""
    try:
        found = prepare(workload.model_copy(update={name: size})).estimate
    except InvalidInput:
        return None
    if found.gpu_memory:
        interval = found.gpu_memory.interval
        return Point(size, found.gpu_memory.required_bytes, interval.low_bytes, interval.high_bytes)
    host = found.host_memory
    system = host.required_bytes - host.peak_process_bytes  # the interval is that of the job's own processes
    return Point(size, host.required_bytes, host.interval.low_bytes + system, host.interval.high_bytes + system)


def _ends(points: tuple[Point, ...], rooms: Mapping[int, int], needed: Needed) -> dict[int, int]:
    """For each room between the first and the last point the largest size whose need is within it."""

    def need(size: int) -> float:
        point = needed(size)
        return point.required if point else float("inf")

    between = {sold: room for sold, room in rooms.items() if points[0].required <= room < points[-1].required}
    return {sold: largest(need, room, points[-1].size) for sold, room in between.items()}
