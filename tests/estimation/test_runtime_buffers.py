"""Buffers and caches of runtimes beside what they print: ik_llama.cpp 8337e4c (issues 380, 539, 370, 357) and whisper.cpp at start-up."""

import pytest

from app.estimation.inference import PreparedInference
from app.estimation.reservation import sglang_fraction
from app.estimation.runtime_buffers import PassShape, llama_cpp, whisper_cpp
from app.placement import Sharding
from app.units import GIB, MIB
from app.workloads import InferenceWorkload, parse_workload
from tests.estimation.speed.builders import card

TURING = card(architecture="Turing")

LLAMA_3_8B = {"hidden": 4096, "feed_forward": 14_336, "vocabulary": 128_256, "heads": 32}
QWEN_3_32B = {"hidden": 5120, "feed_forward": 25_600, "vocabulary": 151_936, "heads": 64}
QWEN_3_30B = {"hidden": 2048, "feed_forward": 6144, "vocabulary": 151_936, "heads": 32}
QWEN_3_235B = {"hidden": 4096, "feed_forward": 12_288, "vocabulary": 151_936, "heads": 64}


def buffer(sizes: dict[str, int], context: int, *, flash: bool = True, sequences: int = 1, kv_is_16_bit: bool = True) -> float:
    shape = PassShape(prompt=512, context=context, sequences=sequences, kv_is_16_bit=kv_is_16_bit, flash=flash, **sizes)
    return llama_cpp(shape) / MIB


@pytest.mark.parametrize(
    ("sizes", "context", "flash", "printed"),
    [
        (QWEN_3_30B, 32_768, True, 304.75),
        (QWEN_3_30B, 4096, True, 300.75),
        (QWEN_3_235B, 32_768, True, 312.75),
        (QWEN_3_32B, 40_960, False, 5252.01),
    ],
)
def test_buffers_are_those_of_start_up_logs(sizes: dict[str, int], context: int, flash: bool, printed: float) -> None:
    assert buffer(sizes, context, flash=flash) == pytest.approx(printed, rel=0.02)


def test_longer_contexts_more_users_and_slower_attention_never_need_less() -> None:
    assert buffer(LLAMA_3_8B, 500_000) > buffer(LLAMA_3_8B, 8192)
    assert buffer(LLAMA_3_8B, 100_000, sequences=8) > buffer(LLAMA_3_8B, 100_000)
    assert buffer(LLAMA_3_8B, 8192, flash=False) > buffer(LLAMA_3_8B, 8192)
    assert buffer(LLAMA_3_8B, 65_536, kv_is_16_bit=False) > buffer(LLAMA_3_8B, 65_536)


WHISPER_LARGE = {"hidden": 1280, "feed_forward": 5120, "vocabulary": 51_866, "heads": 20}
WHISPER_BASE = {"hidden": 512, "feed_forward": 2048, "vocabulary": 51_865, "heads": 8}


def whisper(sizes: dict[str, int], *, flash: bool = True) -> float:
    return whisper_cpp(PassShape(prompt=1, context=448, sequences=1, kv_is_16_bit=True, flash=flash, **sizes)) / 1e6


def test_whisper_cpp_needs_what_its_logs_print() -> None:
    assert whisper(WHISPER_LARGE) == pytest.approx(37.69 + 67.31 + 9.27 + 100.04 + 7.86, rel=0.05)
    assert whisper(WHISPER_LARGE) > 37.69 + 55.35 + 9.27 + 100.04 + 7.86
    assert whisper(WHISPER_BASE, flash=False) > whisper(WHISPER_BASE) + 4 * 1500**2 * 8 / 1e6 - 1


def running(preset: str, runtime: str, **changes: object) -> PreparedInference:
    workload = parse_workload({"kind": "inference", "model": {"preset": preset}, "runtime": runtime, **changes})
    assert isinstance(workload, InferenceWorkload)
    return PreparedInference(workload)


def speech(preset: str, runtime: str, **changes: object) -> PreparedInference:
    return running(preset, runtime, context_length=448, **changes)


@pytest.mark.parametrize(
    ("preset", "file_type", "megabytes"),
    [
        ("openai/whisper-tiny", "f16", 77.11),
        ("openai/whisper-base", "f16", 147.37),
        ("openai/whisper-large-v3", "f16", 3094.36),
        ("openai/whisper-large-v3-turbo", "q5_0", 573.40),
    ],
)
def test_whisper_files_have_the_size_that_whisper_cpp_prints(preset: str, file_type: str, megabytes: float) -> None:
    assert speech(preset, "whisper.cpp", weight_format=file_type).weights / 1e6 == pytest.approx(megabytes, abs=0.01)


@pytest.mark.parametrize(
    ("preset", "own", "cross"), [("openai/whisper-base", 18.87, 18.87), ("openai/whisper-large-v3", 3 * 83.89, 251.66)]
)
def test_caches_of_text_and_of_sound_are_those_that_whisper_cpp_prints(preset: str, own: float, cross: float) -> None:
    cache = speech(preset, "whisper.cpp", weight_format="f16", kv_cache_format="fp16").cache.bytes
    assert cache / 1e6 == pytest.approx(own + cross, rel=1e-3)


@pytest.mark.parametrize(("preset", "megabytes"), [("openai/whisper-large-v3", 4521), ("openai/whisper-large-v3-turbo", 2537)])
def test_faster_whisper_peaks_where_its_table_says(preset: str, megabytes: float) -> None:
    need = speech(preset, "faster-whisper", weight_format="fp16", kv_cache_format="fp16").gpu_memory(Sharding(), TURING).required_bytes
    assert need / 1e6 == pytest.approx(megabytes, rel=0.08)


def test_generating_caches_the_text_so_far_and_all_that_was_read() -> None:
    sizes = {"prompt_tokens": 500, "context_length": 100, "kv_cache_format": "bf16"}
    assert running("google-t5/t5-base", "transformers", **sizes).cache.bytes == 12 * 2 * 12 * 64 * (500 + 100) * 2
    assert running("google-t5/t5-base", "pytorch", **sizes).cache.bytes == 0


def test_runtimes_without_latent_attention_cache_all_heads() -> None:
    form = {"weight_format": "gptq_int4", "context_length": 4096, "kv_cache_format": "fp16"}
    assert running("deepseek-ai/DeepSeek-V3", "vllm", **form).cache.per_token == 61 * 576 * 2
    assert running("deepseek-ai/DeepSeek-V3", "exllamav2", **form).cache.per_token == 61 * 128 * (192 + 128) * 2


def test_llama_cpp_keeps_a_window_and_a_micro_batch() -> None:
    found = running("google/gemma-2-9b", "llama.cpp", weight_format="q8_0", kv_cache_format="fp16", context_length=32_768)
    assert found.cache.bytes == 21 * 8 * (256 + 256) * 2 * (32_768 + 4096 + 512)


def test_chunks_of_attention_bound_three_layers_of_four() -> None:
    form = {"weight_format": "fp8", "kv_cache_format": "fp16", "context_length": 131_072}
    assert running("meta-llama/Llama-4-Scout-17B-16E", "vllm", **form).cache.bytes == 8 * 2 * 128 * 2 * (12 * 131_072 + 36 * 8192)


def test_what_sglang_gives_weights_and_cache_follows_the_card() -> None:
    assert sglang_fraction(80 * GIB, 1) == pytest.approx((80 * 1024 - 512 - 8192 * 1.5 - 512 - 128) / (80 * 1024), abs=1e-3)
    assert sglang_fraction(24 * GIB, 1) == pytest.approx((24 * 1024 - 512 - 3072 - 48 - 128) / (24 * 1024), abs=1e-3)


def test_onnxruntime_takes_memory_in_powers_of_two() -> None:
    terms = speech("openai/whisper-base", "onnxruntime", weight_format="fp32").gpu_memory(Sharding()).ledger.terms
    moving = sum(term.bytes for term in terms if term.key not in ("weights", "allocator_slack", "library_workspaces", "device_context"))
    assert moving & (moving - 1) == 0


@pytest.mark.parametrize("runtime", ["sglang", "tensorrt-llm", "mlx", "onnxruntime"])
def test_what_no_run_confirms_has_a_wider_interval_and_says_so(runtime: str) -> None:
    need, logged = (running("meta-llama/Llama-3.1-8B", name, weight_format="bf16").gpu_memory(Sharding()) for name in (runtime, "vllm"))
    assert (need.interval.basis, logged.interval.basis) == ("model", "measured")
    assert need.interval.high_bytes / need.required_bytes > logged.interval.high_bytes / logged.required_bytes
