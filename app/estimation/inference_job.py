"""An inference job as the recommender asks it: its estimate as requested, and the best placement on any number of any GPU."""

from dataclasses import replace
from functools import cached_property

from app.estimation.estimate import Compute, Estimate, HostMemory, Storage
from app.estimation.host_memory import HostJob, deep_learning_host_memory
from app.estimation.inference import PreparedInference
from app.estimation.job import Job, Needs, wrong_count
from app.estimation.speed import InferencePass, inference_speed
from app.estimation.storage import StorageJob, storage_need
from app.estimation.strategies import inference_strategies
from app.estimation.support import inference_unsupported
from app.estimation.training import requested_sharding
from app.hardware import Gpu
from app.placement import Placement, Sharding, Speed, Unplaceable
from app.workloads.inference import InferenceWorkload
from app.workloads.training import Parallelism

MULTIPLY_ADD = 2


class InferenceJob(Job):
    """One model being run."""

    def __init__(self, workload: InferenceWorkload) -> None:
        self.workload = workload
        self.prepared = PreparedInference(workload)
        self._needs = Needs(self.prepared.gpu_memory)
        self._host: dict[int, int] = {}

    @property
    def needs_gpu(self) -> bool:
        """Unless the processor was chosen."""
        return self.workload.device == "gpu"

    @cached_property
    def requested(self) -> Sharding:
        """The sharding of the estimate: as asked, one GPU where that is left open."""
        parallelism = self.workload.parallelism
        return requested_sharding(parallelism) if isinstance(parallelism, Parallelism) else Sharding()

    @cached_property
    def estimate(self) -> Estimate:
        """The estimate of the workload as it was written."""
        prepared = self.prepared
        return Estimate(
            parameters=prepared.parameters,
            gpu_memory=prepared.gpu_memory(self.requested) if self.needs_gpu else None,
            host_memory=self.host_memory(self.requested),
            storage=self.storage,
            compute=self._compute(),
            findings=prepared.findings(),
        )

    def _compute(self) -> Compute:
        """One forward pass: of the prompt, or of one batch."""
        prepared = self.prepared
        if prepared.language is None:
            return Compute(flops_per_step=prepared.passes[0].flops, tokens_or_samples_per_step=prepared.inputs.batch)
        tokens = prepared.inputs.batch * prepared.inputs.sequence
        return Compute(flops_per_step=MULTIPLY_ADD * prepared.parameters.active * tokens, tokens_or_samples_per_step=tokens)

    def _host_bytes(self, processes: int) -> int:
        if processes not in self._host:
            self._host[processes] = self.host_memory(Sharding(gpus=processes, tensor=processes)).required_bytes
        return self._host[processes]

    def host_memory(self, spread: Sharding) -> HostMemory:
        """System RAM: the runtime's process, loading, and all of the model where there is no GPU."""
        prepared = self.prepared
        everything = prepared.gpu_memory(Sharding()).peak_allocated_bytes
        return deep_learning_host_memory(
            HostJob(
                framework=self.workload.runtime,
                on_gpu=self.needs_gpu,
                ranks=spread.gpus if spread.tensor > 1 else 1,
                weights_file_bytes=prepared.weights,
                offloaded_bytes=prepared.offloaded_bytes if self.needs_gpu else 0,
                compute_bytes=0 if self.needs_gpu else everything,
                batch_bytes=0,
                data=self.workload.data,
                loader_workers=0,
                checkpoint_bytes=0,
            )
        )

    @cached_property
    def storage(self) -> Storage:
        """Disks: the model's file, its source for conversion, data."""
        return storage_need(
            StorageJob(
                data=self.workload.data,
                model_file_bytes=self.prepared.weights,
                checkpoint_bytes=0,
                checkpoints_kept=0,
                framework=self.workload.runtime,
            )
        )

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """The runtime's own way of using this many GPUs."""
        if not self.needs_gpu:
            return self._on_processor() if gpu is None else Unplaceable(reason="this job was asked for on the processor", code="cpu")
        if gpu is None:
            return Unplaceable(reason="running this model was asked for on a GPU", code="no_gpu")
        unsupported = inference_unsupported(self.workload, gpu)
        if unsupported:
            return unsupported
        runtime, heads = self.prepared.runtime, self.prepared.network.widths()[2]
        strategies = inference_strategies(self.workload.parallelism, quantity, runtime.splits_by, heads)
        spread = self._needs.first_fitting(strategies, gpu)
        return self._placement(gpu, spread) if spread else wrong_count(quantity)

    def _placement(self, gpu: Gpu, spread: Sharding) -> Placement:
        need = self._needs.of(spread, gpu)
        return Placement(
            sharding=spread,
            gpu_bytes=need.required,
            gpu_bytes_high=need.high,
            host_bytes=self._host_bytes(spread.gpus if spread.tensor > 1 else 1),
            read_bytes_per_second=0,
            speed=self.speed(gpu, spread) if need.required <= gpu.visible_bytes else Speed(),
        )

    def _on_processor(self) -> Placement:
        host = self.host_memory(Sharding())
        return Placement(
            sharding=Sharding(), gpu_bytes=0, gpu_bytes_high=0, host_bytes=host.required_bytes, read_bytes_per_second=0, speed=Speed()
        )

    def speed(self, gpu: Gpu, spread: Sharding) -> Speed:
        """Decoding, prompt and batch rates there."""
        return inference_speed(self._pass, gpu, spread.gpus, spread)

    @cached_property
    def _pass(self) -> InferencePass:
        prepared, workload = self.prepared, self.workload
        base = InferencePass(runtime=workload.runtime, weight_format=workload.weight_format)
        if prepared.language is None:
            trace = prepared.passes[0]
            return replace(base, work=trace.work, samples=prepared.inputs.batch)
        hidden, _, heads = prepared.network.widths()
        layer = prepared.language.cache_layers()[0]
        active = round(prepared.parameters.active * prepared.weights_read / max(1, prepared.weights))
        return replace(
            base,
            weight_bytes_read=prepared.weights_read,
            expert_bytes=prepared.expert_bytes,
            experts_active=prepared.network.experts_active(),
            active_parameters=active,
            kv_bytes_per_position=prepared.cache.per_token,
            layers=prepared.network.layer_count(),
            hidden=hidden,
            attention_width=heads * layer.key_size,
            prompt_tokens=workload.prompt_tokens,
            context=workload.context_length,
            sequences=workload.concurrent_sequences,
            offloaded_bytes=prepared.offloaded_bytes,
        )
