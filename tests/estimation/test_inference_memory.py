"""The need of running a model: weights, cache, buffers."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.estimation.inference import PreparedInference
from app.placement import Sharding
from app.workloads import parse_workload

LLAMA_70B = {
    "model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64,
    "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": False,
}  # fmt: skip
MISTRAL_7B = {
    "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 32_000, "sliding_window": 4096,
}  # fmt: skip


def prepared(**changes: Any) -> PreparedInference:
    document = {
        "kind": "inference", "model": {"config": LLAMA_70B}, "runtime": "llama.cpp", "weight_format": "q4_k_m", "kv_cache_format": "fp16",
        "context_length": 16_384, **changes,
    }  # fmt: skip
    return PreparedInference(parse_workload(document))  # type: ignore[arg-type]


def required(spread: Sharding | None = None, **changes: Any) -> int:
    return prepared(**changes).gpu_memory(spread or Sharding()).required_bytes


def test_the_cache_of_seventy_billion_parameters_is_exact() -> None:
    cache = prepared(concurrent_sequences=2).cache.bytes
    assert cache == 80 * 2 * 16_384 * 8 * (128 + 128) * 2


def test_the_ledger_sums_to_what_is_required_for_every_runtime() -> None:
    for runtime in ("llama.cpp", "ollama", "vllm", "sglang", "transformers", "exllamav2"):
        memory = prepared(runtime=runtime).gpu_memory(Sharding())
        assert sum(term.bytes for term in memory.ledger.terms) == memory.required_bytes
        assert memory.interval.low_bytes < memory.required_bytes < memory.interval.high_bytes


@settings(max_examples=30)
@given(context=st.integers(1, 100_000), users=st.integers(1, 32))
def test_longer_contexts_and_more_users_never_need_less(context: int, users: int) -> None:
    base = required(context_length=context, concurrent_sequences=users)
    assert base <= required(context_length=context + 256, concurrent_sequences=users)
    assert base <= required(context_length=context, concurrent_sequences=users + 1)


def test_doubling_the_users_doubles_the_cache() -> None:
    assert prepared(concurrent_sequences=8).cache.bytes == 2 * prepared(concurrent_sequences=4).cache.bytes


def test_quantized_caches_are_smaller() -> None:
    sizes = [prepared(kv_cache_format=name).cache.bytes for name in ("fp32", "fp16", "q8_0", "fp8", "q4_0")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] / sizes[1] == pytest.approx(34 / 64)


def test_sliding_windows_bound_the_cache() -> None:
    long, longer = (prepared(model={"config": MISTRAL_7B}, runtime="vllm", context_length=n).cache.bytes for n in (8192, 65_536))
    assert long == longer


def test_a_layer_split_puts_whole_layers_on_each_gpu() -> None:
    job = prepared()
    three = job.gpu_memory(Sharding(gpus=3, pipeline=3)).ledger.bytes_of("weights")
    assert three == -(-(job.weights - job.weights_in_ram) * 27 // 80)


def test_layers_kept_in_ram_leave_the_gpu() -> None:
    job = prepared(cpu_offload={"gpu_layers": 40})
    on_cards = job.weights - job.weights_in_ram
    assert job.gpu_memory(Sharding()).ledger.bytes_of("weights") == pytest.approx(on_cards / 2, rel=1e-6)
    assert job.offloaded_bytes == pytest.approx(job.weights_in_ram + (on_cards + job.cache.bytes) / 2, rel=1e-6)


@pytest.mark.parametrize("parameters", [10_000_000, 175_000_000_000])
@pytest.mark.parametrize(("weight_format", "size"), [("fp32", 4), ("fp16", 2)])
def test_parameters_become_bytes_exactly(parameters: int, weight_format: str, size: int) -> None:
    job = prepared(model={"parameters": parameters}, runtime="transformers", weight_format=weight_format)
    assert job.weights == parameters * size


def test_an_unknown_weight_format_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as refused:
        prepared(weight_format="q9_z")
    assert refused.value.errors[0].path == "weight_format"


def test_four_bits_of_bitsandbytes_unpack_the_largest_matrix_and_pack_the_head_outside_transformers() -> None:
    short = {"weight_format": "nf4", "context_length": 256, "prompt_tokens": 16}
    ledgers = {runtime: prepared(runtime=runtime, **short).gpu_memory(Sharding()).ledger.terms for runtime in ("transformers", "pytorch")}
    found = {runtime: {term.key: term.bytes for term in terms} for runtime, terms in ledgers.items()}
    head = 128_256 * 8192
    assert found["transformers"]["unpacked_matrix"] == 2 * 28_672 * 8192
    assert found["pytorch"]["unpacked_matrix"] == 2 * 2 * head
    saved = found["transformers"]["weights"] - found["pytorch"]["weights"]
    assert saved == pytest.approx(head * (2 - 0.5), rel=0.05)
    assert "unpacked_matrix" not in {term.key for term in prepared(runtime="transformers").gpu_memory(Sharding()).ledger.terms}
