"""Several jobs on one machine, as one demand: one at a time, or all at once on cards of their own or on the same cards.

One at a time, the machine must have what the neediest job has: the most memory of each kind. At once, jobs that share cards add up on
each of them and share its time; jobs that are dealt cards of their own keep them. Disks hold the files of all jobs either way.
What ranks machines is the geometric mean of the jobs' speeds, which does not ask how many images a token is worth.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal, NamedTuple

from app.hardware import Gpu
from app.placement import Demand, Placement, Sharding, Speed, Unplaceable

Together = Literal["either", "at_once"]


class Way(NamedTuple):
    """How many GPUs each job has, and whether all of them run on the same ones at the same time."""

    counts: tuple[int, ...]
    shared: bool


class Seated(NamedTuple):
    """Each job's placement in one way."""

    way: Way
    placements: tuple[Placement, ...]


@dataclass(frozen=True, kw_only=True)
class JointDemand:
    """The jobs as one demand. `shared_host_bytes` and `shared_ssd_bytes`: what each of them counts and the machine has only once, such as
    the operating system; a job that runs by itself has all of its RAM need to itself."""

    jobs: Sequence[Demand]
    together: Together
    shared_host_bytes: int
    shared_ssd_bytes: int

    @property
    def needs_gpu(self) -> bool:
        """Whether any of them does."""
        return any(job.needs_gpu for job in self.jobs)

    @property
    def ssd_bytes(self) -> int:
        """The hot files of all."""
        return sum(job.ssd_bytes for job in self.jobs) - self.shared_ssd_bytes

    @property
    def hdd_bytes(self) -> int:
        """The cold files of all."""
        return sum(job.hdd_bytes for job in self.jobs)

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """The fastest way that fits, else the one that comes nearest."""
        found = self.seated(gpu, quantity)
        return found if isinstance(found, Unplaceable) else self._combined(found, quantity)

    def seated(self, gpu: Gpu | None, quantity: int) -> Seated | Unplaceable:
        """Where each job runs on a machine with this many of this GPU."""
        if gpu is None and self.needs_gpu:
            return Unplaceable(reason="one of the jobs was asked for on a GPU", code="no_gpu")
        found = [self._in_way(way, gpu) for way in self._ways(quantity)]
        possible = [one for one in found if isinstance(one, Seated)]
        if not possible:
            return next(one for one in found if isinstance(one, Unplaceable))
        return min(possible, key=lambda one: self._rank(one, gpu))

    def _ways(self, quantity: int) -> Iterator[Way]:
        """All jobs on all cards, and at once also every way to deal the cards out."""
        on_gpu = [index for index, job in enumerate(self.jobs) if job.needs_gpu]
        everywhere = tuple(quantity if job.needs_gpu else 0 for job in self.jobs)
        yield Way(everywhere, shared=self.together == "at_once" and len(on_gpu) > 1)
        if self.together == "at_once" and len(on_gpu) > 1:
            for parts in dealt(quantity, len(on_gpu)):
                counts = dict(zip(on_gpu, parts, strict=True))
                yield Way(tuple(counts.get(index, 0) for index in range(len(self.jobs))), shared=False)

    def _in_way(self, way: Way, gpu: Gpu | None) -> Seated | Unplaceable:
        placed: list[Placement] = []
        for job, count in zip(self.jobs, way.counts, strict=True):
            one = _on_up_to(job, gpu, count) if gpu and job.needs_gpu else job.place(None, 0)
            if isinstance(one, Unplaceable):
                return one
            placed.append(_at_share(one, sum(map(bool, way.counts))) if way.shared and job.needs_gpu else one)
        return Seated(way, tuple(placed))

    def _rank(self, one: Seated, gpu: Gpu | None) -> tuple[int, float]:
        """What is lacking, nothing where it fits; then the slower, the later."""
        missing = max(0, self._gpu_bytes(one) - gpu.visible_bytes) if gpu else 0
        return missing, -_joint_rate(one.placements)

    def _gpu_bytes(self, one: Seated) -> int:
        combine = sum if one.way.shared else max
        return combine(placed.gpu_bytes for placed in one.placements)

    def _combined(self, one: Seated, quantity: int) -> Placement:
        placed, at_once = one.placements, self.together == "at_once"
        host = sum(p.host_bytes for p in placed) - self.shared_host_bytes if at_once else max(p.host_bytes for p in placed)
        reads = [p.read_bytes_per_second for p in placed]
        return Placement(
            sharding=Sharding(gpus=quantity),
            gpu_bytes=self._gpu_bytes(one),
            gpu_bytes_high=(sum if one.way.shared else max)(p.gpu_bytes_high for p in placed),
            host_bytes=host,
            read_bytes_per_second=sum(reads) if at_once else max(reads),
            speed=_joint_speed(placed),
            findings=tuple(dict.fromkeys(finding for p in placed for finding in p.findings)),
        )


def dealt(cards: int, jobs: int) -> Iterator[tuple[int, ...]]:
    """Every way to deal so many cards to so many jobs, at least one to each."""
    if jobs == 1:
        yield (cards,)
        return
    for first in range(1, cards - jobs + 2):
        yield from ((first, *rest) for rest in dealt(cards - first, jobs - 1))


def _on_up_to(job: Demand, gpu: Gpu, most: int) -> Placement | Unplaceable:
    """The job on as many of the cards as it runs and fits on, from all of them downwards; else what is said of all of them."""
    attempts = [job.place(gpu, count) for count in range(most, 0, -1)]
    fitting = (one for one in attempts if isinstance(one, Placement) and one.gpu_bytes <= gpu.visible_bytes)
    running = (one for one in attempts if isinstance(one, Placement))
    return next(fitting, None) or next(running, attempts[0])


def _at_share(placed: Placement, jobs: int) -> Placement:
    """The placement with one of so many equal shares of the time of its cards. Every rate falls, every duration grows."""
    speed = placed.speed

    def rate(value: float | None) -> float | None:
        return None if value is None else value / jobs

    def duration(value: float | None) -> float | None:
        return None if value is None else value * jobs

    slowed = replace(
        speed, decode_tokens_per_second=rate(speed.decode_tokens_per_second),
        prompt_tokens_per_second=rate(speed.prompt_tokens_per_second), time_to_first_token_s=duration(speed.time_to_first_token_s),
        samples_or_tokens_per_second=rate(speed.samples_or_tokens_per_second), step_seconds=duration(speed.step_seconds),
        epoch_seconds=duration(speed.epoch_seconds), run_seconds=duration(speed.run_seconds),
    )  # fmt: skip
    return replace(placed, speed=slowed, read_bytes_per_second=placed.read_bytes_per_second // jobs)


def _joint_rate(placements: Sequence[Placement]) -> float:
    known = [placed.speed.rate for placed in placements if placed.speed.rate]
    return prod(known) ** (1 / len(known)) if known else 0.0


def _joint_speed(placements: Sequence[Placement]) -> Speed:
    known = [placed.speed for placed in placements if placed.speed.rate]
    if not known:
        return Speed()
    widest = max(known, key=lambda speed: speed.interval_factor)
    causes = {speed.bottleneck for speed in known}
    return Speed(
        samples_or_tokens_per_second=_joint_rate(placements), interval_factor=widest.interval_factor, basis=widest.basis,
        bottleneck=causes.pop() if len(causes) == 1 else "",
    )  # fmt: skip
