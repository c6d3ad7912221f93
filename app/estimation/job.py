"""What every prepared job offers: an estimate, disks, and placements. It satisfies app.placement.Demand."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from app.estimation.estimate import Estimate, GpuMemory
from app.hardware import Gpu
from app.placement import Placement, Sharding, Speed, Unplaceable


class Job(ABC):
    """A workload prepared once, asked often. Each kind of workload has its own."""

    @property
    @abstractmethod
    def needs_gpu(self) -> bool:
        """Whether it runs on a GPU."""

    @property
    @abstractmethod
    def estimate(self) -> Estimate:
        """The estimate of the workload as it was written."""

    @abstractmethod
    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """The best way to run on `quantity` of `gpu`, or on the processor alone."""

    @property
    def ssd_bytes(self) -> int:
        """Hot storage."""
        return self.estimate.storage.ssd_bytes

    @property
    def hdd_bytes(self) -> int:
        """Cold storage."""
        return self.estimate.storage.hdd_bytes

    def speed(self, gpu: Gpu, spread: Sharding) -> Speed:  # noqa: ARG002 - only some jobs have one
        """How fast it runs on GPUs when spread like this, whether or not it fits there; empty where that is not estimated."""
        return Speed()


class Need(NamedTuple):
    """Bytes of the fullest GPU: what it must have, and the upper end of the interval."""

    required: int
    high: int


class Needs:
    """Needs of a job by sharding and kind of GPU, each computed once: cards of one architecture differ only in what they have."""

    def __init__(self, memory: Callable[[Sharding, Gpu], GpuMemory]) -> None:
        self._memory = memory
        self._known: dict[tuple[Sharding, str, str], Need] = {}

    def of(self, spread: Sharding, gpu: Gpu) -> Need:
        """The need on such a GPU."""
        key = (spread, gpu.vendor, gpu.architecture)
        if key not in self._known:
            memory = self._memory(spread, gpu)
            self._known[key] = Need(memory.required_bytes, memory.interval.high_bytes)
        return self._known[key]


class Strategies:
    """Ways to spread a job over so many cards of one architecture, the first to be tried first. Those that no card made it necessary to
    look at are not worked out."""

    def __init__(self, needed: Iterable[tuple[Sharding, Need]]) -> None:
        self._further = iter(needed)
        self._known: list[tuple[Sharding, Need]] = []

    def first_fitting(self, room: int) -> Sharding | None:
        """The first that fits cards with this much memory; else the one that needs least, so that the shortfall can be told; None
        without any."""
        for spread, need in self._all():
            if need.required <= room:
                return spread
        return min(self._known, key=lambda row: row[1].required)[0] if self._known else None

    def _all(self) -> Iterator[tuple[Sharding, Need]]:
        yield from self._known
        for row in self._further:
            self._known.append(row)
            yield row
