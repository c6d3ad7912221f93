"""The need of training: its ledger, its placements, and what must hold for every workload."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.estimation.service import estimate
from app.estimation.training import TracedTraining
from app.placement import Sharding
from app.units import GIB
from app.workloads import parse_workload

LLAMA_1B = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128_256, "tie_word_embeddings": True,
}  # fmt: skip


def traced(**changes: Any) -> TracedTraining:
    document = {
        "kind": "training", "model": {"config": LLAMA_1B}, "precision": "bf16", "micro_batch_size": 2, "sequence_length": 1024, **changes,
    }  # fmt: skip
    return TracedTraining(parse_workload(document))  # type: ignore[arg-type]


def required(spread: Sharding | None = None, **changes: Any) -> int:
    return traced(**changes).gpu_memory(spread or Sharding()).required_bytes


def test_the_ledger_sums_to_what_is_required() -> None:
    memory = traced().gpu_memory(Sharding())
    assert sum(term.bytes for term in memory.ledger.terms) == memory.required_bytes
    assert all(term.bytes > 0 and term.source and term.formula for term in memory.ledger.terms)


def test_the_interval_holds_the_estimate() -> None:
    memory = traced().gpu_memory(Sharding())
    assert memory.interval.low_bytes < memory.required_bytes < memory.interval.high_bytes


def test_parameters_of_a_tied_model_count_the_table_once() -> None:
    assert traced().parameters.total == 1_235_814_400


def test_logits_weigh_twelve_bytes_a_token_and_word() -> None:
    memory = traced(micro_batch_size=4, activation_checkpointing="full", optimizer_implementation="fused").gpu_memory(Sharding())
    assert memory.peak_phase == "backward"
    assert memory.ledger.bytes_of("logits_loss") == 12 * 4 * 1024 * 128_256


def test_a_fused_loss_takes_the_logits_away() -> None:
    assert required(fused_cross_entropy=True, micro_batch_size=8) < required(micro_batch_size=8) - 8 * GIB


@pytest.mark.parametrize(
    "change",
    [
        {"activation_checkpointing": "full"},
        {"optimizer": "adamw_8bit"},
        {"tuning": {"method": "lora"}},
        {"micro_batch_size": 1},
        {"sequence_length": 512},
    ],
)
def test_every_saving_saves(change: dict[str, Any]) -> None:
    assert required(**change) < required()


def test_qlora_keeps_the_base_in_four_bits() -> None:
    lora, qlora = (traced(tuning={"method": method}).gpu_memory(Sharding()).ledger.bytes_of("weights") for method in ("lora", "qlora"))
    matrices = 16 * (2 * 2048 * 2048 + 2 * 2048 * 512 + 3 * 2048 * 8192)
    table = 128_256 * 2048
    saved_by_packing, added_by_fp32_table = matrices * (2 - 4.127 / 8), table * 2
    assert lora - qlora == pytest.approx(saved_by_packing - added_by_fp32_table, rel=1e-3)


def test_accumulated_gradients_are_there_during_the_forward_pass() -> None:
    assert required(gradient_accumulation_steps=4, micro_batch_size=8) > required(micro_batch_size=8)


@settings(max_examples=25)
@given(gpus=st.sampled_from([2, 4, 8]), stage=st.sampled_from([1, 2, 3]))
def test_sharding_more_never_needs_more_for_the_states(gpus: int, stage: int) -> None:
    job = traced()

    def states(spread: Sharding) -> int:
        return job.gpu_memory(spread).ledger.bytes_of("weights", "optimizer_states", "gradients")

    less, more = (states(Sharding(gpus=count, data=count, zero_stage=stage)) for count in (gpus, 2 * gpus))  # type: ignore[arg-type]
    assert more <= less <= states(Sharding())


def test_replicas_do_not_pool_their_memory() -> None:
    assert required(Sharding(gpus=2, data=2)) > required()


@pytest.mark.parametrize(
    ("tuning", "path"),
    [({"method": "lora", "target_modules": ["no_such_layer"]}, "tuning.target_modules")],
)
def test_adapters_on_layers_that_do_not_exist_are_refused(tuning: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        traced(tuning=tuning)
    assert refused.value.errors[0].path == path


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"num_key_value_heads": 7}, "model.config.num_attention_heads"),
        ({"hidden_size": -1}, "model.config.hidden_size"),
        ({"num_hidden_layers": 10**6}, "model.config.num_hidden_layers"),
        ({"vocab_size": "many"}, "model.config.vocab_size"),
    ],
)
def test_contradictory_configurations_name_the_field(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        traced(model={"config": {**LLAMA_1B, **change}})
    assert refused.value.errors[0].path == path


def test_a_size_alone_gives_exact_weights_and_a_wide_interval() -> None:
    memory = traced(model={"parameters": 345_000_000, "family": "encoder"}, precision="fp32").gpu_memory(Sharding())
    assert memory.ledger.bytes_of("weights") == pytest.approx(4 * 345_000_000, rel=1e-4)
    assert memory.interval.basis == "size only"
    assert memory.interval.high_bytes > 1.3 * memory.required_bytes


def test_a_model_that_writes_is_taken_to_write_a_quarter_of_what_it_reads_and_says_so() -> None:
    document = {"kind": "training", "model": {"preset": "google-t5/t5-base"}, "micro_batch_size": 2, "sequence_length": 512}
    assumed, given = (estimate(parse_workload({**document, **more})) for more in ({}, {"target_length": 128}))
    assert assumed.gpu_memory == given.gpu_memory
    assert [finding.code for finding in assumed.findings if finding not in given.findings] == ["target_length_assumed"]


def bytes_of(key: str, **changes: Any) -> int:
    return traced(**changes).gpu_memory(Sharding()).ledger.bytes_of(key)


@pytest.mark.parametrize("changes", [{}, {"precision": "amp_bf16"}, {"tuning": {"method": "lora", "rank": 8, "adapter_precision": "bf16"}}])
def test_averaged_weights_are_one_more_copy_of_what_is_trained(changes: dict[str, Any]) -> None:
    element = 4 if changes.get("precision") == "amp_bf16" else 2
    assert bytes_of("averaged_weights", **changes) == 0
    assert bytes_of("averaged_weights", weight_averaging=True, **changes) == element * traced(**changes).parameters.trainable


def test_averaged_weights_are_sharded_where_weights_are() -> None:
    job = traced(weight_averaging=True)
    replicated, sharded = (job.gpu_memory(Sharding(gpus=4, data=4, zero_stage=stage)).ledger for stage in (0, 3))
    assert sharded.bytes_of("averaged_weights") == replicated.bytes_of("averaged_weights") // 4


def test_a_paged_optimizer_keeps_its_fp32_states_in_ram_instead_of_on_the_card() -> None:
    paged = traced(optimizer="paged_adamw")
    assert paged.gpu_memory(Sharding()).ledger.bytes_of("optimizer_states", "optimizer_temporaries") == 0
    assert paged.offloaded_bytes(Sharding()) == 8 * paged.parameters.total


def test_embedding_tables_keep_32_bit_states_under_an_8_bit_optimizer() -> None:
    table = LLAMA_1B["vocab_size"] * LLAMA_1B["hidden_size"]
    matrices = traced().parameters.total - table
    assert bytes_of("optimizer_states", optimizer="adamw_8bit") == pytest.approx(8 * table + 2 * (1 + 4 / 256) * matrices, rel=1e-3)


def test_muon_leaves_tables_and_vectors_to_adamw() -> None:
    norms, table = (2 * 16 + 1) * 2048, LLAMA_1B["vocab_size"] * LLAMA_1B["hidden_size"]
    total = traced().parameters.total
    assert bytes_of("optimizer_states", optimizer="muon") == 2 * (total + table + norms)


def test_dora_makes_the_whole_adapted_matrix_beside_the_adapter() -> None:
    adapters = {"method": "lora", "rank": 8, "target_modules": "attention", "adapter_precision": "bf16"}
    plain, dora = (traced(tuning={**adapters, "dora": wanted}) for wanted in (False, True))
    rows = 16 * (2048 + 512 + 512 + 2048)  # magnitudes: one for each output of the four projections of every layer
    assert dora.parameters.trainable - plain.parameters.trainable == rows
    assert dora.trace.peak_bytes > plain.trace.peak_bytes


def test_adapters_on_experts_are_counted_with_their_copies_and_say_so() -> None:
    def tuned(targets: Any) -> TracedTraining:
        tuning = {"method": "lora", "rank": 16, "target_modules": targets}
        return traced(model={"preset": "mistralai/Mixtral-8x7B-v0.1"}, tuning=tuning)

    everywhere, attention = tuned("all_linear"), tuned(["q_proj", "v_proj"])
    copies = everywhere.gpu_memory(Sharding()).peak_allocated_bytes - attention.gpu_memory(Sharding()).peak_allocated_bytes
    assert copies > 2 * attention.network.expert_parameters()
    said = [{finding.code for finding in each.findings(Sharding())} for each in (everywhere, attention)]
    assert ["experts_adapted" in codes for codes in said] == [True, False]
