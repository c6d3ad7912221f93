"""What serving runtimes take of a card, and how many users their pool of cache blocks holds.

vLLM and SGLang do not take what they need: they reserve a share of the card and turn all that weights, activations and the device's own
needs leave of it into blocks of the key-value cache (vLLM's `gpu_memory_utilization`, SGLang's `mem_fraction_static`, TensorRT-LLM's
`free_gpu_memory_fraction`).
"""

from dataclasses import asdict, dataclass
from typing import Any

from app.estimation.inference import PreparedInference
from app.estimation.runtimes import RESERVED_SHARE
from app.hardware import Gpu
from app.placement import Sharding


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
    share = RESERVED_SHARE.get(prepared.workload.runtime)
    if share is None or not prepared.cache.bytes:
        return None
    memory = prepared.gpu_memory(spread, gpu)
    cache = next(term.bytes for term in memory.ledger.terms if term.key == "kv_cache")
    reserved, beside = int(gpu.visible_bytes * share), memory.required_bytes - cache
    block_tokens, room = prepared.runtime.cache_multiple, max(0, reserved - beside)
    per_sequence = cache / prepared.workload.concurrent_sequences
    blocks_each = -(-prepared.workload.context_length // block_tokens)
    blocks = int(room / per_sequence * blocks_each)
    return Reservation(
        share=share, reserved_bytes=reserved, beside_cache_bytes=beside, block_tokens=block_tokens, blocks=blocks,
        cache_tokens=blocks * block_tokens, concurrent_sequences=blocks // blocks_each,
    )  # fmt: skip
