"""Sequences and experts divided over GPUs: what is divided, what is exchanged for it, and what is refused."""

from typing import Any

import pytest

from app.errors import InvalidInput
from app.estimation.training import TracedTraining
from app.placement import Sharding
from app.workloads import parse_workload

LAYERS, HIDDEN, HEADS, KV_HEADS, VOCABULARY, EXPERTS, CHOSEN, WIDTH = 8, 1024, 16, 4, 32_000, 32, 4, 768
CONFIG = {
    "hidden_size": HIDDEN, "intermediate_size": 4096, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS, "head_dim": HIDDEN // HEADS, "vocab_size": VOCABULARY,
}  # fmt: skip
DENSE = {**CONFIG, "model_type": "llama"}
SPARSE = {**CONFIG, "model_type": "qwen3_moe", "num_experts": EXPERTS, "num_experts_per_tok": CHOSEN, "moe_intermediate_size": WIDTH}
ROUTED = LAYERS * EXPERTS * 3 * HIDDEN * WIDTH  # weights of all routed experts
LENGTH = 4096


def traced(config: dict[str, Any], **changes: Any) -> TracedTraining:
    document = {
        "kind": "training", "model": {"config": config}, "precision": "bf16", "micro_batch_size": 1, "sequence_length": LENGTH,
        "activation_checkpointing": "full", "attention": "flash", "optimizer": "sgd", **changes,
    }  # fmt: skip
    return TracedTraining(parse_workload(document))  # type: ignore[arg-type]


def terms(job: TracedTraining, **degrees: Any) -> dict[str, int]:
    return {term.key: term.bytes for term in job.gpu_memory(Sharding(**degrees)).ledger.terms}


@pytest.mark.parametrize("degree", [2, 4])
def test_activations_and_logits_are_divided_with_the_sequence_and_weights_are_not(degree: int) -> None:
    whole, part = terms(traced(DENSE), gpus=1), terms(traced(DENSE), gpus=degree, context=degree)
    assert part["weights"] == whole["weights"]
    assert part["logits_loss"] == pytest.approx(whole["logits_loss"] / degree, rel=0.01)
    assert part["activations"] == pytest.approx(whole["activations"] / degree, rel=0.01)


def test_keys_and_values_of_the_whole_sequence_and_gradients_of_a_part_are_there() -> None:
    keys = 2 * LENGTH * KV_HEADS * (HIDDEN // HEADS) * 2  # K and V of one layer, 16 bits
    gradients = 2 * 4 * (LENGTH // 4) * (HIDDEN + 2 * KV_HEADS * (HIDDEN // HEADS))  # two fp32 copies for q, k and v
    assert terms(traced(DENSE), gpus=4, context=4)["context_exchange"] == keys + gradients


def test_gpus_that_divide_a_sequence_share_the_states_as_those_with_other_samples_do() -> None:
    job = traced(DENSE, optimizer="adamw")
    assert terms(job, gpus=8, context=8, zero_stage=3)["weights"] == terms(job, gpus=8, data=8, zero_stage=3)["weights"]


def test_a_step_counts_every_token_once_however_sequences_are_divided() -> None:
    job = traced(DENSE)
    before = job.trace.flops
    job.gpu_memory(Sharding(gpus=8, context=8))
    assert (job.trace.flops, job.tokens_or_samples) == (before, LENGTH)


@pytest.mark.parametrize(
    ("config", "changes", "degree"),
    [
        (DENSE, {"attention": "eager"}, 2),
        (DENSE, {"sequence_length": 1000}, 8),
        ({"model_type": "t5", "d_model": 512, "vocab_size": 32_128}, {}, 2),
    ],
)
def test_sequences_that_cannot_be_divided_are_refused(config: dict[str, Any], changes: dict[str, Any], degree: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        traced(config, **changes).gpu_memory(Sharding(gpus=degree, context=degree))
    assert refused.value.errors[0].path == "parallelism.context"


@pytest.mark.parametrize("degree", [2, 8, 32])
def test_each_gpu_keeps_its_part_of_the_experts_and_all_else(degree: int) -> None:
    whole, part = (terms(traced(SPARSE), gpus=degree, data=degree, expert=expert) for expert in (1, degree))
    assert whole["weights"] - part["weights"] == 2 * (ROUTED - ROUTED // degree)


def test_tokens_travel_once_for_every_expert_chosen_for_them() -> None:
    assert terms(traced(SPARSE), gpus=4, data=4, expert=4)["expert_exchange"] == 2 * CHOSEN * LENGTH * HIDDEN * 2


def test_states_of_experts_are_shared_by_the_gpus_that_keep_the_same_ones() -> None:
    job = traced(SPARSE, optimizer="adamw", precision="amp_bf16")
    alone, divided = (terms(job, gpus=8, data=8, expert=expert, zero_stage=2)["optimizer_states"] for expert in (1, 4))
    assert divided == pytest.approx(alone, rel=1e-3)


def test_parameters_are_counted_whole_however_experts_are_divided() -> None:
    job = traced(SPARSE)
    before = job.parameters
    job.gpu_memory(Sharding(gpus=8, data=8, expert=8))
    assert job.parameters == before


@pytest.mark.parametrize(("config", "degree"), [(DENSE, 2), (SPARSE, 3)])
def test_experts_that_are_not_there_or_do_not_divide_are_refused(config: dict[str, Any], degree: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        traced(config).gpu_memory(Sharding(gpus=degree, data=degree, expert=degree))
    assert refused.value.errors[0].path == "parallelism.expert"


def test_experts_lie_on_gpus_that_are_counted_already() -> None:
    with pytest.raises(InvalidInput, match="expert is 3 and must divide data x context, which is 8"):
        traced(SPARSE, parallelism={"gpus": 8, "data": 8, "expert": 3})


def test_running_a_model_divides_neither() -> None:
    with pytest.raises(InvalidInput, match="are for training"):
        parse_workload({"kind": "inference", "model": {"config": DENSE}, "parallelism": {"gpus": 2, "context": 2}})
