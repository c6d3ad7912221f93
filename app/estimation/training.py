"""Training jobs: one trace of the step, and from it the need and the speed of any placement."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from threading import RLock
from typing import NamedTuple

from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options
from app.errors import InvalidInput
from app.estimation import context_parallel, expert_parallel, overheads, sharding
from app.estimation.assumptions import adapted_experts, assumptions
from app.estimation.estimate import GpuMemory, Parameters
from app.estimation.frameworks import allocator_term, attention_of, eager_finding, execution_rule, framework_findings, framework_residual
from app.estimation.job import Needs
from app.estimation.layout import LaidOut, Layout, TracedStep, laid_out, layout_of, traced_step
from app.estimation.ledger import Ledger, Term
from app.estimation.memory_terms import terms_of
from app.estimation.prepared_network import PreparedNetwork, block_count, prepare_network, split_points, training_inputs, tune
from app.estimation.residuals import SHARDED, Residual, interval
from app.hardware import Gpu
from app.placement import Finding, Sharding
from app.tape.dtypes import BF16
from app.tape.optimizers import RULES, total_state_bytes
from app.tape.recorder import Category, Moment, Phase
from app.tape.trace import PRECISIONS, Trace, TrainingRun
from app.units import format_binary, format_count
from app.workloads.training import AdapterTuning, Parallelism, TrainingWorkload

PHASE_NAMES = {
    Phase.SETUP: "forward",
    Phase.FORWARD: "forward",
    Phase.BACKWARD: "backward",
    Phase.RECOMPUTE: "backward",
    Phase.OPTIMIZER: "optimizer",
}
LEAST_REPLICAS = 2
TEXT_FAMILIES = ("decoder", "encoder", "encoder_decoder", "recurrent")
CONVOLVING_FAMILIES = ("convolutional", "diffusion", "detection", "detection_with_masks")  # whose convolutions ask for workspaces
PROGRAMS_KEPT = 64  # about 0.3 MB each
LONGEST_KEPT = 20_000  # characters of a workload document; longer ones carry a graph
SPREAD_AND_DATA = ("parallelism", "data", "checkpoints")  # fields of a workload that change nothing of what is traced
OF_THE_OPTIMIZER = ("optimizer", "optimizer_implementation", "gradient_clipping", "weight_averaging")  # or nothing of the two passes
MODEL_STATES = (
    Category.WEIGHTS, Category.OPTIMIZER_STATES, Category.AVERAGED_WEIGHTS, Category.GRADIENTS, Category.OPTIMIZER_TEMPORARIES,
    Category.WEIGHT_CASTS,
)  # fmt: skip


class Peak(NamedTuple):
    """The decisive moment of a placement: what was alive before sharding, each category's bytes on the fullest GPU, and buffers."""

    moment: Moment
    shares: dict[Category, int]
    buffers: list[sharding.Buffer]

    @property
    def allocated_bytes(self) -> int:
        """Everything on the fullest GPU."""
        return sum(self.shares.values()) + sum(buffer.bytes for buffer in self.buffers)


@dataclass(frozen=True)
class Program:
    """What is traced: workloads that differ only in their optimizer, in how they are spread and in their data share one."""

    prepared: PreparedNetwork
    layouts: dict[Hashable, LaidOut] = field(default_factory=dict)
    tracing: RLock = field(default_factory=RLock)  # one thread at a time runs the network


class TracedTraining:
    """A training workload on the tape, however it is spread. Traced once; asked for many placements."""

    def __init__(self, workload: TrainingWorkload) -> None:
        self.workload = workload
        self._program = _program(workload)
        self.prepared: PreparedNetwork = self._program.prepared
        self.inputs: Inputs = training_inputs(workload, self.prepared.network.family)
        self.network = self.prepared.network
        standing_in_for_images = self.prepared.exact_parameters is not None and workload.image_size is not None
        self.is_text = self.network.family in TEXT_FAMILIES and workload.audio_seconds is None and not standing_in_for_images
        self.needs = Needs(self.gpu_memory)
        self._steps: dict[Layout, TracedStep] = {}
        self._refused: set[Layout] = set()
        self._peaks: dict[Sharding, Peak] = {}
        self._terms: dict[Sharding, tuple[Term, ...]] = {}
        self._reserved: dict[Sharding, Term] = {}

    @property
    def trace(self) -> Trace:
        """The step on one GPU in its steady state."""
        return self.step(Sharding()).trace

    @cached_property
    def run(self) -> TrainingRun:
        """How the step is run."""
        return TrainingRun(
            precision=_traced_precision(self.workload),
            optimizer=self.workload.optimizer,
            implementation=self.workload.optimizer_implementation,
            accumulating=self.workload.gradient_accumulation_steps > 1,
            clipping=self.workload.gradient_clipping is not None,
            averaging=self.workload.weight_averaging,
            execution=execution_rule(self.workload),
        )

    def step(self, spread: Sharding) -> TracedStep:
        """The step as this way to spread the job changes it; every layout is traced once.

        Raises InvalidInput where the network cannot be split as asked.
        """
        layout = layout_of(self.workload, spread)
        with self._program.tracing:
            if layout not in self._steps:
                self._steps[layout] = traced_step(self._laid_out(layout), self.run, layout, self.workload.gradient_accumulation_steps)
        return self._steps[layout]

    def _laid_out(self, layout: Layout) -> LaidOut:
        key, layouts = (layout, self.run.accumulating, self.run.updating), self._program.layouts
        if key not in layouts:
            network = self.network if layout == Layout() else _prepared(self.workload, layout.tensor).network
            layouts[key] = laid_out(network, self.workload, self.inputs, self.run, layout)
        return layouts[key]

    @cached_property
    def parameters(self) -> Parameters:
        """Parameter counts."""
        total = self.prepared.exact_parameters or self.trace.parameters
        trainable = round(self.trace.trainable * self.prepared.scale)
        return Parameters(total=total, trainable=trainable, active=self.network.active_parameters() or total)

    @property
    def tokens_or_samples(self) -> int:
        """Tokens (text) or samples of one micro-batch."""
        length = self.inputs.sequence + (self.inputs.target or 0) if self.is_text else 1
        return self.inputs.batch * length

    @cached_property
    def residual(self) -> Residual:
        """The residual of the family and of the framework, whichever is wider."""
        return framework_residual(self.workload, self.prepared.residual, self.network.family)

    def can_run(self, spread: Sharding) -> bool:
        """Whether the network can be divided like this."""
        layout = layout_of(self.workload, spread)
        if layout not in self._refused and layout not in self._steps:
            try:
                self.step(spread)
            except InvalidInput:
                self._refused.add(layout)
        return layout not in self._refused

    def shape(self, spread: Sharding) -> sharding.ModelShape:
        """What this way to spread the job divides, gathers and exchanges."""
        return self.step(spread).shape.scaled(self.prepared.scale)

    @cached_property
    def key_bytes(self) -> int:
        """Keys and values of one layer of a micro-batch in 16 bits; 0 where sequences cannot be divided."""
        return context_parallel.gathered_bytes(self.network, self.inputs, BF16, 1) if isinstance(self.network, LanguageModel) else 0

    @cached_property
    def expert_row_bytes(self) -> int:
        """Tokens of one layer of a micro-batch in 16 bits, once for each expert chosen; 0 without experts."""
        return expert_parallel.row_bytes(self.network, self.inputs, BF16)

    def offloaded_bytes(self, spread: Sharding) -> int:
        """Bytes that lie in the host's RAM instead of on the GPUs: what is offloaded, and the states of a paged optimizer."""
        rule = RULES[self.workload.optimizer]
        if rule.paged and spread.offload == "none":
            return round(total_state_bytes(self.step(spread).parameters, rule) * self.prepared.scale)
        return sharding.offloaded_bytes(spread, self.shape(spread), rule.states)

    def peak(self, spread: Sharding) -> Peak:
        """The moment that decides the need of this placement, on its fullest GPU."""
        key = _what_decides(spread)
        if key not in self._peaks:
            step, shape = self.step(spread), self.shape(spread)
            candidates = (self._at(moment, spread, shape) for moment in step.moments)
            self._peaks[key] = max(candidates, key=lambda peak: peak.allocated_bytes)
        return self._peaks[key]

    def _at(self, moment: Moment, spread: Sharding, shape: sharding.ModelShape) -> Peak:
        scaled = moment
        if self.prepared.scale != 1.0:
            counts = list(moment.bytes_by_category)
            for category in MODEL_STATES:
                counts[category] = round(counts[category] * self.prepared.scale)
            scaled = Moment(moment.phase, tuple(counts))
        return Peak(scaled, sharding.shares(scaled, spread, shape), sharding.buffers(moment, spread, shape))

    def gpu_memory(self, spread: Sharding, gpu: Gpu | None = None) -> GpuMemory:
        """The ledger of the fullest GPU."""
        peak, terms = self.peak(spread), self._terms_at_peak(spread)
        allocated = sum(term.bytes for term in terms)
        extra = self._overheads(peak, spread, gpu)
        return GpuMemory(
            peak_allocated_bytes=allocated,
            ledger=Ledger((*terms, *extra)),
            interval=interval(allocated, sum(term.bytes for term in extra), self._residual_of(spread)),
            peak_phase=PHASE_NAMES[peak.moment.phase],
        )

    def _terms_at_peak(self, spread: Sharding) -> tuple[Term, ...]:
        """What is allocated at the peak, the same on every kind of GPU."""
        if spread not in self._terms:
            peak = self.peak(spread)
            blocks = allocator_term(self.workload, peak.shares)
            buffers = (_buffer_term(buffer, spread) for buffer in peak.buffers)
            self._terms[spread] = (*terms_of(peak.moment, peak.shares, self._notes), *buffers, *([blocks] if blocks else []))
        return self._terms[spread]

    def _overheads(self, peak: Peak, spread: Sharding, gpu: Gpu | None) -> list[Term]:
        convolving = peak.moment.bytes_of(Category.ACTIVATIONS) if self.network.family in CONVOLVING_FAMILIES else 0
        communicators = overheads.communicator_term(spread.gpus, spread.communicators)
        return [
            self._reservation(peak, spread),
            overheads.workspace_term(gpu, convolving),
            *([communicators] if communicators else []),
            overheads.context_term(gpu),
        ]

    def _reservation(self, peak: Peak, spread: Sharding) -> Term:
        """What the allocator keeps, the same on every kind of GPU."""
        if spread not in self._reserved:
            split = self.workload.framework == "pytorch"  # only its allocator cuts freed blocks up
            logits = self.step(spread).trace.most_of(Category.LOGITS) if split else 0
            self._reserved[spread] = overheads.reservation_term(peak.allocated_bytes, peak.shares[Category.OPTIMIZER_STATES], logits)
        return self._reserved[spread]

    def _residual_of(self, spread: Sharding) -> Residual:
        alone = not spread.zero_stage and spread.tensor == spread.pipeline == spread.context == spread.expert == 1
        alone = alone and spread.offload == "none"
        return self.residual if alone or self.residual.basis != "measured" else SHARDED

    @cached_property
    def _notes(self) -> dict[Category, str]:
        """Formulas with this job's numbers put in."""
        workload, counts, inputs = self.workload, self.parameters, self.inputs
        weights = PRECISIONS[workload.precision].weights
        states = RULES[workload.optimizer].states
        trained = format_count(counts.trainable)
        element = next(p.dtype.bytes for p in self.network.parameters() if p.requires_grad)
        notes = {
            Category.WEIGHTS: f"{counts.total:,} parameters x {weights.bytes} B ({weights.name})",
            Category.OPTIMIZER_STATES: f"{workload.optimizer}: {states} states x {trained} trained parameters x {element} B",
            Category.GRADIENTS: f"{trained} trained parameters x {element} B, as far as backward has come",
            Category.ACTIVATIONS: f"{inputs.batch} x {inputs.sequence} tokens" if self.is_text else f"{inputs.batch} samples",
        }
        if isinstance(workload.tuning, AdapterTuning) and workload.tuning.method == "qlora":
            rest = "fp32" if _traced_precision(workload).startswith("amp") else weights.name
            notes[Category.WEIGHTS] = f"linear layers at 4.127 bits (NF4, double quantization), everything else at {rest}"
        if self.network.vocabulary and self.is_text:
            rows = inputs.batch * (inputs.target or inputs.sequence)
            notes[Category.LOGITS] = f"up to 12 B x {rows:,} tokens x {self.network.vocabulary:,} words in the vocabulary"
        return notes

    def findings(self, spread: Sharding) -> tuple[Finding, ...]:
        """What is assumed or not modelled."""
        attends = self.network.widths()[2] > 1
        eager = eager_finding(self.workload, self.network, self.inputs, self.run)
        masters = layout_of(self.workload, spread).masters
        return (
            *self.prepared.findings,
            *framework_findings(self.workload, attends=attends),
            *([eager] if eager else []),
            *adapted_experts(self.network),
            *assumptions(self.workload, spread, text=self.inputs if self.is_text else None, masters=masters),
        )


def traced_training(workload: TrainingWorkload) -> TracedTraining:
    """The workload on the tape; workloads that differ only in how they are spread, in their data or their checkpoints share one.

    Raises InvalidInput naming the field that is wrong.
    """
    written = _written(workload, *SPREAD_AND_DATA)
    return TracedTraining(workload) if written is None else _newest_traced(written)


def _program(workload: TrainingWorkload) -> Program:
    written = _written(workload, *SPREAD_AND_DATA, *OF_THE_OPTIMIZER)
    return Program(_prepared(workload)) if written is None else _newest_programs(written)


@dataclass(frozen=True, slots=True)
class Written:
    """A workload that equals another one where the same text describes it."""

    document: str
    workload: TrainingWorkload = field(compare=False)


def _written(workload: TrainingWorkload, *left_out: str) -> Written | None:
    """The workload without some fields; None where it is too long to be kept."""
    document = workload.model_dump_json(exclude=set(left_out))
    return None if len(document) > LONGEST_KEPT else Written(document, workload)


@lru_cache(maxsize=PROGRAMS_KEPT)
def _newest_traced(written: Written) -> TracedTraining:
    return TracedTraining(written.workload)


@lru_cache(maxsize=PROGRAMS_KEPT)
def _newest_programs(written: Written) -> Program:
    return Program(_prepared(written.workload))


def _prepared(workload: TrainingWorkload, tensor: int = 1) -> PreparedNetwork:
    options = Options(
        attention=attention_of(workload),
        checkpointed=workload.activation_checkpointing == "full",
        fused_cross_entropy=workload.fused_cross_entropy,
        tensor=tensor,
        denoiser_only=True,
    )
    prepared = prepare_network(workload, options)
    splits = split_points(workload.tuning, block_count(prepared.network))
    if splits:
        prepared = prepare_network(workload, replace(options, split_at=splits))
    tune(prepared.network, workload.tuning, checkpointed=options.checkpointed)
    return prepared


def _traced_precision(workload: TrainingWorkload) -> str:
    """peft prepares a 4-bit base for training by casting everything else to fp32 and computes under autocast.

    With 16-bit adapters (torchtune, Unsloth) nothing is cast up. Source: peft 0.21, prepare_model_for_kbit_training.
    """
    tuning = workload.tuning
    casts_up = isinstance(tuning, AdapterTuning) and tuning.method == "qlora" and tuning.adapter_precision == "fp32"
    return f"amp_{workload.precision}" if casts_up and workload.precision in ("bf16", "fp16") else workload.precision


def _what_decides(spread: Sharding) -> Sharding:
    """The sharding as the peak sees it: GPUs that only share the batches all hold the same, however many they are."""
    only_batches = spread.communicators == 1 and spread.data > LEAST_REPLICAS and not spread.zero_stage and spread.offload == "none"
    return Sharding(gpus=LEAST_REPLICAS, data=LEAST_REPLICAS) if only_batches else spread


def _buffer_term(buffer: sharding.Buffer, spread: Sharding) -> Term:
    return Term(
        key=buffer.key, label=buffer.label, bytes=buffer.bytes, formula=f"{buffer.how} = {format_binary(buffer.bytes)}",
        inputs={"data_parallel": spread.data, "context_parallel": spread.context, "expert_parallel": spread.expert},
        source=buffer.source,
    )  # fmt: skip


def requested_sharding(parallelism: Parallelism) -> Sharding:
    """The sharding that a workload asks for; where only the number of GPUs is given, they share the batches."""
    degrees = parallelism.data * parallelism.tensor * parallelism.pipeline * parallelism.context
    return Sharding(
        gpus=parallelism.gpus,
        data=parallelism.data if degrees == parallelism.gpus else parallelism.gpus,
        tensor=parallelism.tensor,
        pipeline=parallelism.pipeline,
        context=parallelism.context,
        expert=parallelism.expert,
        zero_stage=parallelism.zero_stage,
        offload=parallelism.offload,
    )
