"""Running a trained model."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from app.workloads.data import Checkpoints, DataSet
from app.workloads.fields import Attention, Count, Device, Document, ImageSize, Tokens
from app.workloads.model import ModelReference
from app.workloads.training import Parallelism

Runtime = Literal[
    "transformers", "pytorch", "vllm", "llama.cpp", "ollama", "sglang", "tensorrt-llm", "exllamav2", "mlx",
    "diffusers", "onnxruntime", "faster-whisper", "whisper.cpp",
]  # fmt: skip
KvFormat = Literal["fp32", "fp16", "bf16", "fp8", "q8_0", "q4_0"]

PLAIN_FORMATS = ("fp32", "fp16", "bf16", "fp8", "fp8_block", "int8")
PACKED_FORMATS = ("nf4", "fp4", "gptq_int3", "gptq_int4", "gptq_int8", "awq_int4", "mxfp4", "nvfp4", "exl2", "mlx")
GGUF_FORMATS = (
    "f32", "f16", "q8_0", "q6_k", "q5_k_m", "q5_k_s", "q5_0", "q5_1", "q4_k_m", "q4_k_s", "q4_0", "q4_1", "q3_k_l", "q3_k_m", "q3_k_s",
    "q2_k", "q2_k_s", "iq4_xs", "iq4_nl", "iq3_m", "iq3_s", "iq3_xs", "iq3_xxs", "iq2_m", "iq2_s", "iq2_xs", "iq2_xxs", "iq1_m", "iq1_s",
    "tq2_0", "tq1_0", "mxfp4_moe",
)  # fmt: skip
WEIGHT_FORMATS = (*PLAIN_FORMATS, *PACKED_FORMATS, *GGUF_FORMATS)


class GpuLayers(Document):
    """How many layers run on the GPU; the others stay in RAM."""

    gpu_layers: Annotated[int, Field(ge=0, le=10_000)]


class Speculative(Document):
    """Speculative decoding: something cheap proposes tokens, the model checks them all in one pass (Leviathan et al. 2023).

    `draft` is a small model; without one the proposals are taken to cost nothing (n-gram look-up, heads of the model itself).
    `accepted_tokens` is what one pass gains on average, its own token included; it depends on the text and is the reader's to state.
    """

    draft: ModelReference | None = None
    proposed_tokens: Annotated[int, Field(ge=1, le=64)] = 4
    accepted_tokens: Annotated[float, Field(ge=1, le=65)] = 2.5

    @model_validator(mode="after")
    def _no_more_than_proposed(self) -> Self:
        if self.accepted_tokens > self.proposed_tokens + 1:
            raise ValueError("accepted_tokens cannot exceed proposed_tokens by more than the one token of the pass itself")
        return self


class InferenceWorkload(Document):
    """One model being run. `context_length` is what the cache holds per sequence at the end."""

    kind: Literal["inference"]
    model: ModelReference
    runtime: Runtime = "transformers"
    device: Device = "gpu"
    weight_format: str = "bf16"
    bits_per_weight: Annotated[float, Field(ge=1, le=32)] | None = None
    group_size: Literal[32, 64, 128, 256] | None = None  # None: 128 for GPTQ and AWQ, 64 for MLX
    kv_cache_format: KvFormat = "bf16"
    context_length: Tokens = 8192
    concurrent_sequences: Annotated[int, Field(ge=1, le=10**6)] = 1
    prompt_tokens: Tokens = 1024
    logits: Literal["last", "all"] = "last"
    batch_size: Annotated[int, Field(ge=1, le=10**6)] = 1
    image_size: ImageSize | None = None
    frames: Count | None = None
    audio_seconds: Annotated[float, Field(gt=0, le=10**5)] | None = None
    text_length: Tokens | None = None
    denoising_steps: Annotated[int, Field(ge=1, le=10_000)] = 30  # passes of a diffusion model for one image; guidance doubles them
    components: Literal["pipeline", "denoiser"] = "pipeline"
    latent_decoding: Literal["whole", "sliced", "tiled"] = "whole"  # diffusers: enable_vae_slicing, enable_vae_tiling
    attention: Attention = "sdpa"
    speculative: Speculative | None = None
    cpu_offload: Literal["none", "auto", "model", "sequential"] | GpuLayers = "none"  # model, sequential: parts of a diffusion pipeline
    parallelism: Parallelism | Literal["auto"] = Parallelism()
    data: DataSet = DataSet()
    checkpoints: Checkpoints = Checkpoints(keep=0)

    @model_validator(mode="after")
    def _no_parallelism_of_training(self) -> Self:
        spread = self.parallelism
        if isinstance(spread, Parallelism) and (spread.context > 1 or spread.expert > 1):
            raise ValueError("parallelism.context and parallelism.expert are for training; use tensor or pipeline here")
        return self

    @field_validator("weight_format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        name = value.lower()
        if name not in WEIGHT_FORMATS:
            raise ValueError(f"'{value[:40]}' is not a weight format; use one of {', '.join(WEIGHT_FORMATS)}")
        return name
