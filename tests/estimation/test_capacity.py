"""Capacity answers are the inverse of the forward estimate."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.estimation.capacity import LADDERS, Capacity, capacity, largest
from app.estimation.service import prepare
from app.hardware import Gpu
from app.placement import Placement
from app.workloads import parse_workload
from tests.estimation.speed.builders import card

MODEL = {
    "config": {
        "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": True,
    }
}  # fmt: skip
RUN = {"kind": "inference", "model": MODEL, "runtime": "llama.cpp", "weight_format": "q4_k_m"}
IMAGES = {"kind": "inference", "model": {"preset": "resnet50"}, "runtime": "pytorch", "image_size": [224, 224]}
TUNE = {
    "kind": "training", "model": MODEL, "precision": "bf16", "micro_batch_size": 1, "sequence_length": 256, "tuning": {"method": "lora"},
}  # fmt: skip
GIB = 2**30


def gpu(gib: float, **changes: Any) -> Gpu:
    return card(visible_bytes=int(gib * GIB), supports_bf16=True, **changes)


def room_for(document: dict[str, Any], card: Gpu, gpus: int = 1) -> Capacity:
    return capacity(parse_workload(document), card, gpus)


def fits(document: dict[str, Any], card: Gpu, gpus: int = 1) -> bool:
    placed = prepare(parse_workload(document)).place(card, gpus)
    return isinstance(placed, Placement) and placed.gpu_bytes <= card.visible_bytes


@settings(max_examples=25, deadline=None)
@given(
    runtime=st.sampled_from(["llama.cpp", "vllm", "transformers", "exllamav2"]),
    gib=st.floats(4, 40),
    context=st.integers(64, 20_000),
    users=st.integers(1, 8),
    gpus=st.sampled_from([1, 2]),
)
def test_what_is_said_to_fit_fits_and_one_more_does_not(runtime: str, gib: float, context: int, users: int, gpus: int) -> None:
    weights = "q4_k_m" if runtime == "llama.cpp" else "bf16"
    asked = {**RUN, "runtime": runtime, "weight_format": weights, "context_length": context, "concurrent_sequences": users}
    cards = gpu(gib)
    found = room_for(asked, cards, gpus)
    assert set(found.largest) == {"context_length", "concurrent_sequences"}
    for name, size in found.largest.items():
        assert size == 0 or fits({**asked, name: size}, cards, gpus)
        assert not fits({**asked, name: size + 1}, cards, gpus)


@pytest.mark.parametrize(("document", "gib"), [(IMAGES, 2.0), (IMAGES, 6.5), (TUNE, 8.0), (TUNE, 16.0)])
def test_batches_and_sequences_are_the_largest_that_fit(document: dict[str, Any], gib: float) -> None:
    found = room_for(document, gpu(gib))
    assert found.largest
    for name, size in found.largest.items():
        assert size > 0
        assert fits({**document, name: size}, gpu(gib))
        assert not fits({**document, name: size + 1}, gpu(gib))


def test_the_most_precise_format_that_fits_is_named() -> None:
    found = [room_for({**RUN, "context_length": 2048}, gpu(gib)).weight_format for gib in (1.6, 2.0, 2.6, 6.0)]
    ranks = ["iq1_s", "iq2_xxs", "q2_k", "q3_k_m", "iq4_xs", "q4_k_m", "q5_k_m", "q6_k", "q8_0", "f16"]
    chosen = [ranks.index(fields["weight_format"]) for fields in found if fields]
    assert chosen == sorted(chosen)
    assert chosen[-1] == ranks.index("f16")
    finer = ranks[chosen[0] + 1]
    assert not fits({**RUN, "context_length": 2048, "weight_format": finer}, gpu(1.6))


@settings(max_examples=25, deadline=None)
@given(runtime=st.sampled_from(sorted(LADDERS)), gib=st.floats(0.8, 12), context=st.integers(64, 8_000))
def test_the_named_format_fits_and_every_finer_one_does_not(runtime: str, gib: float, context: int) -> None:
    asked = {**RUN, "runtime": runtime, "weight_format": "f16", "context_length": context}
    cards = gpu(gib, vendor="Apple" if runtime == "mlx" else "NVIDIA")
    found, ladder = room_for(asked, cards).weight_format, LADDERS[runtime]
    chosen = ladder.index(found) if found else len(ladder)
    assert all(not fits({**asked, **finer}, cards) for finer in ladder[:chosen])
    assert not found or fits({**asked, **found}, cards)


def test_nothing_fits_a_card_that_is_smaller_than_the_weights() -> None:
    found = room_for({**RUN, "weight_format": "f16"}, gpu(0.3))
    assert not found.fits
    assert set(found.largest.values()) == {0}
    assert found.weight_format is None


def test_layers_kept_in_ram_are_left_out_of_the_question() -> None:
    offloaded = {**RUN, "cpu_offload": {"gpu_layers": 4}}
    assert room_for(offloaded, gpu(4)) == room_for(RUN, gpu(4))


def test_a_card_that_the_runtime_does_not_run_on_is_refused_with_the_reason() -> None:
    found = room_for({**RUN, "runtime": "vllm", "weight_format": "bf16"}, gpu(24, vendor="Apple"))
    assert not found.fits
    assert "Apple" in found.reason
    assert found.to_json()["context_length"] is None


@pytest.mark.parametrize(("changes", "path"), [({"device": "cpu"}, "device"), ({"model": {"preset": "no-such-model"}}, "model.preset")])
def test_a_job_without_a_gpu_and_an_unknown_model_are_refused_at_their_field(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        room_for({**RUN, **changes}, gpu(24))
    assert [error.path for error in refused.value.errors] == [path]


def test_a_reservation_holds_whole_blocks_for_whole_users() -> None:
    asked = {**RUN, "runtime": "vllm", "weight_format": "bf16", "context_length": 1000}
    found = room_for(asked, gpu(24)).reservation
    assert found is not None
    assert found.reserved_bytes == int(24 * GIB * 0.9)
    assert found.blocks * 16 == found.cache_tokens
    assert found.concurrent_sequences == found.blocks // 63  # a sequence of 1000 tokens takes 63 blocks of 16
    bytes_per_token = 16 * 2 * 8 * 64 * 2
    assert abs(found.cache_tokens * bytes_per_token - (found.reserved_bytes - found.beside_cache_bytes)) < 16 * bytes_per_token


def test_runtimes_that_take_what_they_need_reserve_nothing() -> None:
    assert room_for(RUN, gpu(24)).reservation is None


@given(slope=st.integers(1, 10**6), base=st.integers(0, 10**9), step=st.integers(1, 512), room=st.integers(0, 10**12))
def test_the_search_finds_the_last_size_of_any_staircase(slope: int, base: int, step: int, room: int) -> None:
    def need(size: int) -> float:
        return base + slope * -(-size // step) * step

    most = 10**6
    found = largest(need, room, most)
    assert found == 0 or need(found) <= room
    assert found == most or need(found + 1) > room


def test_sizes_that_the_network_does_not_take_do_not_fit() -> None:
    assert largest(lambda size: 1.0 if size <= 1024 else float("inf"), 10, 10**8) == 1024


@pytest.mark.parametrize(("runtime", "share"), [("vllm", "90 %"), ("sglang", "88 %"), ("tensorrt-llm", "90 %")])
def test_serving_runtimes_say_what_they_reserve(runtime: str, share: str) -> None:
    findings = prepare(parse_workload({**RUN, "runtime": runtime, "weight_format": "bf16"})).estimate.findings
    assert [share in finding.message for finding in findings if finding.code == "reservation"] == [True]


LARGE = {"kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-70B"}, "runtime": "llama.cpp", "weight_format": "q4_k_m"}


def test_a_model_fits_or_spills_or_cannot_run_there() -> None:
    verdicts = [room_for(LARGE, gpu(gib)).verdict for gib in (80, 24, 0.2)]
    assert [verdict.outcome for verdict in verdicts if verdict] == ["fits", "spills", "impossible"]
    unable = room_for({**LARGE, "runtime": "vllm", "weight_format": "awq_int4"}, gpu(24)).verdict
    assert unable is not None
    assert unable.outcome == "impossible"


def test_spilling_onto_disk_is_slower_than_into_ram() -> None:
    document = parse_workload(LARGE)
    in_ram, on_disk = (capacity(document, gpu(24), 1, gib * GIB).verdict for gib in (64, 16))
    assert in_ram is not None
    assert on_disk is not None
    assert in_ram.disk_bytes == 0 < on_disk.disk_bytes
    assert (in_ram.gpu_layers, in_ram.layers) == (on_disk.gpu_layers, 80)
    assert 0 < (on_disk.tokens_per_second or 0) < (in_ram.tokens_per_second or 0)
    assert (on_disk.times_slower or 0) > (in_ram.times_slower or 0) > 1


def test_of_a_mixture_on_disk_only_the_experts_in_use_are_read() -> None:
    dense = parse_workload({**LARGE, "model": {"parameters": 46_700_000_000, "family": "decoder"}})
    mixture = parse_workload({**LARGE, "model": {"preset": "mistralai/Mixtral-8x7B-v0.1"}})
    slow, fast = (capacity(document, gpu(8), 1, 8 * GIB).verdict for document in (dense, mixture))
    assert slow is not None
    assert fast is not None
    assert (fast.tokens_per_second or 0) > 2 * (slow.tokens_per_second or 0)
