"""Runtimes for inference: fixed cost of a decoded token, share of the bandwidth by weight format, share of the compute in the prefill.

Fitted on the public rows named beside each entry (tests/ground_truth/published_speed.json).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """How a program runs a decoder."""

    layer_us: float  # fixed cost of one block for one token: launches, small kernels, synchronisation
    eager: bool = False  # launches run on the host while the card works: the slower of the two counts, not their sum
    decode_share: float = 1.0  # of what the class of the card reaches with 16-bit weights
    quantized_share: float = 1.0  # the same for weights below 16 bits, where the format has no entry of its own
    prefill_share: float = 0.6  # of the dense matrix rate
    prefill_ms: float = 2.0  # fixed cost of the first pass over a prompt
    prefill_traffic: float = 1.0  # bytes moved for each byte of 16-bit weights unpacked in the prefill
    chunk: int = 8192  # prompt tokens of one pass
    fp16_accumulation: bool = False  # matrix products accumulate in FP16: GeForce cards run at twice the rate
    tensor_parallel: bool = True  # splits every matrix over the cards; otherwise cards hold different layers and take turns


LLAMA_CPP = Runtime(
    layer_us=70, quantized_share=1.0, prefill_share=0.42, prefill_ms=15, chunk=512, fp16_accumulation=True, tensor_parallel=False
)
RUNTIMES: Mapping[str, Runtime] = {
    "llama.cpp": LLAMA_CPP,  # xdai, llmfit, llama.cpp pull requests and AMD rows
    "whisper.cpp": LLAMA_CPP,
    "ollama": Runtime(  # geerling
        layer_us=75, prefill_share=0.4, prefill_ms=20, chunk=512, fp16_accumulation=True, tensor_parallel=False
    ),
    "pytorch": Runtime(layer_us=35, prefill_share=0.6, prefill_ms=3),  # gpt-fast: compiled, CUDA graphs
    "transformers": Runtime(layer_us=1000, eager=True, prefill_share=0.5, prefill_ms=15, tensor_parallel=False),  # accelerate, litgpt
    "vllm": Runtime(layer_us=40, prefill_share=0.6, prefill_ms=10),  # as gpt-fast, scheduler added
    "sglang": Runtime(layer_us=40, prefill_share=0.6, prefill_ms=10),
    "tensorrt-llm": Runtime(layer_us=25, prefill_share=0.58, prefill_ms=2),  # GPT-J rows
    "exllamav2": Runtime(layer_us=60, prefill_share=0.6, prefill_ms=5, fp16_accumulation=True, tensor_parallel=False),  # exllama
    "mlx": Runtime(layer_us=55, prefill_share=0.6, prefill_ms=10, tensor_parallel=False),
    "onnxruntime": Runtime(layer_us=150, prefill_share=0.45, prefill_ms=5, tensor_parallel=False),
    "faster-whisper": Runtime(layer_us=100, prefill_share=0.45, prefill_ms=5, tensor_parallel=False),
    "diffusers": Runtime(layer_us=500, eager=True, prefill_share=0.5, prefill_ms=10),
}
DEFAULT = RUNTIMES["transformers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatCost:
    """What reading weights of a format costs beside plain 16-bit weights."""

    share: float = 1.0  # of the bandwidth that 16-bit weights reach
    eager: bool = False  # only eager implementations exist
    layer_us: float = 0.0  # unpacking kernels that run apart
    product: str = "fp16"  # type of the matrix products of the prefill
    runtimes: Mapping[str, float] = field(default_factory=dict)  # shares in single runtimes


PLAIN = FormatCost()
# Super-blocks of 2 and 3 bits take several instructions a weight: 3090 and P40 rows of Q2_K and Q3_K_S.
LOW_BIT_K = FormatCost(share=0.45)
CODEBOOK = FormatCost(share=0.6)  # IQ types look their values up in a table; between Q3_K and Q4_K, not measured
FORMATS: Mapping[str, FormatCost] = {
    "bf16": FormatCost(product="bf16"),
    "fp32": FormatCost(product="fp32"),
    "f32": FormatCost(product="fp32"),
    "fp8": FormatCost(share=0.9, product="fp8"),
    "int8": FormatCost(share=0.87, product="bf16"),  # gpt-fast
    "gptq_int4": FormatCost(
        share=0.62, runtimes={"exllamav2": 0.95, "vllm": 0.85, "sglang": 0.85, "tensorrt-llm": 0.85}
    ),  # gpt-fast, exllama
    "awq_int4": FormatCost(share=0.62, runtimes={"vllm": 0.85, "sglang": 0.85, "tensorrt-llm": 0.85}),
    "nf4": FormatCost(share=0.5, eager=True, layer_us=900),  # bitsandbytes in litgpt
    "mxfp4": FormatCost(share=0.75),
    "nvfp4": FormatCost(share=0.75, product="fp8"),
}
_PREFIXES = (("q2", LOW_BIT_K), ("q3", LOW_BIT_K), ("iq4", PLAIN), ("iq", CODEBOOK))


def format_cost(name: str) -> FormatCost:
    """The cost of a weight format."""
    return FORMATS.get(name) or next((cost for prefix, cost in _PREFIXES if name.startswith(prefix)), PLAIN)
