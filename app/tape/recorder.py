"""What the tape writes down: every storage made and dropped, by category and phase, and the work of every operator.

Equal blocks are run a few times and written down once for all of them: a *segment* is a stretch of the record that stands for
`times` equal stretches, so an 80-layer model costs about as much as three layers.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from operator import add

from app.tape.dtypes import DType

ALLOCATION_GRANULE = 512  # bytes; kMinBlockSize of PyTorch's CUDACachingAllocator


class Category(IntEnum):
    """What a stretch of memory holds. The order is the order in which ledgers show it."""

    WEIGHTS = 0
    BUFFERS = 1
    OPTIMIZER_STATES = 2
    AVERAGED_WEIGHTS = 3
    GRADIENTS = 4
    WEIGHT_CASTS = 5
    KV_CACHE = 6
    INPUTS = 7
    ACTIVATIONS = 8
    RECOMPUTED = 9
    LOGITS = 10
    TEMPORARIES = 11
    WORKSPACE = 12
    OPTIMIZER_TEMPORARIES = 13


PERSISTENT = (Category.WEIGHTS, Category.BUFFERS, Category.OPTIMIZER_STATES, Category.AVERAGED_WEIGHTS)


class Phase(IntEnum):
    """Parts of a step in the order they happen."""

    SETUP = 0
    FORWARD = 1
    BACKWARD = 2
    RECOMPUTE = 3
    OPTIMIZER = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """What was alive at one instant that may decide a peak: bytes by category, in `Category` order."""

    phase: Phase
    bytes_by_category: tuple[int, ...]

    @property
    def total_bytes(self) -> int:
        """Everything alive at this instant."""
        return sum(self.bytes_by_category)

    def bytes_of(self, *categories: Category) -> int:
        """Bytes of some categories."""
        return sum(self.bytes_by_category[category] for category in categories)


@dataclass(frozen=True, slots=True)
class WorkKey:
    """Operators whose work is counted together."""

    phase: Phase
    operator: str  # matmul, convolution, attention, elementwise, normalization, embedding, loss, optimizer
    dtype: DType


@dataclass(slots=True)
class Work:
    """Work of all operators under one key: calls, floating-point operations, bytes read and written."""

    calls: int = 0
    flops: int = 0
    bytes_moved: int = 0


@dataclass(slots=True)
class _Segment:
    start: int
    times: int
    end: int = -1


@dataclass(slots=True)
class Recorder:
    """The record of one run. Storages report to it when they are made and when the last holder lets go."""

    vocabulary: int | None = None
    phase: Phase = Phase.SETUP
    deltas: list[int] = field(default_factory=list)  # signed bytes, one for each event
    categories: list[Category] = field(default_factory=list)
    phase_starts: list[tuple[int, Phase]] = field(default_factory=list)
    segments: list[_Segment] = field(default_factory=list)
    open_segment: _Segment | None = None
    work: dict[WorkKey, Work] = field(default_factory=lambda: defaultdict(Work))
    latest: tuple[Work, int, int, int] | None = None  # what was charged last

    def enter(self, phase: Phase) -> None:
        """From here on events belong to `phase`."""
        self.phase = phase
        self.phase_starts.append((len(self.deltas), phase))

    def allocated(self, count: int, category: Category) -> None:
        """`count` bytes came alive (negative: went away)."""
        self.deltas.append(count)
        self.categories.append(category)

    @property
    def times(self) -> int:
        """How many equal stretches the current one stands for."""
        return self.open_segment.times if self.open_segment else 1

    def begin_segment(self, times: int) -> None:
        """What follows, up to `end_segment`, happens `times` times."""
        self.open_segment = _Segment(len(self.deltas), times)

    def end_segment(self) -> None:
        """Closes the stretch opened by `begin_segment`."""
        if self.open_segment:
            self.open_segment.end = len(self.deltas)
            self.segments.append(self.open_segment)
            self.open_segment = None

    def charge(self, operator: str, dtype: DType, flops: int, bytes_moved: int) -> None:
        """Counts the work of one operator call (of `times` calls inside a segment)."""
        work = self.work[WorkKey(self.phase, operator, dtype)]
        times = self.times
        work.calls += times
        work.flops += flops * times
        work.bytes_moved += bytes_moved * times
        self.latest = (work, times, flops, bytes_moved)

    @contextmanager
    def repeated(self, times: int) -> Iterator[None]:
        """What is done meanwhile is done so many times over, each time in the memory of the first: its work counts as often."""
        before = {key: (work.calls, work.flops, work.bytes_moved) for key, work in self.work.items()}
        yield
        for key, work in self.work.items():
            calls, flops, bytes_moved = before.get(key, (0, 0, 0))
            work.calls += (times - 1) * (work.calls - calls)
            work.flops += (times - 1) * (work.flops - flops)
            work.bytes_moved += (times - 1) * (work.bytes_moved - bytes_moved)

    def take_back(self, count: int) -> None:
        """The latest operator does not run after all: its work, and its result of `count` bytes, are taken out of the record."""
        for position in range(len(self.deltas) - 1, -1, -1):
            if self.deltas[position] == count:
                self.deltas[position] = 0
                break
        if self.latest is not None:
            work, times, flops, bytes_moved = self.latest
            work.calls -= times
            work.flops -= flops * times
            work.bytes_moved -= bytes_moved * times
            self.latest = None

    def moments(self) -> list[Moment]:
        """Every local maximum of live memory."""
        return self.replayed()[0]

    def replayed(self) -> tuple[list[Moment], tuple[int, ...]]:
        """Every local maximum of live memory, replayed with each segment standing for all its repetitions; and what is alive at the end.

        Inside a segment memory moves by the same amount in every repetition, so the first and the last one bound all others.
        """
        replay = _Replay(self)
        return replay.run(), tuple(replay.live)


class _Replay:
    def __init__(self, record: Recorder) -> None:
        self.record = record
        self.live = [0] * len(Category)
        self.moments: list[Moment] = []
        self.phases = iter([*record.phase_starts, (len(record.deltas) + 1, Phase.SETUP)])
        self.phase = Phase.SETUP
        self.next_phase = next(self.phases)

    def run(self) -> list[Moment]:
        position = 0
        for segment in [*self.record.segments, _Segment(len(self.record.deltas), 1, len(self.record.deltas))]:
            self._walk(position, segment.start)
            self._repeat(segment)
            position = segment.end
        return self.moments

    def _repeat(self, segment: _Segment) -> None:
        before = list(self.live)
        first = self._walk(segment.start, segment.end)
        change = [after - base for after, base in zip(self.live, before, strict=True)]
        remaining = segment.times - 1
        if remaining <= 0:
            return
        later = [remaining * delta for delta in change]
        for moment in first:
            self.moments.append(Moment(moment.phase, tuple(map(add, moment.bytes_by_category, later))))
        self.live = list(map(add, self.live, later))

    def _walk(self, start: int, end: int) -> list[Moment]:
        deltas, categories, live = self.record.deltas, self.record.categories, self.live
        found: list[Moment] = []
        rising = False
        for position in range(start, end):
            delta = deltas[position]
            if (delta < 0 or position == self.next_phase[0]) and rising:
                found.append(Moment(self.phase, tuple(live)))
                rising = False
            while position >= self.next_phase[0]:
                self.phase = self.next_phase[1]
                self.next_phase = next(self.phases)
            rising = rising or delta > 0
            live[categories[position]] += delta
        if rising:
            found.append(Moment(self.phase, tuple(live)))
        self.moments.extend(found)
        return found


def rounded(count: int) -> int:
    """Bytes that the allocator hands out for a request of `count` bytes."""
    return -(-count // ALLOCATION_GRANULE) * ALLOCATION_GRANULE
