"""What every prepared job offers: an estimate, disks, and placements. It satisfies app.placement.Demand."""

from collections.abc import Iterable

from app.estimation.estimate import Estimate
from app.hardware import Gpu
from app.placement import Placement, Speed, Unplaceable


class Job:
    """A workload prepared once, asked often. Each kind of workload has its own."""

    @property
    def needs_gpu(self) -> bool:
        """Whether it runs on a GPU."""
        raise NotImplementedError

    @property
    def estimate(self) -> Estimate:
        """The estimate of the workload as it was written."""
        raise NotImplementedError

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """The best way to run on `quantity` of `gpu`, or on the processor alone."""
        raise NotImplementedError

    @property
    def ssd_bytes(self) -> int:
        """Hot storage."""
        return self.estimate.storage.ssd_bytes

    @property
    def hdd_bytes(self) -> int:
        """Cold storage."""
        return self.estimate.storage.hdd_bytes

    def speed_of(self, placement: Placement | Unplaceable) -> Speed:
        """The speed of a placement, empty where there is none."""
        return placement.speed if isinstance(placement, Placement) else Speed()


def feasible_or_smallest(placements: Iterable[Placement], gpu: Gpu, quantity: int) -> Placement | Unplaceable:
    """The first placement that fits the card; else the one that needs least, so that the shortfall can be told."""
    smallest: Placement | None = None
    for placement in placements:
        if placement.gpu_bytes <= gpu.visible_bytes:
            return placement
        if smallest is None or placement.gpu_bytes < smallest.gpu_bytes:
            smallest = placement
    return smallest or Unplaceable(reason=f"the request fixes another number of GPUs than {quantity}", code="gpu_count")
