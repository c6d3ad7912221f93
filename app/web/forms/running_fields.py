"""Fields of the tab "Run a model"."""

from app.web.forms.codecs import COUNT, NUMBER, NUMERIC_CHOICE, OFFLOAD, TOKENS
from app.web.forms.field import Choice, Tab, choices, chosen, typed
from app.web.forms.shared_fields import DATA, FAMILY, LIMITS, LIMITS_ADVANCED, SPREADING
from app.web.forms.training_fields import ATTENTION, DEVICE
from app.workloads.inference import GGUF_FORMATS

_PLAIN_AND_PACKED = choices(
    bf16="BF16",
    fp16="FP16",
    fp32="FP32",
    fp8="FP8",
    fp8_block="FP8 by blocks (DeepSeek)",
    int8="INT8",
    nf4="NF4 (bitsandbytes)",
    fp4="FP4 (bitsandbytes)",
    gptq_int3="GPTQ 3-bit",
    gptq_int4="GPTQ 4-bit",
    gptq_int8="GPTQ 8-bit",
    awq_int4="AWQ 4-bit",
    mxfp4="MXFP4",
    nvfp4="NVFP4",
    exl2="EXL2",
    mlx="MLX",
)
FORMATS = (*_PLAIN_AND_PACKED, *(Choice(name, f"{name.upper()} (GGUF)") for name in GGUF_FORMATS))
KV_FORMATS = choices(fp16="FP16", bf16="BF16", fp8="FP8", q8_0="Q8_0", q4_0="Q4_0", fp32="FP32")
RUNTIMES = (
    Choice("llama.cpp", "llama.cpp"),
    Choice("ollama", "Ollama"),
    Choice("vllm", "vLLM"),
    Choice("sglang", "SGLang"),
    Choice("tensorrt-llm", "TensorRT-LLM"),
    Choice("transformers", "Transformers"),
    Choice("pytorch", "PyTorch"),
    Choice("exllamav2", "ExLlamaV2"),
    Choice("mlx", "MLX"),
    Choice("diffusers", "Diffusers"),
    Choice("onnxruntime", "ONNX Runtime"),
    Choice("faster-whisper", "faster-whisper"),
    Choice("whisper.cpp", "whisper.cpp"),
)
GROUP_SIZES = (Choice("", "usual"), *(Choice(size, size) for size in ("32", "64", "128", "256")))

WEIGHTS = chosen("weights", "Weights", "workload.weight_format", FORMATS)
RUNTIME = chosen("runtime", "Runtime", "workload.runtime", RUNTIMES)

RUN = Tab(
    name="run",
    label="Run a model",
    model_default="meta-llama/Llama-3.1-8B",
    job=(
        WEIGHTS.but(default="q4_k_m"),
        RUNTIME,
        typed("context", "Context length", "workload.context_length", TOKENS, "8192", hint="e.g. 16k"),
        typed("users", "Users at once", "workload.concurrent_sequences", COUNT, "1"),
        typed("prompt", "Prompt tokens", "workload.prompt_tokens", TOKENS, "1024"),
        chosen("kv", "KV cache", "workload.kv_cache_format", KV_FORMATS),
    ),
    data=DATA,
    limits=LIMITS,
    advanced=(
        typed(
            "speculative", "Tokens per checked pass", "workload.speculative.accepted_tokens", NUMBER, hint="speculative decoding, e.g. 2.5"
        ),
        typed("layers", "Layers on the GPU", "workload.cpu_offload", OFFLOAD, "none", hint="none: all, auto, or a number"),
        chosen("group_size", "Group size", "workload.group_size", GROUP_SIZES, codec=NUMERIC_CHOICE),
        typed("bits", "EXL2 or MLX bits", "workload.bits_per_weight", NUMBER),
        ATTENTION,
        DEVICE,
        chosen("logits", "Logits kept", "workload.logits", choices(last="Of the last token", all="Of all tokens")),
        typed("audio", "Audio, seconds", "workload.audio_seconds", NUMBER, hint="speech models"),
        *SPREADING,
        FAMILY,
        *LIMITS_ADVANCED,
    ),
)
