"""Options for running a model: its formats step by step, what it keeps, where its layers lie."""

from collections.abc import Callable, Mapping, Sequence

from app.adjustments.option import Harm, Option, halved, one_gpu, set_to, switched
from app.workloads import InferenceWorkload

FORMAT_STEPS: Mapping[str, Sequence[str]] = {
    "llama.cpp": ("f32", "f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_xs", "q3_k_m", "q2_k"),
    "ollama": ("f32", "f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q2_k"),
    "vllm": ("fp32", "bf16", "fp8", "awq_int4"),
    "sglang": ("fp32", "bf16", "fp8", "awq_int4"),
    "tensorrt-llm": ("fp32", "bf16", "fp8", "awq_int4"),
    "transformers": ("fp32", "bf16", "int8", "nf4"),
    "pytorch": ("fp32", "bf16", "int8"),
    "diffusers": ("fp32", "bf16", "int8", "nf4"),
}
CACHE_STEPS: Mapping[str, Sequence[str]] = {
    "llama.cpp": ("f16", "q8_0", "q4_0"),
    "ollama": ("f16", "q8_0", "q4_0"),
    "vllm": ("bf16", "fp8"),
    "sglang": ("bf16", "fp8"),
    "tensorrt-llm": ("bf16", "fp8"),
}
SIXTEEN_BITS = frozenset({"fp16", "bf16", "f16"})
STEPS_SHOWN = 3


def _smaller_format(step: int) -> Callable[[InferenceWorkload], Mapping[str, object] | None]:
    return lambda job: _next_format("weight_format", job.weight_format, FORMAT_STEPS.get(job.runtime, ()), step)


def _smaller_cache(step: int) -> Callable[[InferenceWorkload], Mapping[str, object] | None]:
    return lambda job: _next_format("kv_cache_format", job.kv_cache_format, CACHE_STEPS.get(job.runtime, ()), step)


def _next_format(path: str, now: str, steps: Sequence[str], step: int) -> Mapping[str, object] | None:
    """The format `step` places further down; one in 16 bits counts as the 16-bit step of the runtime."""
    position = next((index for index, name in enumerate(steps) if name == now or {name, now} <= SIXTEEN_BITS), None)
    if position is None or position + step >= len(steps):
        return None
    return {path: steps[position + step]}


def _of_step(step: int) -> Harm:
    return Harm.ROUNDED if step == 1 else Harm.COARSE


def _offload_to_ram(job: InferenceWorkload) -> Mapping[str, object] | None:
    return {"cpu_offload": "auto"} if job.cpu_offload == "none" and job.runtime in {"llama.cpp", "ollama", "transformers"} else None


INFERENCE: tuple[Option[InferenceWorkload], ...] = (
    *(Option(label="weights in {}", fields=_smaller_format(step), harm=_of_step(step)) for step in range(1, STEPS_SHOWN + 1)),
    *(Option(label="cache in {}", fields=_smaller_cache(step), harm=_of_step(step)) for step in (1, 2)),
    Option(label="half the context", fields=halved("context_length", 1024), harm=Harm.OTHER),
    Option(label="half the sequences at once", fields=halved("concurrent_sequences", 1), harm=Harm.OTHER),
    Option(label="half the batch", fields=halved("batch_size", 1)),
    Option(label="a prompt half as long", fields=halved("prompt_tokens", 256), harm=Harm.OTHER),
    Option(label="logits of the last token only", fields=switched("logits", "last"), harm=Harm.ROUNDED),
    Option(label="attention without the score matrix", fields=switched("attention", "sdpa", "eager")),
    Option(label="some layers in RAM", fields=_offload_to_ram),
    Option(label="spread over several GPUs", fields=set_to("parallelism", "auto", when=one_gpu)),
)
