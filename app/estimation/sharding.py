"""How a traced step is spread over GPUs: what each scheme divides, and what it gathers and exchanges.

Stage 0 is PyTorch's DistributedDataParallel, whose buckets hold a second copy of the gradients; stages 1 and 2, and whatever offloads, are
DeepSpeed's ZeRO with its default buckets; stage 3 is PyTorch's FSDP, block by block. Tensor and pipeline parallelism change the network
itself, see `app.estimation.layout`.
Sources: Rajbhandari et al. 2020 (ZeRO); DeepSpeed 0.18 (runtime/zero/config.py, stage_1_and_2.py, stage3.py); PyTorch 2.13
(distributed/fsdp, torch/nn/parallel/distributed.py).
"""

from dataclasses import dataclass, fields, replace

from app.placement import Sharding
from app.tape.recorder import Category, Moment, Phase
from app.units import ceil_div, format_binary

BUCKET_ELEMENTS = 500_000_000  # DeepSpeed, reduce_bucket_size
LIVE_ELEMENTS = 1_000_000_000  # DeepSpeed, stage3_max_live_parameters
GATHERED_BLOCKS = 2  # FSDP: the block at work and the one being fetched
REDUCED_COPIES = 2  # FSDP: whole gradients of the block at work, and the buffer that those of the block before are reduced from

DIVIDED_FROM_STAGE = {
    Category.WEIGHTS: 3,
    Category.WEIGHT_CASTS: 3,
    Category.AVERAGED_WEIGHTS: 3,
    Category.GRADIENTS: 2,
    Category.OPTIMIZER_STATES: 1,
    Category.OPTIMIZER_TEMPORARIES: 1,
}
DIVIDED_AT_STAGE = [tuple(category for category, first in DIVIDED_FROM_STAGE.items() if stage >= first) for stage in range(4)]
CATEGORIES = tuple(Category)
OFFLOADED = (Category.OPTIMIZER_STATES, Category.OPTIMIZER_TEMPORARIES, Category.GRADIENTS)
BACKWARD = (Phase.BACKWARD, Phase.RECOMPUTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanges:
    """Bytes that one layer passes between the GPUs that divide sequences (keys and values, and gradients) or experts (rows of tokens)."""

    keys: int = 0
    key_gradients: int = 0
    rows: int = 0


NO_EXCHANGES = Exchanges()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What the schemes divide, gather and exchange, in bytes: all weights and trained gradients of the traced network, of its largest
    block, of what lies outside the blocks and of what comes after them; fp32 master copies (0 where weights are stepped as they are);
    the weights and gradients of routed experts. `accumulating`: gradients of earlier micro-batches are there from the start."""

    weights: int
    gradients: int
    masters: int
    largest_block: int
    largest_block_gradients: int
    outside: int
    head_gradients: int
    gradients_before_embedding: int
    largest_weight: int
    weight_element: int
    gradient_element: int
    accumulating: bool
    experts: int
    expert_gradients: int
    exchanges: Exchanges

    def scaled(self, scale: float) -> "ModelShape":
        """The shape of a network this many times as large: a stand-in's, brought to the size it stands for."""
        if scale == 1.0:
            return self
        kept = ("weight_element", "gradient_element", "accumulating", "exchanges")
        return replace(self, **{f.name: round(getattr(self, f.name) * scale) for f in fields(self) if f.name not in kept})


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """Memory that a scheme needs beside the step's own: a ledger term."""

    key: str
    label: str
    bytes: int
    how: str
    source: str


@dataclass(frozen=True, slots=True)
class Unsharded:
    """What FSDP 2 holds whole: gathered blocks beside the root (all that lies outside the blocks), and gradients not yet sharded.

    The head's gradients come first and wait for the embedding's, being of one unit. Measured with FSDPMemTracker (PyTorch 2.13),
    tests/ground_truth/sharded_memory.json.
    """

    gathered_blocks: int
    root: bool
    gradients: int

    def weights(self, shape: ModelShape) -> int:
        """Bytes of the gathered weights."""
        blocks = min(self.gathered_blocks * shape.largest_block, shape.weights - shape.outside)
        return blocks + (shape.outside if self.root else 0)

    @classmethod
    def at(cls, moment: Moment, shape: ModelShape) -> "Unsharded":
        """What is whole at a moment, told from the gradients that are there."""
        there = moment.bytes_of(Category.GRADIENTS)
        if moment.phase is Phase.OPTIMIZER:
            return cls(0, root=False, gradients=0)
        if moment.phase not in BACKWARD:
            return cls(GATHERED_BLOCKS, root=True, gradients=0)
        if shape.accumulating:
            return cls(GATHERED_BLOCKS, root=True, gradients=REDUCED_COPIES * shape.largest_block_gradients + shape.head_gradients)
        if there >= shape.gradients_before_embedding:
            return cls(0, root=True, gradients=shape.largest_block_gradients + shape.head_gradients)
        of_blocks = max(0, there - shape.head_gradients)
        return cls(
            GATHERED_BLOCKS if there else 1,
            root=True,
            gradients=min(there, shape.head_gradients) + _in_reduction(of_blocks, shape.largest_block_gradients),
        )


def _in_reduction(made: int, block: int) -> int:
    """Whole gradients of the block at work, as far as they are made, and the buffer of the block before it."""
    return made % block + (block if made >= block else 0) if block else 0


def is_fsdp(spread: Sharding) -> bool:
    """Whether weights are sharded as PyTorch's FSDP does."""
    return spread.zero_stage == 3 and spread.offload == "none" and spread.holders > 1


def is_deepspeed(spread: Sharding) -> bool:
    """Whether states are sharded or offloaded as DeepSpeed does."""
    return spread.offload != "none" or (spread.zero_stage in (1, 2) and spread.holders > 1)


def shares(moment: Moment, spread: Sharding, shape: ModelShape) -> dict[Category, int]:
    """Bytes of every category on one of `spread.holders` GPUs that share the model states of this moment.

    A GPU's experts are held by fewer of them: only those that keep the same ones share their states.
    """
    result = dict(zip(CATEGORIES, moment.bytes_by_category, strict=True))
    if is_fsdp(spread) and shape.masters:
        result = _fp32_shards(result, shape)
    for category in DIVIDED_AT_STAGE[spread.zero_stage]:
        if result[category]:
            result[category] = _divided(category, result[category], spread, shape)
    if spread.offload != "none":
        result.update(dict.fromkeys(OFFLOADED, 0))
    if spread.offload == "all":
        result[Category.WEIGHTS] = 0
    return result


def _divided(category: Category, count: int, spread: Sharding, shape: ModelShape) -> int:
    if spread.expert == 1:
        return ceil_div(count, spread.holders)
    part, whole = (shape.experts, shape.weights) if category is Category.WEIGHTS else (shape.expert_gradients, shape.gradients)
    experts = count * part // whole if whole else 0
    return ceil_div(count - experts, spread.holders) + ceil_div(experts * spread.expert, spread.holders)


def _fp32_shards(whole: dict[Category, int], shape: ModelShape) -> dict[Category, int]:
    """FSDP shards the fp32 weights themselves, and their gradients in fp32; only what is gathered has 16 bits."""
    return {
        **whole,
        Category.WEIGHTS: whole[Category.WEIGHTS] + shape.masters // 2,
        Category.GRADIENTS: whole[Category.GRADIENTS] * 2,
        Category.OPTIMIZER_STATES: max(0, whole[Category.OPTIMIZER_STATES] - shape.masters),
    }


def buffers(moment: Moment, spread: Sharding, shape: ModelShape) -> list[Buffer]:
    """What weights and gradients pass through at this moment; empty on one GPU."""
    phase = moment.phase
    if is_fsdp(spread):
        found = _fsdp(moment, shape)
    elif is_deepspeed(spread):
        found = [_deepspeed_bucket(spread, shape, phase)]
        found += [_deepspeed_live(shape)] if _gathers(spread) and phase is not Phase.OPTIMIZER else []
    else:
        found = [_replica_buckets(shape)] if spread.holders > 1 and spread.zero_stage == 0 else []
    found += _passed_on(phase, shape.exchanges)
    return [buffer for buffer in found if buffer.bytes]


def _passed_on(phase: Phase, exchanges: Exchanges) -> list[Buffer]:
    """What one layer passes between GPUs while it is at work, forward or backward."""
    if phase is Phase.OPTIMIZER or exchanges == NO_EXCHANGES:
        return []
    gradients = exchanges.key_gradients if phase in BACKWARD else 0
    return [
        Buffer(key="context_exchange", label="Keys and values of whole sequences", bytes=exchanges.keys + gradients,
               how="one layer's keys and values, gathered" + (", and fp32 gradients of this part, twice" if gradients else ""),
               source="Liu et al. 2023 (ring attention); PyTorch, context_parallel with its default all-gather"),
        Buffer(key="expert_exchange", label="Tokens for other GPUs' experts", bytes=exchanges.rows,
               how="one layer's rows: sent and received", source="Lepikhin et al. 2021 (GShard); balanced routing"),
    ]  # fmt: skip


def _fsdp(moment: Moment, shape: ModelShape) -> list[Buffer]:
    """What FSDP holds whole at this moment: see `Unsharded`."""
    whole = Unsharded.at(moment, shape)
    how = f"{whole.gathered_blocks} blocks of {format_binary(shape.largest_block)} + what lies outside the blocks"
    source = "PyTorch FSDP: one block is fetched ahead; what lies outside the blocks stays gathered until backward ends"
    reduced = "gradients of one block, of what lies outside the blocks, and the buffer that they are reduced from"
    return [
        _gathered(whole.weights(shape), how, source),
        _exchange(whole.gradients, reduced, "PyTorch FSDP, reduce-scatter of each block"),
    ]


def _gathers(spread: Sharding) -> bool:
    return spread.offload == "all" or (spread.zero_stage == 3 and spread.holders > 1)


def _exchange(count: int, how: str, source: str) -> Buffer:
    return Buffer(key="communication_buffers", label="Gradient exchange", bytes=count, how=how, source=source)


def _gathered(count: int, how: str, source: str) -> Buffer:
    return Buffer(key="gathered_weights", label="Gathered weights", bytes=count, how=how, source=source)


def _replica_buckets(shape: ModelShape) -> Buffer:
    how = "buckets: a second copy of the gradients"
    return _exchange(shape.gradients, how, "PyTorch DistributedDataParallel, gradient_as_bucket_view=False")


def _deepspeed_bucket(spread: Sharding, shape: ModelShape, phase: Phase) -> Buffer:
    """The bucket is allocated whole, however few gradients there are: stage 3 keeps it, the others make it for each backward pass.

    Stage 3 then copies the gradients in it to scatter them.
    Source: DeepSpeed 0.19, stage3.py (bucket.buffer, __avg_scatter_grads), stage_1_and_2.py (setup_buckets).
    """
    bucket = BUCKET_ELEMENTS * shape.gradient_element
    how, count = "a bucket of 500,000,000 gradients", bucket if phase in BACKWARD or spread.zero_stage == 3 else 0
    if spread.zero_stage == 3 and phase in BACKWARD:
        how, count = f"{how} and the copy that is scattered", bucket + min(shape.gradients, bucket)
    return _exchange(count, how, "DeepSpeed, reduce_bucket_size")


def _deepspeed_live(shape: ModelShape) -> Buffer:
    most = max(LIVE_ELEMENTS * shape.weight_element, shape.largest_weight)
    how = "at most 1,000,000,000 weights, or the largest matrix, whole at a time"
    return _gathered(min(shape.weights, most), how, "DeepSpeed, stage3_max_live_parameters")


def offloaded_bytes(spread: Sharding, shape: ModelShape, state_copies: int) -> int:
    """Bytes that move to the host's RAM, over all GPUs of the machine: fp32 masters, gradients and states; and the weights on "all".

    Source: DeepSpeed, ops/adam/cpu_adam.py and the estimators in runtime/zero (16 bytes a trained parameter with Adam, 18 with weights).
    """
    if spread.offload == "none":
        return 0
    others = spread.expert - 1  # GPUs that keep other experts
    trained = (shape.gradients + others * shape.expert_gradients) // shape.gradient_element
    return 4 * trained * (2 + state_copies) + (shape.weights + others * shape.experts if spread.offload == "all" else 0)
