"""A classical job as the recommender asks it: RAM and disks, and a GPU where its library was asked to use one."""

from functools import cached_property

from app.estimation.classical import ClassicalNeed, estimate_classical
from app.estimation.estimate import Compute, Estimate, GpuMemory, Parameters, Storage
from app.estimation.job import Job
from app.estimation.ledger import Ledger
from app.estimation.overheads import context_term
from app.estimation.residuals import UNMEASURED, interval
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
        """Whether its library was asked to use one."""
        return bool(self.need.gpu_terms)

    def gpu_memory(self, gpu: Gpu | None = None) -> GpuMemory | None:
        """The ledger of the card, None where the job runs on the processor."""
        if not self.need.gpu_terms:
            return None
        allocated, context = sum(term.bytes for term in self.need.gpu_terms), context_term(gpu)
        return GpuMemory(
            peak_allocated_bytes=allocated,
            ledger=Ledger((*self.need.gpu_terms, context)),
            interval=interval(allocated, context.bytes, UNMEASURED),
            peak_phase="forward",
        )

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
            gpu_memory=self.gpu_memory(),
            host_memory=self.need.host_memory,
            storage=self.storage,
            compute=Compute(flops_per_step=0, tokens_or_samples_per_step=self.workload.rows),
            findings=self.need.findings,
        )

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """On the processor alone, or on the one GPU that the library was asked to use."""
        refused = self._refusal(gpu, quantity)
        if refused:
            return refused
        memory = self.gpu_memory(gpu)
        return Placement(
            sharding=Sharding(gpus=quantity), gpu_bytes=memory.required_bytes if memory else 0,
            gpu_bytes_high=memory.interval.high_bytes if memory else 0, host_bytes=self.estimate.host_memory.required_bytes,
            read_bytes_per_second=0, speed=Speed(),
        )  # fmt: skip

    def _refusal(self, gpu: Gpu | None, quantity: int) -> Unplaceable | None:
        if not self.needs_gpu:
            idle = Unplaceable(reason="this job runs on the processor; a GPU would stand idle", code="no_gpu_needed")
            return idle if gpu is not None or quantity else None
        if gpu is None:
            return Unplaceable(reason="this job was asked for on a GPU", code="no_gpu")
        if gpu.vendor != "NVIDIA":
            return Unplaceable(reason=f"XGBoost's GPU code is written for CUDA and does not run on {gpu.vendor} GPUs", code="vendor")
        return (
            None if quantity == 1 else Unplaceable(reason="one process of XGBoost uses one GPU; more need Dask or Spark", code="gpu_count")
        )
