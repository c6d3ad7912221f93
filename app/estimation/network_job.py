"""A job of a neural network, trained or run: on the processor alone, or on GPUs by the first way of spreading it that fits."""

from abc import abstractmethod
from collections.abc import Hashable, Iterable
from functools import cached_property
from typing import Generic, TypeVar

from app.estimation.estimate import HostMemory
from app.estimation.job import Job, Needs, Strategies
from app.estimation.training import requested_sharding
from app.hardware import Gpu
from app.placement import Placement, Sharding, Speed, Unplaceable
from app.workloads import InferenceWorkload, TrainingWorkload
from app.workloads.training import Parallelism

W = TypeVar("W", bound=TrainingWorkload | InferenceWorkload)


class NetworkJob(Job, Generic[W]):
    """What training and inference share: where they run, and how a placement is found."""

    workload: W
    _needs: Needs

    @property
    def needs_gpu(self) -> bool:
        """Unless the processor was chosen."""
        return self.workload.device == "gpu"

    @cached_property
    def requested(self) -> Sharding:
        """The sharding of the estimate: as asked, one GPU where that is left open."""
        parallelism = self.workload.parallelism
        return requested_sharding(parallelism) if isinstance(parallelism, Parallelism) else Sharding()

    @abstractmethod
    def host_memory(self, spread: Sharding) -> HostMemory:
        """System RAM of the job when spread like this."""

    @abstractmethod
    def _refusal(self, gpu: Gpu) -> Unplaceable | None:
        """Why its software does not run on this GPU, None where it does."""

    @abstractmethod
    def _ways(self, quantity: int, *, linked: bool) -> Iterable[Sharding]:
        """Ways of using this many GPUs, the fastest first. `linked`: whether the cards have a link of their own."""

    @abstractmethod
    def _placement(self, gpu: Gpu, spread: Sharding) -> Placement:
        """The job there, spread like this."""

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """The first strategy that fits the card, else the one that comes nearest."""
        if not self.needs_gpu:
            return self._on_processor() if gpu is None else Unplaceable(reason="this job was asked for on the processor", code="cpu")
        if gpu is None:
            return Unplaceable(reason="this job was asked for on a GPU", code="no_gpu")
        refusal = self._refusal(gpu)
        if refusal:
            return refusal
        spread = self._first_fitting(gpu, quantity)
        if spread is None:
            return Unplaceable(reason=f"neither the request nor its software spreads the job over {quantity} GPUs", code="gpu_count")
        return self._placement(gpu, spread)

    def gpu_bytes(self, gpu: Gpu, quantity: int) -> int | None:
        """What each of these GPUs must have, without all else that a placement tells; None where the job does not run there."""
        spread = None if self._refusal(gpu) else self._first_fitting(gpu, quantity)
        return self._needs.of(spread, gpu).required if spread else None

    @cached_property
    def _strategies(self) -> dict[Hashable, Strategies]:
        return {}

    def _first_fitting(self, gpu: Gpu, quantity: int) -> Sharding | None:
        linked = gpu.link_gb_s > 0
        key = (quantity, gpu.vendor, gpu.architecture, linked)
        if key not in self._strategies:
            ways = self._ways(quantity, linked=linked)
            self._strategies[key] = Strategies((spread, self._needs.of(spread, gpu)) for spread in ways)
        return self._strategies[key].first_fitting(gpu.visible_bytes)

    def _on_processor(self) -> Placement:
        host = self.host_memory(Sharding()).required_bytes
        return Placement(sharding=Sharding(), gpu_bytes=0, gpu_bytes_high=0, host_bytes=host, read_bytes_per_second=0, speed=Speed())
