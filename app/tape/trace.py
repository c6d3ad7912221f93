"""One step of a network on the tape: a training step, or a forward pass without gradients. Its result answers every placement."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import add

from app.tape import optimizers
from app.tape.autograd import backward
from app.tape.dtypes import BF16, FP16, FP32, FP64, DType
from app.tape.frameworks import EAGER_PYTORCH, ExecutionRule
from app.tape.modules import Module
from app.tape.recorder import Category, Moment, Phase, Work, WorkKey, rounded
from app.tape.tensor import Parameter, Tape, Tensor


@dataclass(frozen=True, slots=True)
class PrecisionRule:
    """The type weights are kept in, and the type autocast computes in (None: no autocast)."""

    weights: DType
    autocast: DType | None = None


PRECISIONS = {
    "fp64": PrecisionRule(FP64),
    "fp32": PrecisionRule(FP32),
    "tf32": PrecisionRule(FP32),
    "amp_fp16": PrecisionRule(FP32, FP16),
    "amp_bf16": PrecisionRule(FP32, BF16),
    "fp16": PrecisionRule(FP16),
    "bf16": PrecisionRule(BF16),
    "fp8": PrecisionRule(BF16),
}


@dataclass(frozen=True)
class Trace:
    """What one step does to memory, and its work. `moments` holds every local maximum of live bytes."""

    moments: tuple[Moment, ...]
    work: Mapping[WorkKey, Work]
    parameters: int
    trainable: int

    @cached_property
    def peak(self) -> Moment:
        """The instant at which most bytes are alive."""
        return max(self.moments, key=lambda moment: moment.total_bytes)

    @property
    def peak_bytes(self) -> int:
        """Live bytes at the peak: what torch.cuda.max_memory_allocated() would report."""
        return self.peak.total_bytes

    @cached_property
    def phase_peaks(self) -> dict[Phase, int]:
        """The largest live bytes of each phase."""
        peaks: dict[Phase, int] = {}
        for moment in self.moments:
            peaks[moment.phase] = max(peaks.get(moment.phase, 0), moment.total_bytes)
        return peaks

    @cached_property
    def decisive_moments(self) -> tuple[Moment, ...]:
        """The moments that can be the peak of some placement: no other of their phase has more gradients and more of everything else.

        Sharding divides weights, states and gradients, never what a forward pass makes, and adds what a phase needs; so these decide.
        """
        kept: list[Moment] = []
        most_other: dict[Phase, int] = {}
        for moment in sorted(self.moments, key=lambda m: (-_gradients(m), -_others(m))):
            if _others(moment) > most_other.get(moment.phase, -1):
                most_other[moment.phase] = _others(moment)
                kept.append(moment)
        return tuple(kept)

    def most_of(self, category: Category) -> int:
        """The most bytes of one category that are ever alive."""
        return self._most[category]

    @cached_property
    def _most(self) -> tuple[int, ...]:
        """The most bytes of each category, over all moments."""
        return tuple(max(counts) for counts in zip(*(moment.bytes_by_category for moment in self.moments), strict=True))

    @cached_property
    def saved_activations(self) -> int:
        """Bytes that the forward pass of one micro-batch leaves for its backward pass, logits apart."""
        after_forward = next((m for m in self.moments if m.phase is Phase.BACKWARD), None)
        return after_forward.bytes_of(Category.ACTIVATIONS) if after_forward else 0

    @cached_property
    def flops(self) -> int:
        """Floating-point operations of the step."""
        return sum(work.flops for work in self.work.values())


def _gradients(moment: Moment) -> int:
    return moment.bytes_by_category[Category.GRADIENTS]


def _others(moment: Moment) -> int:
    return moment.total_bytes - _gradients(moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """How a step is run: precision, optimizer, whether gradients of earlier micro-batches exist already, whether all gradients are
    clipped together, whether a moving average of the weights is kept, and the framework's rule."""

    precision: str = "amp_bf16"
    optimizer: str = "adamw"
    implementation: str = "foreach"
    accumulating: bool = False
    clipping: bool = False
    averaging: bool = False
    execution: ExecutionRule = EAGER_PYTORCH

    @property
    def updating(self) -> bool:
        """Whether each weight is updated as soon as its gradient is there: not where all gradients are needed together."""
        return self.execution.updates_at_once and not self.accumulating and not self.clipping


@dataclass(frozen=True, slots=True)
class Passes:
    """The forward and the backward pass of a step, without what its optimizer keeps and allocates. `end`: what is alive after them, by
    category. Steps that differ only in their optimizer share them."""

    moments: tuple[Moment, ...]
    end: tuple[int, ...]
    work: Mapping[WorkKey, Work]


def trace_training(network: Module, loss: Callable[[Tape], Tensor], run: TrainingRun, vocabulary: int | None = None) -> Trace:
    """Traces one training step in its steady state: optimizer states exist, gradients are set to None after each step."""
    return with_optimizer(trace_passes(network, loss, run, vocabulary), network, run)


def trace_passes(network: Module, loss: Callable[[Tape], Tensor], run: TrainingRun, vocabulary: int | None = None) -> Passes:
    """Traces the forward and the backward pass."""
    precision = PRECISIONS[run.precision]
    tape = Tape(autocast=precision.autocast, training=True, vocabulary=vocabulary, execution=run.execution)
    tape.updating = run.updating
    parameters = load(network, tape, precision.weights)
    if run.accumulating:
        _keep_gradients(parameters, tape)
    tape.record.enter(Phase.FORWARD)
    result = loss(tape)
    tape.casts.clear()
    tape.record.enter(Phase.BACKWARD)
    backward(result)
    del result
    tape.record.end_segment()
    moments, end = tape.record.replayed()
    for parameter in parameters:
        parameter.grad = None
    return Passes(tuple(moments), end, dict(tape.record.work))


def with_optimizer(passes: Passes, network: Module, run: TrainingRun) -> Trace:
    """The whole step: the passes with the states that lie beside them all along, and the optimizer's own step.

    `network` holds its weights in the types of the passes.
    """
    rule, parameters = optimizers.RULES[run.optimizer], list(network.parameters())
    kept = [0] * len(Category)
    kept[Category.OPTIMIZER_STATES] = 0 if rule.paged else optimizers.total_state_bytes(parameters, rule)
    kept[Category.AVERAGED_WEIGHTS] = optimizers.total_average_bytes(parameters) if run.averaging else 0
    moments = [Moment(moment.phase, tuple(map(add, moment.bytes_by_category, kept))) for moment in passes.moments]
    temporaries = _step_temporaries(parameters, rule, run)
    if temporaries:
        kept[Category.OPTIMIZER_TEMPORARIES] = temporaries
        moments.append(Moment(Phase.OPTIMIZER, tuple(map(add, passes.end, kept))))
    return _counted(moments, {**passes.work, **_work_of_step(parameters, rule)}, parameters)


def _step_temporaries(parameters: list[Parameter], rule: optimizers.Rule, run: TrainingRun) -> int:
    """What the optimizer allocates for itself after the backward pass: in PyTorch as the implementation does, elsewhere one by one."""
    if run.execution is EAGER_PYTORCH:
        return optimizers.step_temporaries(parameters, rule, run.implementation)
    largest = max((rounded(p.bytes) for p in parameters if p.requires_grad), default=0)
    return 0 if run.updating else run.execution.update_copies * largest


def trace_forward(network: Module, forward: Callable[[Tape], object], weights: DType, vocabulary: int | None = None) -> Trace:
    """Traces one forward pass without gradients."""
    tape = Tape(vocabulary=vocabulary)
    parameters = load(network, tape, weights)
    tape.record.enter(Phase.FORWARD)
    result = forward(tape)
    moments = tape.record.moments()
    del result
    return _counted(moments, dict(tape.record.work), parameters)


def load(network: Module, tape: Tape, dtype: DType) -> list[Parameter]:
    """Puts the weights on the tape in the given type (adapters and quantized weights keep theirs) and counts them in."""
    parameters = list(network.parameters())
    for parameter in parameters:
        parameter.tape = tape
        parameter.dtype = parameter.own_dtype or dtype
    for category, buffer in ((Category.WEIGHTS, False), (Category.BUFFERS, True)):
        tape.record.allocated(sum(p.stored_bytes * p.times for p in parameters if p.buffer is buffer), category)
    return parameters


def _keep_gradients(parameters: Iterable[Parameter], tape: Tape) -> None:
    trained = [p for p in parameters if p.requires_grad]
    tape.record.allocated(sum(rounded(p.bytes) * p.times for p in trained), Category.GRADIENTS)
    for parameter in trained:
        parameter.grad = Tensor(tape, parameter.shape, parameter.dtype, None)


def _work_of_step(parameters: Iterable[Parameter], rule: optimizers.Rule) -> dict[WorkKey, Work]:
    """Reads gradient, weight and states, writes weight and states; about ten operations an element."""
    work: dict[WorkKey, Work] = defaultdict(Work)
    for parameter in parameters:
        if parameter.requires_grad:
            of_type = work[WorkKey(Phase.OPTIMIZER, "optimizer", parameter.dtype)]
            of_type.calls += 1
            of_type.flops += 10 * parameter.size * parameter.times
            of_type.bytes_moved += (parameter.bytes * 3 + 2 * optimizers.state_bytes(parameter, rule)) * parameter.times
    return dict(work)


def _counted(moments: Iterable[Moment], work: Mapping[WorkKey, Work], parameters: Iterable[Parameter]) -> Trace:
    weights = [p for p in parameters if not p.buffer]
    return Trace(
        moments=tuple(moments),
        work=work,
        parameters=sum(p.size * p.times for p in weights),
        trainable=sum(p.size * p.times for p in weights if p.requires_grad),
    )
