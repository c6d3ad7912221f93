"""How training is spread when the choice is left open: least exchange first, and the reason said."""

from typing import Any

import pytest

from app.estimation.training_job import TrainingJob
from app.hardware import Gpu
from app.placement import Placement, Sharding
from app.units import GIB
from app.workloads import parse_workload

LLAMA_7B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11_008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "vocab_size": 32_000,
}  # fmt: skip


def card(gib: int, link_gb_s: float = 0) -> Gpu:
    return Gpu(
        id="card", name="Card", vendor="NVIDIA", memory_gb=gib, visible_bytes=gib * GIB, bandwidth_gb_s=1000, fp32_tflops=30,
        fp16_tflops=150, bf16_tflops=150, pcie_gen=4, pcie_lanes=16, compute_capability="8.9", supports_bf16=True,
        architecture="Ada Lovelace", link_gb_s=link_gb_s,
    )  # fmt: skip


def job(**changes: Any) -> TrainingJob:
    document = {
        "kind": "training", "model": {"config": LLAMA_7B}, "precision": "amp_bf16", "micro_batch_size": 1, "sequence_length": 1024,
        "activation_checkpointing": "full", "parallelism": "auto", **changes,
    }  # fmt: skip
    return TrainingJob(parse_workload(document))  # type: ignore[arg-type]


JOB = job()


def placed(gib: int, quantity: int, training: TrainingJob = JOB, link_gb_s: float = 0) -> Placement:
    placement = training.place(card(gib, link_gb_s), quantity)
    assert isinstance(placement, Placement)
    return placement


@pytest.mark.parametrize(
    ("gib", "quantity", "stage", "tensor", "offload"),
    [
        (192, 1, 0, 1, "none"),
        (192, 4, 0, 1, "none"),
        (80, 4, 1, 1, "none"),
        (32, 8, 2, 1, "none"),
        (24, 8, 3, 1, "none"),
        (24, 1, 1, 1, "optimizer"),
        (12, 1, 3, 1, "all"),
    ],
)
def test_the_strategy_with_least_exchange_that_fits_is_taken(gib: int, quantity: int, stage: int, tensor: int, offload: str) -> None:
    chosen = placed(gib, quantity).sharding
    assert (chosen.zero_stage, chosen.tensor, chosen.offload) == (stage, tensor, offload)


@pytest.mark.parametrize(
    ("gib", "quantity", "said"), [(24, 8, "FSDP"), (192, 2, "data parallel"), (12, 1, "system RAM"), (4, 1, "nearest")]
)
def test_the_choice_is_explained(gib: int, quantity: int, said: str) -> None:
    placement = placed(gib, quantity)
    reasons = [finding.message for finding in placement.findings if finding.code == "strategy_chosen"]
    assert len(reasons) == 1
    assert said in reasons[0] or placement.gpu_bytes > gib * GIB


def test_what_is_asked_for_is_not_explained() -> None:
    fixed = job(parallelism={"gpus": 8, "data": 8, "zero_stage": 3})
    assert not [f for f in placed(80, 8, fixed).findings if f.code == "strategy_chosen"]
    assert placed(80, 8, fixed).sharding == Sharding(gpus=8, data=8, zero_stage=3)


@pytest.mark.parametrize(("length", "context", "tensor"), [(32_768, 8, 1), (32_770, 1, 8)])
def test_long_sequences_are_divided_and_where_they_cannot_be_matrices_are(length: int, context: int, tensor: int) -> None:
    long = job(sequence_length=length, activation_checkpointing="none", tuning={"method": "lora", "target_modules": "attention"})
    chosen = placed(80, 8, long, link_gb_s=600).sharding
    assert (chosen.context, chosen.tensor) == (context, tensor)


def test_experts_are_divided_rather_than_gathered_for_every_layer() -> None:
    qwen = {
        "model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 48, "num_attention_heads": 32,
        "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 151_936, "num_experts": 128, "num_experts_per_tok": 8,
        "moe_intermediate_size": 768,
    }  # fmt: skip
    chosen = placed(96, 8, job(model={"config": qwen}), link_gb_s=900)
    assert chosen.sharding.expert == 8
    assert chosen.findings[-1].message.startswith("Experts are divided over 8 GPUs")


def test_matrices_are_not_split_over_cards_that_only_pcie_joins() -> None:
    long = job(sequence_length=65_536, micro_batch_size=1)
    assert placed(80, 8, long).sharding.tensor == 1


def test_offload_moves_sixteen_bytes_a_parameter_to_the_host() -> None:
    parameters = JOB.traced.parameters.total
    moved = JOB.traced.offloaded_bytes(Sharding(zero_stage=1, offload="optimizer"))
    assert moved == pytest.approx(16 * parameters, rel=1e-3)
    assert JOB.traced.offloaded_bytes(Sharding(zero_stage=3, offload="all")) == pytest.approx(18 * parameters, rel=1e-3)
    assert JOB.traced.offloaded_bytes(Sharding()) == 0


def test_paged_states_may_move_to_the_host() -> None:
    paged = job(optimizer="paged_adamw_8bit", precision="bf16", parallelism={})
    in_32_bits = 32_000 * 4096  # the table of embeddings
    in_8_bits = paged.traced.parameters.total - in_32_bits
    assert paged.traced.offloaded_bytes(Sharding()) == pytest.approx(2 * (1 + 4 / 256) * in_8_bits + 2 * 4 * in_32_bits, rel=1e-3)


def test_findings_name_the_way_a_job_is_spread() -> None:
    adapters = job(tuning={"method": "lora"}, parallelism={"gpus": 4, "data": 4, "zero_stage": 3})
    assert "adapters_wrapped_apart" in {finding.code for finding in adapters.estimate.findings}
    pipeline = job(parallelism={"gpus": 4, "pipeline": 4}, gradient_accumulation_steps=4)
    assert "pipeline_schedule" in {finding.code for finding in pipeline.estimate.findings}
    mixed = job(parallelism={"gpus": 4, "data": 4, "zero_stage": 2})
    assert "sharded_mixed_precision" in {finding.code for finding in mixed.estimate.findings}


def test_states_made_in_the_logits_place_are_reserved_twice() -> None:
    few, many = (
        job(parallelism={}, tuning={"method": method}).traced.gpu_memory(Sharding()).ledger.bytes_of("allocator_slack")
        for method in ("lora", "full")
    )
    assert few < many
