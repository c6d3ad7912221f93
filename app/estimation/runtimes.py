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
MASK_BYTES_PER_CELL = 2 * MICRO_BATCH  # f16 mask of a micro-batch
FLOAT = 4  # bytes: llama.cpp computes activations in 32 bits
UNPACKED_PER_HIDDEN = 2.25  # bytes per cell and hidden element; llama-server measurements of 0.74 to 2.02, upper envelope
LIVE_STATES = 5  # hidden states alive at the widest point of a layer
LLAMA_CPP_CONTEXT = 330 * MIB


def _llama_cpp(shape: PassShape) -> int:
    """The larger of two moments of the graph that llama.cpp reserves for a full micro-batch: attention in a layer, and the logits.

    Reproduces what start-up logs print: 304.75 and 312.75 MiB with flash attention (Qwen3 30B and 235B mixtures, 32,768 cells), 5252 MiB
    without (Qwen3 32B, 40,960 cells).
    """
    states = FLOAT * MICRO_BATCH * shape.hidden
    logits = FLOAT * MICRO_BATCH * shape.vocabulary + 2 * states
    return int(max(logits, _attention(shape) + LIVE_STATES * states))


def _attention(shape: PassShape) -> float:
    """Scores and mask without flash attention; the mask alone with it, and keys and values unpacked where they are quantized."""
    cells = shape.context * shape.sequences
    if not shape.flash:
        return FLOAT * MICRO_BATCH * cells * (shape.heads + 1)
    return cells * (MASK_BYTES_PER_CELL if shape.kv_is_16_bit else UNPACKED_PER_HIDDEN * shape.hidden)


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
    _llama_cpp, "micro-batch of 512: the larger of 4 B x 512 x vocabulary (logits) and attention over all cells, with hidden states",
    "llama.cpp ggml-alloc; compute buffers of start-up logs", _ALL, cache_multiple=256, context_bytes=LLAMA_CPP_CONTEXT,
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

# Share of the card that a serving runtime takes by default: SGLang's varies from this down with the card, TensorRT-LLM's is of what is free
# once the model is loaded.
RESERVED_SHARE = {"vllm": 0.9, "sglang": 0.88, "tensorrt-llm": 0.9}

# KV format -> (elements in a block, bytes of a block)
KV_BLOCKS = {"fp32": (1, 4), "fp16": (1, 2), "bf16": (1, 2), "fp8": (1, 1), "q8_0": (32, 34), "q4_0": (32, 18)}


def kv_bytes(elements: int, kv_format: str) -> int:
    """Bytes of cached elements in this format."""
    block, size = KV_BLOCKS[kv_format]
    return round_up(elements, block) // block * size
