"""Each inference runtime: its buffers, how it keeps its cache, which hardware it runs on, and where that is known from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from app.architectures.cache import CacheLayer
from app.estimation import runtime_buffers as buffers
from app.estimation.residuals import Residual
from app.estimation.runtime_buffers import PassShape
from app.units import GIB, MIB, round_up

LOGGED = Residual(0.05, 0.08)  # totals of llama.cpp and vLLM start-up logs, ExLlama's and faster-whisper's tables
FROM_SOURCE = Residual(0.10, 0.20, "model")  # from documentation and source code, without a measured total

NVIDIA, APPLE = frozenset({"NVIDIA"}), frozenset({"Apple"})
NVIDIA_AMD = frozenset({"NVIDIA", "AMD"})
EVERY_VENDOR = frozenset({"NVIDIA", "AMD", "Intel", "Apple"})
# Least compute capability that a current PyTorch still has builds for (those for CUDA 12.6; the ones for CUDA 13 start at 7.5).
TORCH_CAPABILITY = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A runtime. `buffer` is None where activations are traced; `cells` gives the positions that a layer's cache is allocated for.

    `beams`: sequences that a decoder of speech keeps beside each other. `expands_latent`: it caches the full keys and values of latent
    attention. `arena`: it takes memory in powers of two.
    """

    source: str
    vendors: frozenset[str]
    residual: Residual = FROM_SOURCE
    buffer: Callable[[PassShape], int] | None = None
    formula: str = "traced"
    cache_multiple: int = 1
    window_extra: int = 0  # positions that a sliding window is kept longer than it looks
    audio_multiple: int = 1
    beams: int = 1
    expands_latent: bool = False
    arena: bool = False
    graphs_bytes: int = 0
    fit_margin_bytes: int = 0  # left free on a card where the runtime itself chooses how many layers go there
    splits_by: Literal["layers", "tensor", "nothing"] = "layers"  # how several GPUs share one model
    context_bytes: int | None = None  # None: the framework context of overheads.py
    least_capability: float = 0.0

    def cells(self, layer: CacheLayer, context: int) -> int:
        """Positions of one sequence that one layer's cache holds; windows keep the tokens of a pass beside what they look at."""
        whole = round_up(context, self.cache_multiple)
        if layer.window is None:
            return whole
        return min(whole, round_up(layer.window + self.window_extra, self.cache_multiple))


LLAMA_CPP_MARGIN = GIB  # common/arg.cpp, --fit-target
OLLAMA_MARGIN = 457 * MIB  # envconfig, minimum left on each GPU
NATIVE_CONTEXT = 330 * MIB  # llama.cpp with cuBLAS
VLLM_GRAPHS = GIB // 2  # graphs of all batch sizes: start-up logs of 7B to 34B models, 0.3 to 0.6 GiB a card
TENSORRT_GRAPHS = GIB // 2  # taken to be as vLLM's

_LLAMA_CPP = Runtime(
    source="llama.cpp ggml-alloc; compute buffers of start-up logs", vendors=EVERY_VENDOR, residual=LOGGED, buffer=buffers.llama_cpp,
    formula="micro-batch of 512: the larger of 4 B x 512 x vocabulary (logits) and attention over all cells, with hidden states",
    cache_multiple=256, window_extra=buffers.MICRO_BATCH, context_bytes=NATIVE_CONTEXT, fit_margin_bytes=LLAMA_CPP_MARGIN,
)  # fmt: skip
_SERVED = "{tokens} batched tokens x (6 B x feed-forward + 12 B x hidden) + 12 B x vocabulary x sequences, at least 0.5 GiB"

RUNTIMES = {
    "llama.cpp": _LLAMA_CPP,
    "ollama": replace(_LLAMA_CPP, fit_margin_bytes=OLLAMA_MARGIN),
    "whisper.cpp": Runtime(
        source="whisper.cpp start-up logs, tiny to large", vendors=EVERY_VENDOR, residual=LOGGED, buffer=buffers.whisper_cpp,
        formula="buffers of the convolutions, the encoder, its cross keys and the decoder over 1500 and 448 positions",
        cache_multiple=256, audio_multiple=256, beams=3, context_bytes=NATIVE_CONTEXT, splits_by="nothing",
    ),
    "vllm": Runtime(
        source="vLLM profile runs in start-up logs", vendors=NVIDIA_AMD, residual=LOGGED, buffer=buffers.vllm,
        formula=_SERVED.format(tokens=2048), cache_multiple=16, graphs_bytes=VLLM_GRAPHS, splits_by="tensor", least_capability=7.5,
    ),
    "sglang": Runtime(
        source="SGLang server_args.py: reserved memory", vendors=NVIDIA_AMD, buffer=buffers.sglang,
        formula="512 MiB + 2048 tokens of a prefill chunk x 1.5 MiB, or as vLLM where that is more", graphs_bytes=VLLM_GRAPHS,
        splits_by="tensor", least_capability=7.5,
    ),
    "tensorrt-llm": Runtime(
        source="TensorRT-LLM, Memory Usage: activations of the largest batch of tokens", vendors=NVIDIA, buffer=buffers.tensorrt_llm,
        formula=_SERVED.format(tokens=8192), cache_multiple=32, graphs_bytes=TENSORRT_GRAPHS, splits_by="tensor", least_capability=8.0,
    ),
    "exllamav2": Runtime(
        source="exllamav2, mlp.py: scratch_space", vendors=NVIDIA_AMD, residual=LOGGED, buffer=buffers.exllama,
        formula="2048 tokens x 2 B x (2 hidden + 2 feed-forward) + the largest matrix unpacked to 16 bits", cache_multiple=256,
        expands_latent=True,
    ),
    "mlx": Runtime(
        source="mlx_lm, generate.py: prompts in chunks of 2048, cache in steps of 256", vendors=APPLE, buffer=buffers.mlx,
        formula="2048 prompt tokens x (6 B x feed-forward + 12 B x hidden)", cache_multiple=256,
    ),
    "transformers": Runtime(source="transformers 5.23", vendors=EVERY_VENDOR, least_capability=TORCH_CAPABILITY),
    "pytorch": Runtime(source="PyTorch 2.13", vendors=EVERY_VENDOR, splits_by="tensor", least_capability=TORCH_CAPABILITY),
    # Of a pipeline diffusers puts whole components on different GPUs (device_map="balanced"); the denoiser is not divided.
    "diffusers": Runtime(source="diffusers 0.42", vendors=EVERY_VENDOR, splits_by="nothing", least_capability=TORCH_CAPABILITY),
    "onnxruntime": Runtime(
        source="onnxruntime, CUDA execution provider: arena_extend_strategy kNextPowerOfTwo", vendors=EVERY_VENDOR, arena=True,
        splits_by="nothing",
        expands_latent=True,
    ),
    "faster-whisper": Runtime(
        source="faster-whisper's benchmark tables, large-v3, turbo and distil-large-v3", vendors=NVIDIA, residual=LOGGED,
        buffer=buffers.ctranslate, formula="CTranslate2: scores and softmax of the encoder in 16 bits, and 330 MB of libraries", beams=5,
        splits_by="nothing",
    ),
}  # fmt: skip

# Share of the card that a serving runtime takes by default: SGLang's is computed from the card (see reservation.py), TensorRT-LLM's is of
# what is free once the model is loaded.
RESERVED_SHARE = {"vllm": 0.9, "sglang": 0.88, "tensorrt-llm": 0.9}

# KV format -> (elements in a block, bytes of a block)
KV_BLOCKS = {"fp32": (1, 4), "fp16": (1, 2), "bf16": (1, 2), "fp8": (1, 1), "q8_0": (32, 34), "q4_0": (32, 18)}


def kv_bytes(elements: int, kv_format: str) -> int:
    """Bytes of cached elements in this format."""
    block, size = KV_BLOCKS[kv_format]
    return round_up(elements, block) // block * size
