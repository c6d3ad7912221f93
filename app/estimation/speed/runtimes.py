"""Runtimes for inference: fixed cost of a decoded token, share of the bandwidth by weight format, share of the compute in the prefill.

Fitted on the public rows named beside each entry (tests/ground_truth/published_speed.json).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """How a program runs a decoder. Fixed costs are those of a GDDR card; `DeviceClass.fixed_cost` scales them."""

    layer_us: float  # of one block for one token: launches, small kernels, synchronisation
    eager: bool = False  # launches run on the host while the card works: the slower of the two counts, not their sum
    stage_us: float = 0.0  # added to each block where the model lies on several cards or partly on the host
    prefill_share: float = 0.6  # of the dense matrix rate
    prefill_layer_us: float = 50  # of one block for one pass over a part of the prompt
    chunk: int = 8192  # prompt tokens of one pass
    fp16_accumulation: bool = False  # matrix products accumulate in FP16: GeForce cards run at twice the rate
    streams_offloaded: bool = False  # layers in RAM are copied to the card for every pass instead of being computed by the host
    tensor_parallel: bool = True  # splits every matrix over the cards; otherwise cards hold different layers and take turns


def _llama_cpp(layer_us: float) -> Runtime:
    """Shares of the prefill: least squares over the 26 CUDA rows of xdai and the llama.cpp pull requests, median error 9 %."""
    return Runtime(layer_us=layer_us, prefill_share=0.515, prefill_layer_us=780, chunk=512, fp16_accumulation=True, tensor_parallel=False)


LLAMA_CPP = _llama_cpp(72)  # xdai, llmfit, llama.cpp pull requests
EAGER_LAYER_US = 1000.0  # litgpt: 0.98 ms (phi-1.5) and 1.27 ms (StableLM-3B) a block on an A100's host
RUNTIMES: Mapping[str, Runtime] = {
    "llama.cpp": LLAMA_CPP,
    "whisper.cpp": LLAMA_CPP,
    "ollama": _llama_cpp(62),  # geerling
    "pytorch": Runtime(layer_us=19, prefill_share=0.6),  # gpt-fast: compiled, CUDA graphs
    "transformers": Runtime(
        layer_us=EAGER_LAYER_US,
        eager=True,
        stage_us=700,
        prefill_share=0.5,
        prefill_layer_us=600,
        tensor_parallel=False,
        streams_offloaded=True,
    ),  # accelerate: 1.8 ms a block with its hooks
    "vllm": Runtime(layer_us=22, prefill_share=0.6),  # CUDA graphs as in gpt-fast, and a scheduler
    "sglang": Runtime(layer_us=22, prefill_share=0.6),
    "tensorrt-llm": Runtime(layer_us=15, prefill_share=0.62),  # GPT-J rows
    "exllamav2": Runtime(layer_us=60, prefill_share=0.75, prefill_layer_us=300, fp16_accumulation=True, tensor_parallel=False),  # exllama
    "mlx": Runtime(layer_us=55, prefill_share=0.52, prefill_layer_us=300, tensor_parallel=False),
    "onnxruntime": Runtime(layer_us=150, prefill_share=0.45, prefill_layer_us=200, tensor_parallel=False),
    "faster-whisper": Runtime(layer_us=100, prefill_share=0.45, prefill_layer_us=200, tensor_parallel=False),
    "diffusers": Runtime(layer_us=500, eager=True, prefill_share=0.5, tensor_parallel=False),
}
DEFAULT = RUNTIMES["transformers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatCost:
    """What reading weights of a format costs beside plain 16-bit weights."""

    share: float = 1.0  # of the bandwidth that 16-bit weights reach
    eager: bool = False  # only eager implementations exist
    layer_us: float = 0.0  # unpacking kernels that run apart
    product: str = "packed"  # type of the matrix products of the prefill; packed: unpacked to 16 bits first
    prefill: float = 1.0  # factor on the share of the matrix rate
    runtimes: Mapping[str, float] = field(default_factory=dict)  # shares in single runtimes


PLAIN = FormatCost()
# Super-blocks of 2 and 3 bits take several instructions a weight: 3090 and P40 rows of Q2_K and Q3_K_S.
LOW_BIT_K = FormatCost(share=0.38, prefill=0.9)
CODEBOOK = FormatCost(share=0.6)  # IQ types look their values up in a table; between Q3_K and Q4_K, not measured
FORMATS: Mapping[str, FormatCost] = {
    "bf16": FormatCost(product="bf16"),
    "fp16": FormatCost(product="fp16"),
    "f16": FormatCost(product="fp16"),
    "fp32": FormatCost(share=0.85, product="fp32"),  # accelerate: GPT-J and T0pp in 32 bits, two rows that both ran below full share
    "f32": FormatCost(share=0.85, product="fp32"),
    "fp8": FormatCost(share=0.9, product="fp8", prefill=0.85),  # TensorRT-LLM
    "int8": FormatCost(share=0.87, product="bf16"),  # gpt-fast
    "gptq_int4": FormatCost(
        share=0.62, runtimes={"exllamav2": 0.95, "vllm": 0.85, "sglang": 0.85, "tensorrt-llm": 0.85}
    ),  # gpt-fast, exllama
    "awq_int4": FormatCost(share=0.62, runtimes={"vllm": 0.85, "sglang": 0.85, "tensorrt-llm": 0.85}),
    "nf4": FormatCost(share=0.5, eager=True, layer_us=900),  # bitsandbytes in litgpt
    "mxfp4": FormatCost(share=0.75),
    "nvfp4": FormatCost(share=0.75, product="fp8"),
}
# Formats that run the same kernels as another, in other bits.
ALIKE = {"fp8_block": "fp8", "fp4": "nf4", "gptq_int3": "gptq_int4", "gptq_int8": "gptq_int4", "mxfp4_moe": "mxfp4"}
_PREFIXES = (("q2", LOW_BIT_K), ("q3", LOW_BIT_K), ("iq4", PLAIN), ("iq", CODEBOOK))


def format_cost(name: str) -> FormatCost:
    """The cost of a weight format."""
    return FORMATS.get(ALIKE.get(name, name)) or next((cost for prefix, cost in _PREFIXES if name.startswith(prefix)), PLAIN)
