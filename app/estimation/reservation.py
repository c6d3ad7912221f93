"""What serving runtimes take of a card, and how many users their pool of cache blocks holds.

vLLM, SGLang and TensorRT-LLM do not take what they need: they reserve a share of the card and turn what weights, activations and the
device's own needs leave of it into blocks of the key-value cache. Sources: vLLM's `gpu_memory_utilization` (of the card); SGLang's
server_args.py, which computes `mem_fraction_static` (of weights and cache) from the card's memory; TensorRT-LLM's
`free_gpu_memory_fraction` (of what is free once the engine is loaded).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.estimation.inference import PreparedInference
from app.estimation.runtimes import RESERVED_SHARE
from app.hardware import Gpu
from app.placement import Sharding
from app.units import GIB, MIB

# SGLang: cards below so many GiB, tokens of a prefill chunk, the largest batch of CUDA graphs on fewer than four cards and on more.
SGLANG_CARDS = ((20, 2048, 8, 8), (35, 2048, 24, 80), (60, 4096, 32, 160), (160, 8192, 256, 512), (float("inf"), 16_384, 512, 512))
SGLANG_META, SGLANG_TOKEN, SGLANG_GRAPH, SGLANG_RANK = 512 * MIB, 3 * MIB // 2, 2 * MIB, 128 * MIB
SGLANG_LARGE_CARD, SGLANG_LEAST_ON_LARGE = 60 * GIB, 10 * GIB
SGLANG_FEW_CARDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """On one card of a machine: what is reserved, what of it is not cache, and the whole sequences that the rest holds."""

    share: float
    reserved_bytes: int
    beside_cache_bytes: int
    block_tokens: int
    blocks: int
    cache_tokens: int
    concurrent_sequences: int

    def to_json(self) -> dict[str, Any]:
        """The reservation as the contract spells it."""
        return asdict(self)


def reservation_on(prepared: PreparedInference, spread: Sharding, gpu: Gpu) -> Reservation | None:
    """The default reservation of the workload's runtime on such a card; None for runtimes that take what they need.

    `concurrent_sequences` counts sequences of the full context, which is what vLLM logs as its maximum concurrency, rounded down.
    """
    runtime = prepared.workload.runtime
    if runtime not in RESERVED_SHARE or not prepared.cache.bytes:
        return None
    memory = prepared.gpu_memory(spread, gpu)
    terms = {term.key: term.bytes for term in memory.ledger.terms}
    beside, share = memory.required_bytes - terms["kv_cache"], _share(runtime, spread, gpu)
    pool = max(0, POOLS[runtime](Room(visible=gpu.visible_bytes, beside=beside, weights=terms["weights"], share=share)))
    block_tokens = prepared.runtime.cache_multiple
    per_sequence = terms["kv_cache"] / prepared.workload.concurrent_sequences
    blocks_each = -(-prepared.workload.context_length // block_tokens)
    blocks = int(pool / per_sequence * blocks_each)
    return Reservation(
        share=share, reserved_bytes=beside + pool, beside_cache_bytes=beside, block_tokens=block_tokens, blocks=blocks,
        cache_tokens=blocks * block_tokens, concurrent_sequences=blocks // blocks_each,
    )  # fmt: skip


def _share(runtime: str, spread: Sharding, gpu: Gpu) -> float:
    return sglang_fraction(gpu.visible_bytes, spread.tensor) if runtime == "sglang" else RESERVED_SHARE[runtime]


def sglang_fraction(visible_bytes: int, gpus: int) -> float:
    """The share of a card that SGLang gives weights and cache by default."""
    _, chunk, few, many = next(row for row in SGLANG_CARDS if visible_bytes < row[0] * GIB)
    graphs = few if gpus < SGLANG_FEW_CARDS else many
    reserved = SGLANG_META + chunk * SGLANG_TOKEN + graphs * SGLANG_GRAPH + gpus * SGLANG_RANK
    if visible_bytes > SGLANG_LARGE_CARD:
        reserved = max(reserved, SGLANG_LEAST_ON_LARGE)
    return round(max(0, visible_bytes - reserved) / visible_bytes, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One card: what it has, what is not cache, what of that is weights, and the runtime's share. Bytes."""

    visible: int
    beside: int
    weights: int
    share: float


# Runtime -> bytes that become cache.
POOLS: Mapping[str, Callable[[Room], int]] = {
    "vllm": lambda room: int(room.visible * room.share) - room.beside,
    "sglang": lambda room: min(int(room.visible * room.share) - room.weights, room.visible - room.beside),
    "tensorrt-llm": lambda room: int((room.visible - room.beside) * room.share),
}
