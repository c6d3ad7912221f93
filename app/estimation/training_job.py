"""A training job as the recommender asks it: its estimate as requested, and the best placement on any number of any GPU."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from app.estimation.checkpoints import checkpoint_bytes
from app.estimation.disk_use import disk_samples_per_second, starved
from app.estimation.estimate import Compute, Estimate, HostMemory, Storage
from app.estimation.host_memory import HostJob, deep_learning_host_memory
from app.estimation.network_job import NetworkJob
from app.estimation.speed import DataFeed, TrainingPass, training_speed
from app.estimation.speed.training import CardTimes, times_on
from app.estimation.storage import StorageJob, read_bytes_per_second, storage_need, tokenized_bytes
from app.estimation.strategies import chosen_strategy, training_strategies
from app.estimation.support import training_cautions, training_unsupported
from app.estimation.training import traced_training
from app.hardware import Gpu
from app.placement import Finding, Placement, Sharding, Speed, Unplaceable
from app.tape.trace import PRECISIONS
from app.units import MB
from app.workloads.training import AdapterTuning, TrainingWorkload

BYTES_PER_TOKEN = 4  # ids as stored by tokenizers' data sets (uint16 where the vocabulary allows it)
BYTES_PER_PIXEL = 3 * 4  # a decoded image in fp32, three channels


class TrainingJob(NetworkJob[TrainingWorkload]):
    """One training workload, traced once."""

    def __init__(self, workload: TrainingWorkload) -> None:
        self.workload = workload
        self.traced = traced_training(workload)
        self._needs = self.traced.needs
        self._host: dict[Sharding, int] = {}
        self._times: dict[str, CardTimes] = {}

    @cached_property
    def estimate(self) -> Estimate:
        """The estimate of the workload as it was written."""
        traced, spread = self.traced, self.requested
        step_units = traced.tokens_or_samples * self.workload.gradient_accumulation_steps * spread.data
        return Estimate(
            parameters=traced.parameters,
            gpu_memory=traced.gpu_memory(spread) if self.needs_gpu else None,
            host_memory=self.host_memory(spread),
            storage=self.storage,
            compute=Compute(
                flops_per_step=traced.trace.flops * self.workload.gradient_accumulation_steps * spread.data,
                tokens_or_samples_per_step=step_units,
            ),
            findings=traced.findings(spread),
        )

    def host_memory(self, spread: Sharding) -> HostMemory:
        """System RAM with one process for each GPU."""
        return deep_learning_host_memory(
            HostJob(
                framework=self.workload.framework,
                on_gpu=self.needs_gpu,
                ranks=spread.gpus,
                weights_file_bytes=self.model_file_bytes,
                offloaded_bytes=self.traced.offloaded_bytes(spread),
                frozen=isinstance(self.workload.tuning, AdapterTuning),
                compute_bytes=0 if self.needs_gpu else self.traced.trace.peak_bytes,
                batch_bytes=self.traced.inputs.batch * self.sample_bytes,
                data=self.workload.data,
                loader_workers=self.workload.data.workers(text=self.traced.is_text),
                checkpoint_bytes=self.checkpoint_bytes if spread.gpus > 1 and spread.zero_stage else 0,
            )
        )

    @cached_property
    def gradient_bytes(self) -> int:
        """All gradients in the type they are exchanged in."""
        return self.traced.parameters.trainable * PRECISIONS[self.workload.precision].weights.bytes

    @cached_property
    def sample_bytes(self) -> int:
        """One sample as it is handed to the network."""
        if self.traced.is_text:
            return self.traced.inputs.sequence * BYTES_PER_TOKEN
        height, width = self.traced.inputs.image or self.traced.network.default_image
        return height * width * BYTES_PER_PIXEL * (self.traced.inputs.frames or 1)

    @cached_property
    def model_file_bytes(self) -> int:
        """The weights as a file: 16 bits where training keeps 16, else 32; adapters start from a 16-bit base."""
        adapters = isinstance(self.workload.tuning, AdapterTuning)
        size = 2 if adapters else PRECISIONS[self.workload.precision].weights.bytes
        return self.traced.parameters.total * size

    @cached_property
    def checkpoint_bytes(self) -> int:
        """One checkpoint that training can resume from."""
        return checkpoint_bytes(self.workload, self.traced.parameters)

    @cached_property
    def storage(self) -> Storage:
        """Disks, with the reading rate of the fastest card left open."""
        return storage_need(
            StorageJob(
                data=self.workload.data,
                model_file_bytes=self.model_file_bytes,
                checkpoint_bytes=self.checkpoint_bytes,
                checkpoints_kept=self.workload.checkpoints.keep,
                framework=self.workload.framework,
                prepared_copy_bytes=tokenized_bytes(self.workload.data, self.traced.network.vocabulary),
            )
        )

    def _refusal(self, gpu: Gpu) -> Unplaceable | None:
        return training_unsupported(self.workload, gpu)

    def _ways(self, quantity: int, *, linked: bool) -> Iterator[Sharding]:
        """Layers are divided only over cards with a link of their own: the exchange within every layer is too slow for PCIe."""
        return training_strategies(self.workload, quantity, lambda spread: linked and self.traced.can_run(spread))

    def _placement(self, gpu: Gpu, spread: Sharding) -> Placement:
        need = self._needs.of(spread, gpu)
        fits = need.required <= gpu.visible_bytes
        speed = self.speed(gpu, spread) if fits else Speed()
        return Placement(
            sharding=spread,
            gpu_bytes=need.required,
            gpu_bytes_high=need.high,
            host_bytes=self._host_bytes(spread),
            read_bytes_per_second=self._read_rate(speed),
            speed=speed,
            findings=(*training_cautions(gpu), *self._why(gpu, spread), *(self._waiting(gpu, spread) if fits else ())),
        )

    def _why(self, gpu: Gpu, spread: Sharding) -> tuple[Finding, ...]:
        if self.workload.parallelism != "auto":
            return ()
        replica = self._needs.of(Sharding(gpus=spread.gpus, data=spread.gpus), gpu).required
        return (chosen_strategy(spread, replica, gpu),)

    def _waiting(self, gpu: Gpu, spread: Sharding) -> tuple[Finding, ...]:
        """Whether a hard disk keeps the GPUs waiting."""
        if self.workload.data.location != "hdd":
            return ()
        unhindered = replace(self._pass, feed=replace(self._pass.feed, read_mb_s=None))
        units = training_speed(unhindered, gpu, spread, self._times_on(gpu)).rate
        return starved(self.workload.data, units / (self.traced.inputs.sequence if self.traced.is_text else 1))

    def _host_bytes(self, spread: Sharding) -> int:
        if spread not in self._host:
            self._host[spread] = self.host_memory(spread).required_bytes
        return self._host[spread]

    def _read_rate(self, speed: Speed) -> int:
        samples = speed.samples_or_tokens_per_second or 0.0
        if self.workload.data.location == "hdd":
            return 0  # the SSDs are not asked
        if self.traced.is_text:
            return int(samples * BYTES_PER_TOKEN)
        return read_bytes_per_second(self.workload.data, samples, free_ram_bytes=0)

    def speed(self, gpu: Gpu, spread: Sharding) -> Speed:
        """How fast the step runs there."""
        return training_speed(self._pass, gpu, spread, self._times_on(gpu))

    def _times_on(self, gpu: Gpu) -> CardTimes:
        if gpu.id not in self._times:
            self._times[gpu.id] = times_on(self._pass, gpu)
        return self._times[gpu.id]

    @cached_property
    def _pass(self) -> TrainingPass:
        workload, traced = self.workload, self.traced
        hidden, _, _ = traced.network.widths()
        quantized = isinstance(workload.tuning, AdapterTuning) and workload.tuning.method == "qlora"
        return TrainingPass(
            work=traced.trace.work,
            units=traced.tokens_or_samples,
            gradient_bytes=self.gradient_bytes,
            weight_bytes=2 * traced.parameters.total if traced.workload.precision != "fp32" else 4 * traced.parameters.total,
            precision=workload.precision,
            accumulation=workload.gradient_accumulation_steps,
            is_text=traced.is_text,
            layers=max(1, traced.network.layer_count()),
            hidden=hidden,
            key_bytes=traced.key_bytes,
            expert_row_bytes=traced.expert_row_bytes,
            packed_weight_bytes=self.model_file_bytes // 4 if quantized else 0,
            compiled=workload.compile,
            framework=workload.framework,
            feed=self._feed(),
        )

    def _feed(self) -> DataFeed:
        data = self.workload.data
        length = self.traced.inputs.sequence if self.traced.is_text else 1
        size = data.bytes_per_sample or (data.bytes / data.samples if data.samples and data.bytes else None)
        height, width = self.traced.inputs.image or self.traced.network.default_image
        pictured = self.traced.network.family in ("vision", "convolutional") and not self.traced.is_text
        return DataFeed(
            pixels=height * width * (self.traced.inputs.frames or 1) if pictured else 0,
            samples=data.samples * length if data.samples else None,
            bytes_per_sample=size / length if size else None,
            epochs=data.epochs,
            loader_workers=data.workers(text=self.traced.is_text),
            in_memory=data.loading == "in_memory",
            read_mb_s=disk_samples_per_second(data) * size / MB if size and data.location == "hdd" else None,
        )
