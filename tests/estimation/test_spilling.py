"""Models that are too large for the cards, and models that draft for others: memory, placement, speed."""

from typing import Any

import pytest

from app.catalogue.seed import catalogue_from_seed
from app.errors import InvalidInput
from app.estimation.inference_job import InferenceJob
from app.estimation.runtimes import RUNTIMES
from app.estimation.service import prepare
from app.placement import Placement
from app.workloads import parse_workload

GPUS = catalogue_from_seed().gpus
LARGE = "meta-llama/Llama-3.1-70B"
NOT_AND_SPECULATING: tuple[dict[str, Any] | None, ...] = (None, {})
SMALL = "meta-llama/Llama-3.2-1B"


def job(**changes: Any) -> InferenceJob:
    document = {
        "kind": "inference", "model": {"preset": LARGE}, "runtime": "llama.cpp", "weight_format": "q4_k_m", "kv_cache_format": "fp16",
        **changes,
    }  # fmt: skip
    found = prepare(parse_workload(document))
    assert isinstance(found, InferenceJob)
    return found


def placed(gpu: str = "rtx-4090", quantity: int = 1, **changes: Any) -> Placement:
    found = job(**changes).place(GPUS[gpu], quantity)
    assert isinstance(found, Placement)
    return found


@pytest.mark.parametrize("runtime", ["llama.cpp", "ollama"])
def test_on_auto_a_model_too_large_runs_with_the_layers_that_fit(runtime: str) -> None:
    whole, spilled = placed(runtime=runtime), placed(runtime=runtime, cpu_offload="auto")
    card = GPUS["rtx-4090"]
    assert whole.gpu_bytes > card.visible_bytes >= spilled.gpu_bytes
    assert spilled.gpu_bytes > 0.9 * card.visible_bytes
    assert spilled.host_bytes > whole.host_bytes
    assert [finding.code for finding in spilled.findings] == ["spills"]


def test_one_layer_more_than_auto_takes_does_not_fit() -> None:
    spilled = placed(cpu_offload="auto")
    layers = int(spilled.findings[0].message.split()[0])
    assert placed(cpu_offload={"gpu_layers": layers}).gpu_bytes == pytest.approx(spilled.gpu_bytes, rel=0.001)
    assert (
        placed(cpu_offload={"gpu_layers": layers + 1}).gpu_bytes > GPUS["rtx-4090"].visible_bytes - RUNTIMES["llama.cpp"].fit_margin_bytes
    )


def test_what_fits_does_not_spill() -> None:
    assert placed("h100-sxm", cpu_offload="auto") == placed("h100-sxm")


def test_every_layer_in_ram_makes_it_slower() -> None:
    rates = [placed("h100-sxm", cpu_offload={"gpu_layers": count}).speed.rate for count in (0, 20, 40, 60, 79, 80)]
    assert rates == sorted(rates)
    assert rates[-1] > 5 * rates[0]


def test_layers_that_are_copied_to_the_card_for_every_token_are_slower_than_layers_that_run_on_the_processor() -> None:
    form: dict[str, Any] = {"weight_format": "bf16", "cpu_offload": {"gpu_layers": 40}, "kv_cache_format": "bf16"}
    copied, computed = (placed("h200-sxm", runtime=runtime, **form).speed.rate for runtime in ("transformers", "llama.cpp"))
    assert 0 < copied < computed


def test_a_runtime_that_cannot_spill_does_not() -> None:
    assert placed(runtime="vllm", weight_format="awq_int4", cpu_offload="auto").gpu_bytes > GPUS["rtx-4090"].visible_bytes


def test_a_draft_model_takes_memory_and_disk() -> None:
    alone, drafted = job(), job(speculative={"draft": {"preset": SMALL}})
    small = job(model={"preset": SMALL})
    terms = {term.key: term.bytes for term in drafted.prepared.gpu_memory(drafted.requested).ledger.terms}
    assert terms["draft_weights"] == small.prepared.weights
    assert terms["draft_cache"] == small.prepared.cache.bytes
    assert drafted.estimate.storage.model_file_bytes == alone.prepared.weights + small.prepared.weights


def test_tokens_that_a_pass_gains_make_decoding_faster_and_rejected_ones_slower() -> None:
    def rate(**speculative: Any) -> float:
        return placed("h100-sxm", speculative=speculative or None).speed.rate

    assert rate(accepted_tokens=2.5) > 2 * rate()
    assert rate(accepted_tokens=1.0, draft={"preset": SMALL}) < rate()
    assert (
        rate(accepted_tokens=2.5) > rate(accepted_tokens=2.5, draft={"preset": SMALL}) > rate(accepted_tokens=1.5, draft={"preset": SMALL})
    )


def test_the_gain_of_speculation_widens_the_interval() -> None:
    assert placed("h100-sxm", speculative={}).speed.interval_factor > placed("h100-sxm").speed.interval_factor


def test_many_sequences_gain_less_from_speculation_than_one() -> None:
    def gain(sequences: int) -> float:
        base: dict[str, Any] = {
            "model": {"preset": "meta-llama/Llama-3.1-8B"},
            "runtime": "vllm",
            "weight_format": "bf16",
            "context_length": 1100,
        }
        alone, drafted = (
            placed("h200-sxm", concurrent_sequences=sequences, speculative=speculative, **base).speed.rate
            for speculative in NOT_AND_SPECULATING
        )
        return drafted / alone

    assert gain(256) < gain(1)


def test_more_tokens_than_were_proposed_cannot_be_gained() -> None:
    with pytest.raises(InvalidInput):
        job(speculative={"proposed_tokens": 2, "accepted_tokens": 3.5})


def test_a_draft_must_generate_text() -> None:
    with pytest.raises(InvalidInput, match="generates text"):
        _ = job(speculative={"draft": {"preset": "resnet50"}}).estimate


def test_a_token_reads_only_the_experts_that_it_uses() -> None:
    mixture = placed("h100-sxm", model={"preset": "mistralai/Mixtral-8x7B-v0.1"})
    dense_of_all, dense_of_active = (
        placed("h100-sxm", model={"parameters": size, "family": "decoder"}) for size in (46_700_000_000, 12_900_000_000)
    )
    assert dense_of_all.speed.rate * 1.5 < mixture.speed.rate < dense_of_active.speed.rate * 1.5
