"""Training jobs: one trace of the step, and from it the need and the speed of any placement."""

from dataclasses import replace
from functools import cached_property

from app.architectures.network import Inputs, Options
from app.estimation import overheads, sharding
from app.estimation.estimate import GpuMemory, Parameters
from app.estimation.frameworks import execution_rule
from app.estimation.ledger import Ledger, Term
from app.estimation.memory_terms import terms_of
from app.estimation.prepared_network import PreparedNetwork, block_count, prepare_network, split_points, training_inputs, tune
from app.estimation.residuals import UNMEASURED, Residual, interval
from app.hardware import Gpu
from app.placement import Finding, Sharding
from app.tape.modules import Blocks
from app.tape.optimizers import RULES
from app.tape.recorder import Category, Moment, Phase
from app.tape.trace import PRECISIONS, Trace, TrainingRun, trace_training
from app.units import format_count
from app.workloads.training import AdapterTuning, Parallelism, TrainingWorkload

PHASE_NAMES = {
    Phase.SETUP: "forward",
    Phase.FORWARD: "forward",
    Phase.BACKWARD: "backward",
    Phase.RECOMPUTE: "backward",
    Phase.OPTIMIZER: "optimizer",
}
TEXT_FAMILIES = ("decoder", "encoder", "encoder_decoder", "recurrent")
MODEL_STATES = (Category.WEIGHTS, Category.OPTIMIZER_STATES, Category.GRADIENTS, Category.OPTIMIZER_TEMPORARIES, Category.WEIGHT_CASTS)


class TracedTraining:
    """A training workload on the tape. Traced once; asked for many placements."""

    def __init__(self, workload: TrainingWorkload) -> None:
        self.workload = workload
        self.inputs: Inputs = training_inputs(workload)
        self.prepared: PreparedNetwork = _prepared(workload)
        self.network = self.prepared.network
        self.is_text = self.network.family in TEXT_FAMILIES and workload.audio_seconds is None

    @cached_property
    def trace(self) -> Trace:
        """The step in its steady state."""
        run = TrainingRun(
            precision=_traced_precision(self.workload),
            optimizer=self.workload.optimizer,
            implementation=self.workload.optimizer_implementation,
            accumulating=self.workload.gradient_accumulation_steps > 1,
            clipping=self.workload.gradient_clipping is not None,
            execution=execution_rule(self.workload),
        )
        return trace_training(self.network, lambda tape: self.network.loss(tape, self.inputs), run, self.network.vocabulary)

    @cached_property
    def parameters(self) -> Parameters:
        """Parameter counts."""
        total = self.prepared.exact_parameters or self.trace.parameters
        trainable = round(self.trace.trainable * self.prepared.scale)
        return Parameters(total=total, trainable=trainable, active=self.network.active_parameters() or total)

    @cached_property
    def shape(self) -> sharding.ModelShape:
        """What sharding divides."""
        dtype = PRECISIONS[self.workload.precision].weights
        blocks = [block for _, part in self.network.named_modules() if isinstance(part, Blocks) for p in part.periods for block in p.blocks]
        largest = max((sum(p.stored_bytes for p in block.parameters()) for block in blocks), default=0)
        return sharding.ModelShape(trainable=self.parameters.trainable, largest_block_bytes=largest, gradient_bytes=dtype.bytes)

    @property
    def tokens_or_samples(self) -> int:
        """Tokens (text) or samples of one micro-batch."""
        length = self.inputs.sequence + (self.inputs.target or 0) if self.is_text else 1
        return self.inputs.batch * length

    @cached_property
    def residual(self) -> Residual:
        """The family's residual; wider where the framework is not the one that was measured."""
        known = self.prepared.residual
        return known if self.workload.framework == "pytorch" or known.basis == "size only" else UNMEASURED

    def peak(self, spread: Sharding) -> tuple[Moment, dict[Category, int]]:
        """The moment that decides the need of this placement, and the bytes of each category on the fullest GPU."""
        candidates = [(moment, self._shares(moment, spread)) for moment in self.trace.decisive_moments]
        return max(candidates, key=lambda candidate: sum(candidate[1].values()))

    def _shares(self, moment: Moment, spread: Sharding) -> dict[Category, int]:
        scaled = moment
        if self.prepared.scale != 1.0:
            counts = list(moment.bytes_by_category)
            for category in MODEL_STATES:
                counts[category] = round(counts[category] * self.prepared.scale)
            scaled = Moment(moment.phase, tuple(counts))
        return sharding.shares(scaled, spread)

    def gpu_memory(self, spread: Sharding, gpu: Gpu | None = None) -> GpuMemory:
        """The ledger of the fullest GPU."""
        moment, shares = self.peak(spread)
        terms = terms_of(moment, shares, self._notes())
        communication = sharding.communication_bytes(spread, self.shape)
        if communication:
            terms.append(_communication_term(communication, spread))
        allocated = sum(term.bytes for term in terms)
        extra = _overheads(self, moment, shares, spread, gpu)
        return GpuMemory(
            peak_allocated_bytes=allocated,
            ledger=Ledger((*terms, *extra)),
            interval=interval(allocated, sum(term.bytes for term in extra), self.residual),
            peak_phase=PHASE_NAMES[moment.phase],
        )

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
            notes[Category.WEIGHTS] = "linear layers at 4.127 bits (NF4, double quantization), everything else at fp32"
        if self.network.vocabulary and self.is_text:
            rows = inputs.batch * (inputs.target or inputs.sequence)
            notes[Category.LOGITS] = f"up to 12 B x {rows:,} tokens x {self.network.vocabulary:,} words in the vocabulary"
        return notes

    def findings(self) -> tuple[Finding, ...]:
        """What is assumed or not modelled."""
        return (*self.prepared.findings, *_assumptions(self.workload, is_text=self.is_text))


def _prepared(workload: TrainingWorkload) -> PreparedNetwork:
    plain = execution_rule(workload).plain_attention and workload.attention != "flash"
    attention = "eager" if plain else "sdpa" if workload.activation_checkpointing == "selective" else workload.attention
    options = Options(
        attention=attention,
        checkpointed=workload.activation_checkpointing == "full",
        fused_cross_entropy=workload.fused_cross_entropy,
    )
    prepared = prepare_network(workload, options)
    splits = split_points(workload.tuning, block_count(prepared.network))
    if splits:
        prepared = prepare_network(workload, replace(options, split_at=splits))
    tune(prepared.network, workload.tuning)
    return prepared


def _traced_precision(workload: TrainingWorkload) -> str:
    """peft prepares a 4-bit base for training by casting everything else to fp32 and computes under autocast.

    With 16-bit adapters (torchtune, Unsloth) nothing is cast up. Source: peft 0.21, prepare_model_for_kbit_training.
    """
    tuning = workload.tuning
    casts_up = isinstance(tuning, AdapterTuning) and tuning.method == "qlora" and tuning.adapter_precision == "fp32"
    return f"amp_{workload.precision}" if casts_up and workload.precision in ("bf16", "fp16") else workload.precision


def _overheads(job: TracedTraining, moment: Moment, shares: dict[Category, int], spread: Sharding, gpu: Gpu | None) -> list[Term]:
    moving = sum(count for category, count in shares.items() if category not in (Category.WEIGHTS, Category.OPTIMIZER_STATES))
    convolving = moment.bytes_of(Category.ACTIVATIONS) if job.network.family in ("convolutional", "diffusion") else 0
    communicators = overheads.communicator_term(spread.gpus)
    return [
        overheads.fragmentation_term(moving, overheads.TRAINING_FRAGMENTATION),
        overheads.workspace_term(gpu, convolving),
        *([communicators] if communicators else []),
        overheads.context_term(gpu),
    ]


def _communication_term(count: int, spread: Sharding) -> Term:
    stage = spread.zero_stage
    what = f"ZeRO-{stage} buckets and gathered blocks" if stage else "DDP buckets: a second copy of the gradients"
    return Term(
        key="communication_buffers", label="Gradient and weight exchange", bytes=count, formula=f"{what} over {spread.data} GPUs",
        inputs={"data_parallel": spread.data}, source="PyTorch DistributedDataParallel and FSDP; DeepSpeed's default bucket sizes",
    )  # fmt: skip


def requested_sharding(parallelism: Parallelism) -> Sharding:
    """The sharding that a workload asks for; where only the number of GPUs is given, they share the batches."""
    degrees = parallelism.data * parallelism.tensor * parallelism.pipeline
    return Sharding(
        gpus=parallelism.gpus,
        data=parallelism.data if degrees == parallelism.gpus else parallelism.gpus,
        tensor=parallelism.tensor,
        pipeline=parallelism.pipeline,
        zero_stage=parallelism.zero_stage,
        offload=parallelism.offload,
    )


def _assumptions(workload: TrainingWorkload, *, is_text: bool) -> list[Finding]:
    notes = [
        (is_text and workload.sequence_length is None, "sequence_length_assumed", "No sequence length was given: 2048 tokens are assumed.",
         "Enter the length you train with."),
        (workload.framework != "pytorch", "framework_not_measured",
         f"The step is modelled as eager PyTorch runs it; {workload.framework} frees and fuses differently.",
         "Expect 5 to 30 % less for graph execution."),
        (workload.compile, "compile_not_modelled", "Compilation usually keeps 10 to 40 % fewer activations; the eager step is shown.",
         "Treat the figure as an upper bound."),
        (workload.precision == "fp8", "fp8_states", "FP8 speeds up matrix products; weights, gradients and states stay in 16 bits.", ""),
        (workload.activation_checkpointing == "selective" and workload.attention != "eager", "selective_is_free",
         "Selective checkpointing recomputes attention scores, which this attention kernel never stores: it changes nothing here.",
         "Use full checkpointing to save memory."),
    ]  # fmt: skip
    return [Finding(severity="note", code=code, message=text, remedy=remedy) for applies, code, text, remedy in notes if applies]
