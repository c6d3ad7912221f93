"""What each inference runtime needs beside weights and cache, and on which hardware it runs."""

from collections.abc import Callable
from dataclasses import dataclass

from app.units import GIB, MIB, round_up


@dataclass(frozen=True, slots=True)
class PassShape:
    """Sizes that a runtime's own buffers depend on."""

    hidden: int
    feed_forward: int
    vocabulary: int
    heads: int
    prompt: int
    context: int
    sequences: int
    kv_is_16_bit: bool
    flash: bool


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime: its compute buffers, the cells its cache is padded to, its vendors, and where that is known from."""

    buffer: Callable[[PassShape], int]
    formula: str
    source: str
    vendors: frozenset[str]
    cache_multiple: int = 1
    splits_by: str = "layers"  # layers | tensor: how several GPUs share one model
    context_bytes: int | None = None  # None: the framework context of overheads.py
    least_capability: float = 0.0


MICRO_BATCH = 512  # llama.cpp's default --ubatch-size
BATCHED_TOKENS = 2048  # vLLM's default max_num_batched_tokens for online serving on small cards
SAFETY = 1.15  # llama-server measurements, upper envelope
MASK_BYTES_PER_CELL = 2 * MICRO_BATCH  # f16 mask of a micro-batch
LLAMA_CPP_CONTEXT = 330 * MIB


def _llama_cpp(shape: PassShape) -> int:
    base = SAFETY * (16 * shape.hidden * MICRO_BATCH + 4 * shape.vocabulary * MICRO_BATCH * max(0, shape.sequences - 1))
    cells = shape.context * shape.sequences
    per_cell = MASK_BYTES_PER_CELL if shape.kv_is_16_bit else 2.25 * shape.hidden
    scores = 0 if shape.flash else 4 * cells * min(MICRO_BATCH, shape.prompt) * shape.heads
    return int(base + per_cell * cells + scores)


def _vllm(shape: PassShape) -> int:
    tokens = max(BATCHED_TOKENS, shape.sequences)
    activations = tokens * (6 * shape.feed_forward + 12 * shape.hidden) + 12 * shape.vocabulary * shape.sequences
    return max(GIB // 2, activations)


def _chunked(shape: PassShape) -> int:
    tokens = min(shape.prompt, BATCHED_TOKENS) * shape.sequences
    return tokens * (6 * shape.feed_forward + 12 * shape.hidden) + 4 * shape.vocabulary * shape.sequences


_ALL = frozenset({"NVIDIA", "AMD", "Intel", "Apple"})
_GPU = frozenset({"NVIDIA", "AMD"})
_TORCH = frozenset({"NVIDIA", "AMD", "Intel", "Apple"})
_NVIDIA = frozenset({"NVIDIA"})
_APPLE = frozenset({"Apple"})

_LLAMA_CPP = Runtime(
    _llama_cpp, "1.15 x (16 B x hidden x 512 + 4 B x vocabulary x 512 x (sequences - 1)) + 1024 B x cells",
    "compute buffers of llama-server logs; llama.cpp ggml-alloc", _ALL, cache_multiple=256, context_bytes=LLAMA_CPP_CONTEXT,
)  # fmt: skip
_SERVING = "2048 batched tokens x (6 B x feed-forward + 12 B x hidden) + 12 B x vocabulary x sequences, at least 0.5 GiB"
_VLLM = Runtime(_vllm, _SERVING, "vLLM profile runs in start-up logs", _GPU, 16, "tensor", least_capability=7.5)

# Least compute capability that a current PyTorch still has builds for (those for CUDA 12.6; the ones for CUDA 13 start at 7.5).
TORCH_CAPABILITY = 7.0
RUNTIMES = {
    "llama.cpp": _LLAMA_CPP,
    "ollama": _LLAMA_CPP,
    "whisper.cpp": _LLAMA_CPP,
    "vllm": _VLLM,
    "sglang": _VLLM,
    "tensorrt-llm": Runtime(_vllm, _SERVING, "as vLLM; not measured", _NVIDIA, 64, "tensor", least_capability=8.0),
    "exllamav2": Runtime(_chunked, "2048 prompt tokens x (6 B x feed-forward + 12 B x hidden)", "as transformers", _GPU, 256),
    "mlx": Runtime(_chunked, "2048 prompt tokens x (6 B x feed-forward + 12 B x hidden)", "as transformers", _APPLE, 256),
    "transformers": Runtime(_chunked, "traced", "transformers 5.23", _TORCH, least_capability=TORCH_CAPABILITY),
    "pytorch": Runtime(_chunked, "traced", "PyTorch 2.13", _TORCH, splits_by="tensor", least_capability=TORCH_CAPABILITY),
    "diffusers": Runtime(_chunked, "traced", "diffusers 0.42", _TORCH, least_capability=TORCH_CAPABILITY),
    "onnxruntime": Runtime(_chunked, "traced", "as PyTorch; not measured", _TORCH),
    "faster-whisper": Runtime(_chunked, "traced", "as PyTorch; not measured", _NVIDIA),
}
TRACED = frozenset({"transformers", "pytorch", "diffusers", "onnxruntime", "faster-whisper"})

# KV format -> (elements in a block, bytes of a block)
KV_BLOCKS = {"fp32": (1, 4), "fp16": (1, 2), "bf16": (1, 2), "fp8": (1, 1), "q8_0": (32, 34), "q4_0": (32, 18)}


def kv_bytes(elements: int, kv_format: str) -> int:
    """Bytes of cached elements in this format."""
    block, size = KV_BLOCKS[kv_format]
    return round_up(elements, block) // block * size
