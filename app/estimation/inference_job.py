"""An inference job as the recommender asks it: its estimate as requested, and the best placement on any number of any GPU."""

from collections.abc import Iterator
from functools import cached_property

from app.estimation.estimate import Compute, Estimate, HostMemory, Storage
from app.estimation.host_memory import HostJob, deep_learning_host_memory
from app.estimation.inference import PreparedInference
from app.estimation.inference_findings import inference_findings
from app.estimation.inference_pass import inference_pass
from app.estimation.job import Needs
from app.estimation.network_job import NetworkJob
from app.estimation.speed import InferencePass, card_split, inference_speed, ram_traffic
from app.estimation.spilling import SPILLING_RUNTIMES, Spill, most_layers, spill_finding
from app.estimation.storage import StorageJob, storage_need
from app.estimation.strategies import inference_strategies
from app.estimation.support import inference_unsupported
from app.hardware import Gpu
from app.placement import Finding, Placement, RamTraffic, Sharding, Speed, Unplaceable
from app.workloads.inference import InferenceWorkload

MULTIPLY_ADD = 2


class InferenceJob(NetworkJob[InferenceWorkload]):
    """One model being run."""

    def __init__(self, workload: InferenceWorkload, *, alike: PreparedInference | None = None) -> None:
        """`alike`: the same model, prepared at other sizes or in another format."""
        self.workload = workload
        self.prepared = PreparedInference(workload, alike=alike)
        self._needs = Needs(self.prepared.gpu_memory)
        self._without_layers = Needs(lambda spread, gpu: self.prepared.gpu_memory(spread, gpu, gpu_share=0.0))
        self._host: dict[tuple[int, float], int] = {}
        self._passes: dict[float, InferencePass] = {}

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
            findings=inference_findings(prepared),
        )

    def _compute(self) -> Compute:
        """One forward pass: of the prompt, or of one batch."""
        prepared = self.prepared
        if prepared.language is None:
            return Compute(flops_per_step=prepared.passes[0].flops, tokens_or_samples_per_step=prepared.inputs.batch)
        tokens = prepared.inputs.batch * prepared.inputs.sequence
        return Compute(flops_per_step=MULTIPLY_ADD * prepared.parameters.active * tokens, tokens_or_samples_per_step=tokens)

    def _host_bytes(self, processes: int, gpu_share: float) -> int:
        key = (processes, gpu_share)
        if key not in self._host:
            self._host[key] = self.host_memory(Sharding(gpus=processes, tensor=processes), gpu_share).required_bytes
        return self._host[key]

    def host_memory(self, spread: Sharding, gpu_share: float | None = None) -> HostMemory:
        """System RAM: the runtime's process, loading, layers left there, and all of the model where there is no GPU."""
        prepared = self.prepared
        left = prepared.left_bytes(prepared.gpu_share if gpu_share is None else gpu_share)
        return deep_learning_host_memory(
            HostJob(
                framework=self.workload.runtime,
                on_gpu=self.needs_gpu,
                ranks=spread.gpus if spread.tensor > 1 else 1,
                weights_file_bytes=self.model_file_bytes,
                offloaded_bytes=0,
                kept_bytes=left if self.needs_gpu else 0,
                compute_bytes=0 if self.needs_gpu else prepared.gpu_memory(Sharding()).peak_allocated_bytes,
                batch_bytes=0,
                data=self.workload.data,
                loader_workers=0,
                checkpoint_bytes=0,
            )
        )

    @cached_property
    def model_file_bytes(self) -> int:
        """The model's weights, and those of the model that drafts for it."""
        return self.prepared.weights + (self.prepared.draft.weights if self.prepared.draft else 0)

    @cached_property
    def storage(self) -> Storage:
        """Disks: the model's file, its source for conversion, data."""
        return storage_need(
            StorageJob(
                data=self.workload.data,
                model_file_bytes=self.model_file_bytes,
                checkpoint_bytes=0,
                checkpoints_kept=0,
                framework=self.workload.runtime,
            )
        )

    def _refusal(self, gpu: Gpu) -> Unplaceable | None:
        return inference_unsupported(self.workload, gpu)

    def _ways(self, quantity: int, *, linked: bool) -> Iterator[Sharding]:  # noqa: ARG002 - the runtime decides, whatever the card
        runtime, heads = self.prepared.runtime, self.prepared.network.widths()[2]
        return inference_strategies(self.workload.parallelism, quantity, runtime.splits_by, heads)

    def spill(self, gpu: Gpu, spread: Sharding) -> Spill:
        """The layers that were asked to be on the GPU; on "auto" as many as fit, where not all do."""
        everything, layers = self._needs.of(spread, gpu), max(1, self.prepared.layers)
        if self._may_spill(gpu) and everything.required > gpu.visible_bytes:
            room = gpu.visible_bytes - self.prepared.runtime.fit_margin_bytes
            return most_layers(everything, self._without_layers.of(spread, gpu), layers, room)
        return Spill(on_gpu=round(self.prepared.gpu_share * layers), layers=layers, need=everything)

    def _may_spill(self, gpu: Gpu) -> bool:
        asked = self.workload.cpu_offload == "auto" and self.workload.runtime in SPILLING_RUNTIMES
        return asked and self.prepared.language is not None and not gpu.unified_memory

    def _placement(self, gpu: Gpu, spread: Sharding) -> Placement:
        spill = self.spill(gpu, spread)
        fits = spill.need.required <= gpu.visible_bytes
        return Placement(
            sharding=spread,
            gpu_bytes=spill.need.required,
            gpu_bytes_high=spill.need.high,
            host_bytes=self._host_bytes(spread.gpus if spread.tensor > 1 else 1, spill.share),
            read_bytes_per_second=0,
            speed=self.speed_of(gpu, spread, spill.share) if fits else Speed(),
            findings=self._spilling(gpu, spread, spill) if fits and spill.share < 1 else (),
            ram_traffic=self._ram_traffic(gpu, spread, spill.share) if fits else None,
        )

    def _spilling(self, gpu: Gpu, spread: Sharding, spill: Spill) -> tuple[Finding, ...]:
        here, whole = (self.speed_of(gpu, spread, share) for share in (spill.share, 1.0))
        return (spill_finding(spill.on_gpu, spill.layers, here, whole, self._pass(1.0).host_bandwidth_gb_s),)

    def speed(self, gpu: Gpu, spread: Sharding) -> Speed:
        """Decoding, prompt and batch rates there."""
        return self.speed_of(gpu, spread, self.spill(gpu, spread).share)

    def speed_of(self, gpu: Gpu, spread: Sharding, share: float) -> Speed:
        """The same with this share of the layers on the GPUs."""
        return Speed() if self.prepared.stands_in_for_images else inference_speed(self._pass(share), gpu, spread.gpus, spread)

    def _ram_traffic(self, gpu: Gpu, spread: Sharding, share: float) -> RamTraffic | None:
        if share == 1 or self.prepared.language is None:
            return None
        return ram_traffic(self._pass(share), gpu, card_split(self.workload.runtime, spread.gpus, spread))

    def _pass(self, share: float) -> InferencePass:
        if share not in self._passes:
            self._passes[share] = inference_pass(self.prepared, share)
        return self._passes[share]
