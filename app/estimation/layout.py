"""How the step itself changes with the way a job is spread: one GPU's share of the matrices, one stage of the blocks, fp32 masters.

Every such layout is traced once; what data parallelism divides is then arithmetic on that trace (`app.estimation.sharding`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from app.architectures.network import Inputs, Network
from app.estimation import context_parallel, expert_parallel
from app.estimation.expert_parallel import keep_experts, routed_experts
from app.estimation.sharding import Exchanges, ModelShape, is_deepspeed, is_fsdp
from app.placement import Sharding
from app.tape import optimizers
from app.tape.recorder import Category, Moment, Phase, rounded
from app.tape.stages import Ends, ends, keep_blocks, rows_of_blocks
from app.tape.tensor import Parameter
from app.tape.trace import PRECISIONS, Passes, Trace, TrainingRun, trace_passes, with_optimizer
from app.units import ceil_div
from app.workloads.fields import invalid_field
from app.workloads.training import AdapterTuning, TrainingWorkload


class Layout(NamedTuple):
    """What of a sharding changes the traced step. `masters`: 16-bit weights stepped in fp32, as sharded trainers keep them."""

    tensor: int = 1
    pipeline: int = 1
    context: int = 1
    expert: int = 1
    masters: bool = False


def layout_of(workload: TrainingWorkload, spread: Sharding) -> Layout:
    """The layout of this way to spread the job.

    Sharded trainers do not autocast fp32 weights: they compute in 16 bits and step fp32 masters.
    Source: DeepSpeed's bf16 and fp16 engines; PyTorch FSDP, MixedPrecision.
    """
    mixed = PRECISIONS[workload.precision].autocast is not None and not isinstance(workload.tuning, AdapterTuning)
    masters = mixed and (is_fsdp(spread) or is_deepspeed(spread))
    return Layout(spread.tensor, spread.pipeline, spread.context, spread.expert, masters=masters)


@dataclass(frozen=True)
class TracedStep:
    """The step of one layout: its network, the trace, and what sharding needs to know of both."""

    network: Network
    inputs: Inputs
    trace: Trace
    layout: Layout
    run: TrainingRun
    in_flight: int = 1  # micro-batches whose activations the first stage of the pipeline holds

    @property
    def _rule(self) -> optimizers.Rule:
        return optimizers.RULES[self.run.optimizer]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All weights and buffers of the traced network."""
        return tuple(self.network.parameters())

    @cached_property
    def shape(self) -> ModelShape:
        """What sharding divides, gathers and exchanges."""
        weights = [p for p in self.parameters if not p.buffer]
        rows = rows_of_blocks(self.network)
        blocks = [list(block.parameters()) for row in rows for period in row.periods for block in period.blocks]
        inside = list({id(p): p for block in blocks for p in block if not p.buffer}.values())
        return ModelShape(
            weights=weight_bytes(weights),
            gradients=gradient_bytes(weights),
            masters=optimizers.total_master_bytes(weights) if self.layout.masters else 0,
            largest_block=max((sum(p.stored_bytes for p in block) for block in blocks), default=0),
            largest_block_gradients=max((gradient_bytes(block, once=True) for block in blocks), default=0),
            outside=weight_bytes(weights) - weight_bytes(inside),
            head_gradients=gradient_bytes(self._ends.last),
            gradients_before_embedding=gradient_bytes(inside) + gradient_bytes(self._ends.last),
            largest_weight=max(p.stored_bytes for p in weights),
            weight_element=max(weights, key=lambda p: p.size).dtype.bytes,
            gradient_element=max((p.dtype.bytes for p in weights if p.requires_grad), default=1),
            accumulating=self.run.accumulating,
            experts=weight_bytes(routed_experts(self.network)),
            expert_gradients=gradient_bytes(routed_experts(self.network)),
            exchanges=self._exchanges,
        )

    @property
    def _exchanges(self) -> Exchanges:
        """What passes between the GPUs that divide sequences or experts."""
        network, inputs, layout = self.network, self.inputs, self.layout
        precision = PRECISIONS[self.run.precision]
        dtype = precision.autocast or precision.weights
        divided = layout.context > 1
        return Exchanges(
            keys=context_parallel.gathered_bytes(network, inputs, dtype, layout.context) if divided else 0,
            key_gradients=context_parallel.gradient_bytes(network, inputs) if divided else 0,
            rows=expert_parallel.COPIES * expert_parallel.row_bytes(network, inputs, dtype, layout.expert) if layout.expert > 1 else 0,
        )

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """Every moment that can decide, on every kind of rank: for a pipeline the first stage and the last one."""
        return tuple(self._moments())

    def _moments(self) -> Iterator[Moment]:
        for moment in self.trace.decisive_moments if self.layout.pipeline == 1 else self.trace.moments:
            whole = self._with_masters(moment) if self.layout.masters else moment
            yield from (whole,) if self.layout.pipeline == 1 else (self._first_stage(whole), self._last_stage(whole))

    @cached_property
    def _states_of_masters(self) -> int:
        return self.shape.masters if self._rule.paged else optimizers.total_state_bytes(self.parameters, self._rule, masters=True)

    def _with_masters(self, moment: Moment) -> Moment:
        counts = list(moment.bytes_by_category)
        counts[Category.OPTIMIZER_STATES] = self._states_of_masters
        counts[Category.AVERAGED_WEIGHTS] = self.shape.masters if self.run.averaging else 0
        if moment.phase is Phase.OPTIMIZER and self.run.implementation != "fused":
            counts[Category.OPTIMIZER_TEMPORARIES] = self.shape.masters
        return Moment(moment.phase, tuple(counts))

    @cached_property
    def _ends(self) -> Ends:
        return ends(self.network)

    def _first_stage(self, moment: Moment) -> Moment:
        """Embeddings and the first blocks, with the activations of all micro-batches that are under way; no head, no loss."""
        counts = self._without(moment, self._ends.last)
        counts[Category.LOGITS] = 0
        if moment.phase is not Phase.OPTIMIZER:
            counts[Category.ACTIVATIONS] += (self.in_flight - 1) * self.trace.saved_activations
        return Moment(moment.phase, tuple(counts))

    def _last_stage(self, moment: Moment) -> Moment:
        """The last blocks with head and loss, and one micro-batch."""
        return Moment(moment.phase, tuple(self._without(moment, self._ends.first)))

    def _without(self, moment: Moment, parameters: Iterable[Parameter]) -> list[int]:
        counts = list(moment.bytes_by_category)
        left_out = list(parameters)
        states = optimizers.total_state_bytes(left_out, self._rule, masters=self.layout.masters)
        there = [p for p in self.parameters if all(p is not other for other in left_out)]
        if moment.phase is Phase.OPTIMIZER and not self.layout.masters:
            counts[Category.OPTIMIZER_TEMPORARIES] = optimizers.step_temporaries(there, self._rule, self.run.implementation)
        for category, count in (
            (Category.WEIGHTS, weight_bytes(p for p in left_out if not p.buffer)),
            (Category.OPTIMIZER_STATES, 0 if self._rule.paged else states),
            (Category.AVERAGED_WEIGHTS, optimizers.total_average_bytes(left_out, masters=self.layout.masters)),
            (Category.GRADIENTS, gradient_bytes(left_out)),
        ):
            counts[category] = max(0, counts[category] - count)
        return counts


def weight_bytes(parameters: Iterable[Parameter]) -> int:
    """Bytes of these weights in all blocks that they stand for."""
    return sum(p.stored_bytes * p.times for p in parameters)


def gradient_bytes(parameters: Iterable[Parameter], *, once: bool = False) -> int:
    """Bytes of the gradients of these weights, in all blocks or in one."""
    return sum(rounded(p.bytes) * (1 if once else p.times) for p in parameters if p.requires_grad)


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A network built for one layout, the sizes of one GPU's batch, and the passes over it, whatever the optimizer."""

    network: Network
    inputs: Inputs
    passes: Passes


def laid_out(network: Network, workload: TrainingWorkload, inputs: Inputs, run: TrainingRun, layout: Layout) -> LaidOut:
    """Traces the passes of a network that was built for this layout (Options.tensor).

    Raises InvalidInput where the network cannot be split as asked.
    """
    if layout.tensor > 1 and not network.splits_tensors:
        raise invalid_field("parallelism.tensor", "splitting matrices is modelled for decoder-only transformers; use data parallelism here")
    if layout.pipeline > 1:
        _keep_stage(network, layout.pipeline)
    if layout.expert > 1:
        keep_experts(network, layout.expert)
    if layout.context > 1:
        inputs = context_parallel.share_of_sequence(network, workload, inputs, layout.context)
    network.finish()
    run = _run_in(layout, run)
    return LaidOut(network, inputs, trace_passes(network, lambda tape: network.loss(tape, inputs), run, network.vocabulary))


def traced_step(there: LaidOut, run: TrainingRun, layout: Layout, micro_batches: int) -> TracedStep:
    """The passes of a layout with the optimizer of a run; `micro_batches` of each step."""
    run = _run_in(layout, run)
    trace = with_optimizer(there.passes, there.network, run)
    return TracedStep(there.network, there.inputs, trace, layout, run, min(layout.pipeline, micro_batches))


def _run_in(layout: Layout, run: TrainingRun) -> TrainingRun:
    return replace(run, precision=run.precision.removeprefix("amp_")) if layout.masters else run


def _keep_stage(network: Network, stages: int) -> None:
    rows = rows_of_blocks(network)
    if len(rows) != 1:
        raise invalid_field("parallelism.pipeline", "a pipeline needs one row of equal blocks, which this network does not have")
    if stages > rows[0].count:
        raise invalid_field("parallelism.pipeline", f"{stages} stages are more than the {rows[0].count} blocks of the network")
    keep_blocks(rows[0], ceil_div(rows[0].count, stages))
