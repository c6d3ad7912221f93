"""Training speed: the time of a step from the work of its operators, its communication and its data."""

from dataclasses import dataclass
from typing import NamedTuple

from app.estimation.speed.evidence import basis, interval_factor
from app.estimation.speed.interconnect import all_reduce_seconds, gather_seconds, send_seconds
from app.estimation.speed.loader import arrival
from app.estimation.speed.passes import TrainingPass
from app.estimation.speed.roofline import Rates, Seconds, seconds
from app.hardware import Gpu
from app.placement import Sharding, Speed
from app.tape.recorder import Phase

MICRO_BATCH_PHASES = (Phase.FORWARD, Phase.RECOMPUTE, Phase.BACKWARD)
# Gradients of finished layers are exchanged while earlier layers still run backward (PyTorch DDP, FSDP prefetch): the share of the compute
# that can hide communication.
OVERLAP = 0.6
GATHERS_OF_WEIGHTS = 2  # ZeRO-3: before the forward and before the backward pass
TENSOR_EXCHANGES = 4  # all-reduces of one block in a training step: two forward, two backward
CONTEXT_EXCHANGES = 3  # of one layer's keys and values: gathered forward and backward, and their gradients handed on
EXPERT_EXCHANGES = 4  # of one layer's tokens: there and back, forward and backward
HALF_BYTES = 2
UNPACKED_TRAFFIC = 5  # bytes moved for each packed byte: read it, write four bytes of 16-bit weights
PCIE_OFFLOAD_GB_S = 12.0  # optimizer offload: gradients down and weights up over PCIe, and the host's Adam at about the same rate


@dataclass(frozen=True, slots=True)
class _Step:
    """One optimizer step, in seconds."""

    micro_batch: Seconds
    optimizer: float
    exposed: float  # communication that nothing hides
    bubble: float  # pipeline fill and drain, as a factor of at least 1
    accumulation: int

    @property
    def computing(self) -> float:
        return self.micro_batch.elapsed * self.accumulation * self.bubble + self.optimizer

    @property
    def total(self) -> float:
        return self.computing + self.exposed

    @property
    def bottleneck(self) -> str:
        return "interconnect" if self.exposed > self.computing else self.micro_batch.bottleneck


class CardTimes(NamedTuple):
    """What one card alone would take: for a micro-batch, and for the optimizer's step. The same however many of them share the work."""

    micro_batch: Seconds
    optimizer: float


def times_on(job: TrainingPass, gpu: Gpu) -> CardTimes:
    """The times of a pass on one card."""
    rates = Rates(gpu=gpu, precision=job.precision, compiled=job.compiled)
    micro_batch = seconds(job.work, MICRO_BATCH_PHASES, rates) + _unpacking(job, rates)
    return CardTimes(micro_batch, seconds(job.work, (Phase.OPTIMIZER,), rates).device)


def training_speed(job: TrainingPass, gpu: Gpu, sharding: Sharding, times: CardTimes | None = None) -> Speed:
    """Speed of training on `sharding.gpus` cards, of which one alone takes `times`. Rates are totals; `epoch_seconds` and `run_seconds` are
    None where the number of samples is not known."""
    step = _step(job, gpu, sharding, times or times_on(job, gpu))
    units = job.units * job.accumulation * replicas(sharding)
    arriving = arrival(job.feed, is_text=job.is_text, gpus=sharding.gpus)
    waiting = units / arriving.units_per_second if arriving else 0.0
    step_seconds = max(step.total, waiting)
    rate = units / step_seconds
    epoch = job.feed.samples / rate if job.feed.samples else None
    return Speed(
        samples_or_tokens_per_second=rate,
        step_seconds=step_seconds,
        epoch_seconds=epoch,
        run_seconds=epoch * job.feed.epochs if epoch is not None else None,
        interval_factor=interval_factor(gpu, "train"),
        basis=basis(gpu, "train"),
        bottleneck=arriving.cause if arriving and waiting > step.total else step.bottleneck,
    )


def replicas(sharding: Sharding) -> int:
    """Copies of the model that work on different data."""
    return max(1, sharding.gpus // (sharding.tensor * sharding.pipeline * sharding.context))


def _step(job: TrainingPass, gpu: Gpu, sharding: Sharding, times: CardTimes) -> _Step:
    parts, whole = sharding.tensor * sharding.pipeline, times.micro_batch
    pieces = parts * sharding.context
    micro = Seconds(compute=whole.compute / pieces, memory=whole.memory / pieces, launch=whole.launch / sharding.pipeline)
    holders = replicas(sharding) * sharding.context if sharding.zero_stage else 1
    optimizer = times.optimizer / parts / holders
    per_micro, per_step = _communication(job, gpu, sharding)
    hidden = OVERLAP * micro.elapsed
    exposed = job.accumulation * max(0.0, per_micro - hidden) + max(0.0, per_step - hidden)
    exposed += job.accumulation * (_tensor_exchange(job, gpu, sharding) + _layer_exchange(job, gpu, sharding)) + _offload(job, sharding)
    bubble = 1 + (sharding.pipeline - 1) / job.accumulation
    return _Step(micro, optimizer, exposed, bubble, job.accumulation)


def _unpacking(job: TrainingPass, rates: Rates) -> Seconds:
    """Weights kept in 4 bits are unpacked for the products of every phase."""
    phases = 2 + any(key.phase is Phase.RECOMPUTE for key in job.work)
    moved = phases * UNPACKED_TRAFFIC * job.packed_weight_bytes
    return Seconds(memory=moved / rates.stream_bytes_per_second)


def _communication(job: TrainingPass, gpu: Gpu, sharding: Sharding) -> tuple[float, float]:
    """Data-parallel traffic that compute can hide: seconds for each micro-batch, and once for the step."""
    copies, parts = replicas(sharding) * sharding.context, sharding.tensor * sharding.pipeline
    gradients, weights = job.gradient_bytes / parts, job.weight_bytes / parts
    if sharding.zero_stage == 3:
        return GATHERS_OF_WEIGHTS * gather_seconds(weights, gpu, copies) + gather_seconds(gradients, gpu, copies), 0.0
    if sharding.zero_stage == 2:
        return gather_seconds(gradients, gpu, copies), gather_seconds(gradients, gpu, copies)
    return 0.0, all_reduce_seconds(gradients, gpu, copies) if copies > 1 else 0.0


def _tensor_exchange(job: TrainingPass, gpu: Gpu, sharding: Sharding) -> float:
    """Traffic of one micro-batch that stands in the way of compute: all-reduces of tensor, hand-overs of pipeline parallelism."""
    activations = (job.positions or job.units) * job.hidden * HALF_BYTES
    seconds_ = 0.0
    if sharding.tensor > 1:
        layers = job.layers / sharding.pipeline
        seconds_ += TENSOR_EXCHANGES * layers * all_reduce_seconds(activations, gpu, sharding.tensor)
    if sharding.pipeline > 1:
        seconds_ += 2 * send_seconds(activations, gpu, sharding.gpus)
    return seconds_


def _layer_exchange(job: TrainingPass, gpu: Gpu, sharding: Sharding) -> float:
    """Traffic of one micro-batch between GPUs that divide sequences, or experts; an all-to-all moves as much as a gather."""
    layers, seconds_ = job.layers / sharding.pipeline, 0.0
    if sharding.context > 1:
        seconds_ += CONTEXT_EXCHANGES * layers * gather_seconds(job.key_bytes, gpu, sharding.context)
    if sharding.expert > 1:
        seconds_ += EXPERT_EXCHANGES * layers * gather_seconds(job.expert_row_bytes / sharding.context, gpu, sharding.expert)
    return seconds_


def _offload(job: TrainingPass, sharding: Sharding) -> float:
    if sharding.offload == "none":
        return 0.0
    moved = job.gradient_bytes + job.weight_bytes * (job.accumulation * 2 if sharding.offload == "all" else 1)
    return moved / sharding.gpus / (PCIE_OFFLOAD_GB_S * 1e9)
