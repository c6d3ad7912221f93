"""A classical job as the recommender asks it: RAM and disks, no GPU."""

from functools import cached_property

from app.estimation.classical import ClassicalNeed, estimate_classical
from app.estimation.estimate import Compute, Estimate, Parameters, Storage
from app.estimation.job import Job
from app.estimation.storage import StorageJob, storage_need
from app.hardware import Gpu
from app.placement import Placement, Sharding, Speed, Unplaceable
from app.workloads.classical import ClassicalWorkload


class ClassicalJob(Job):
    """One algorithm over one table."""

    def __init__(self, workload: ClassicalWorkload) -> None:
        self.workload = workload
        self.need: ClassicalNeed = estimate_classical(workload)

    @property
    def needs_gpu(self) -> bool:
        """It runs on the processor."""
        return False

    @cached_property
    def storage(self) -> Storage:
        """Disks: the table, the saved model."""
        return storage_need(
            StorageJob(
                data=self.workload.data,
                model_file_bytes=self.need.model_file_bytes,
                checkpoint_bytes=self.need.model_file_bytes,
                checkpoints_kept=self.workload.checkpoints.keep,
                framework=self.workload.library,
                table_bytes=self.need.data_bytes,
            )
        )

    @cached_property
    def estimate(self) -> Estimate:
        """The estimate of the workload as it was written."""
        return Estimate(
            parameters=Parameters(total=0, trainable=0, active=0),
            gpu_memory=None,
            host_memory=self.need.host_memory,
            storage=self.storage,
            compute=Compute(flops_per_step=0, tokens_or_samples_per_step=self.workload.rows),
            findings=self.need.findings,
        )

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """On the processor alone."""
        if gpu is not None or quantity:
            return Unplaceable(reason="this job runs on the processor; a GPU would stand idle", code="no_gpu_needed")
        return Placement(
            sharding=Sharding(gpus=0), gpu_bytes=0, gpu_bytes_high=0, host_bytes=self.estimate.host_memory.required_bytes,
            read_bytes_per_second=0, speed=Speed(),
        )  # fmt: skip
