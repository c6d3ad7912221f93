"""Training spread over several GPUs: what each scheme divides, adds and refuses."""

import json
from math import prod
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.estimation.sharding import BUCKET_ELEMENTS, LIVE_ELEMENTS
from app.estimation.training import TracedTraining
from app.placement import Offload, Sharding
from app.workloads import parse_workload

BLOCK = 4 * 1024 * 1024 + 3 * 1024 * 4096 + 2 * 1024  # weights of one block of the model below, of 24
TABLE = 32_000 * 1024
LLAMA = {
    "model_type": "llama", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
    "num_key_value_heads": 16, "vocab_size": 32_000,
}  # fmt: skip
MEASURED = Path(__file__).parent.parent / "ground_truth" / "sharded_memory.json"
STATES = ("weights", "optimizer_states", "gradients")


def traced(**changes: Any) -> TracedTraining:
    document = {
        "kind": "training", "model": {"config": LLAMA}, "precision": "bf16", "micro_batch_size": 2, "sequence_length": 512,
        "activation_checkpointing": "full", **changes,
    }  # fmt: skip
    return TracedTraining(parse_workload(document))  # type: ignore[arg-type]


JOB = traced()
MIXED = traced(precision="amp_bf16")
ACCUMULATING = traced(gradient_accumulation_steps=16)


def terms(job: TracedTraining, spread: Sharding) -> dict[str, int]:
    return {term.key: term.bytes for term in job.gpu_memory(spread).ledger.terms}


def allocated(job: TracedTraining, spread: Sharding) -> int:
    return job.gpu_memory(spread).peak_allocated_bytes


def shared(gpus: int, stage: int, offload: str = "none") -> Sharding:
    return Sharding(gpus=gpus, data=gpus, zero_stage=stage, offload=offload)  # type: ignore[arg-type]


DEGREES = {
    "data": [1, 2, 8],
    "tensor": [1, 2, 8],
    "pipeline": [1, 3, 8],
    "context": [1, 2, 16],
    "zero_stage": [0, 1, 2, 3],
    "offload": get_args(Offload),
}


@st.composite
def spreads(draw: st.DrawFn) -> Sharding:
    chosen: dict[str, Any] = {name: draw(st.sampled_from(values)) for name, values in DEGREES.items()}
    return Sharding(gpus=prod(chosen[name] for name in ("data", "tensor", "pipeline", "context")), **chosen)


@settings(max_examples=60, deadline=None)
@given(spread=spreads(), job=st.sampled_from([JOB, MIXED, ACCUMULATING]))
def test_the_ledger_sums_for_every_way_to_spread_a_job(spread: Sharding, job: TracedTraining) -> None:
    memory = job.gpu_memory(spread)
    assert sum(term.bytes for term in memory.ledger.terms) == memory.required_bytes >= memory.peak_allocated_bytes
    assert all(term.bytes > 0 and term.formula and term.source for term in memory.ledger.terms)


@settings(max_examples=40, deadline=None)
@given(gpus=st.sampled_from([2, 4, 8, 32]), stage=st.integers(1, 2), job=st.sampled_from([JOB, MIXED]))
def test_a_higher_stage_on_more_gpus_never_needs_more_states(gpus: int, stage: int, job: TracedTraining) -> None:
    def states(spread: Sharding) -> int:
        found = terms(job, spread)
        return sum(found.get(key, 0) for key in STATES)

    assert states(shared(2 * gpus, stage)) <= states(shared(gpus, stage))
    assert states(shared(gpus, stage + 1)) <= states(shared(gpus, stage))


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_one_gpu_has_nothing_to_share(stage: int) -> None:
    assert terms(MIXED, shared(1, stage)) == terms(MIXED, Sharding())


@pytest.mark.parametrize("degree", [2, 4, 8, 16])
def test_a_split_matrix_leaves_no_less_than_an_equal_part(degree: int) -> None:
    spread = Sharding(gpus=degree, tensor=degree)
    assert allocated(JOB, spread) >= allocated(JOB, Sharding()) / degree
    assert allocated(JOB, spread) < allocated(JOB, Sharding(gpus=degree // 2, tensor=degree // 2))


def test_split_matrices_are_divided_and_norms_are_not() -> None:
    norms = 2 * (2 * 24 + 1) * 1024
    whole = 2 * (24 * BLOCK + 2 * TABLE + 1024)
    assert terms(JOB, Sharding())["weights"] == whole
    assert terms(JOB, Sharding(gpus=4, tensor=4))["weights"] == (whole - norms) // 4 + norms


@pytest.mark.parametrize("tensor", [3, 32])
def test_heads_that_do_not_divide_are_refused(tensor: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        JOB.gpu_memory(Sharding(gpus=tensor, tensor=tensor))
    assert refused.value.errors[0].path == "parallelism.tensor"


def test_key_heads_are_repeated_where_they_are_fewer_than_gpus() -> None:
    grouped = traced(model={"config": {**LLAMA, "num_key_value_heads": 2}})
    key_and_value = 24 * 2 * 1024 * 64 * 2  # bytes of one key and one value head in every block
    two, four = (terms(grouped, Sharding(gpus=degree, tensor=degree))["weights"] for degree in (2, 4))
    assert 2 * four - two == pytest.approx(key_and_value, rel=0.2)


def test_networks_that_cannot_be_split_say_so() -> None:
    network = traced(model={"preset": "resnet50"}, sequence_length=None, image_size=[224, 224], activation_checkpointing="none")
    for spread, path in ((Sharding(gpus=2, tensor=2), "parallelism.tensor"), (Sharding(gpus=2, pipeline=2), "parallelism.pipeline")):
        with pytest.raises(InvalidInput) as refused:
            network.gpu_memory(spread)
        assert refused.value.errors[0].path == path


def test_more_stages_than_blocks_are_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        JOB.gpu_memory(Sharding(gpus=25, pipeline=25))
    assert refused.value.errors[0].path == "parallelism.pipeline"


def test_the_first_stage_holds_the_activations_of_every_batch_under_way() -> None:
    plain = {"activation_checkpointing": "none", "optimizer": "sgd", "sequence_length": 2048}
    one, many = (traced(gradient_accumulation_steps=steps, **plain) for steps in (2, 8))
    spread = Sharding(gpus=8, pipeline=8)
    assert terms(many, spread)["activations"] == pytest.approx(8 * terms(one, Sharding())["activations"] / 8, rel=0.1)
    assert terms(many, spread)["activations"] > 2 * terms(one, spread)["activations"]


def test_no_stage_of_a_pipeline_has_both_tables() -> None:
    weights = terms(ACCUMULATING, Sharding(gpus=4, pipeline=4))["weights"]
    assert weights == pytest.approx(2 * (6 * BLOCK + TABLE), rel=1e-3)


def test_replicas_keep_a_second_copy_of_the_gradients() -> None:
    found = terms(JOB, shared(4, 0))
    assert found["communication_buffers"] == found["gradients"]


def test_sharded_blocks_are_gathered_two_at_a_time_beside_the_tables() -> None:
    found = traced(optimizer="sgd", gradient_accumulation_steps=2).gpu_memory(shared(8, 3)).ledger
    assert found.bytes_of("gathered_weights") == pytest.approx(2 * (2 * BLOCK + 2 * TABLE), rel=1e-3)
    assert found.bytes_of("weights") == pytest.approx(2 * (24 * BLOCK + 2 * TABLE) / 8, rel=1e-3)


def test_mixed_precision_keeps_sixteen_bytes_a_parameter_over_all_gpus() -> None:
    job = traced(precision="amp_bf16", gradient_accumulation_steps=2)
    parameters = job.parameters.total
    assert job.gpu_memory(shared(8, 3)).ledger.bytes_of(*STATES) == pytest.approx(16 * parameters / 8, rel=1e-3)
    replicated = terms(job, shared(8, 1))
    assert replicated["weights"] == pytest.approx(2 * parameters, rel=1e-3)
    assert replicated["optimizer_states"] == pytest.approx(12 * parameters / 8, rel=1e-3)


def test_offloading_leaves_only_what_is_at_work() -> None:
    optimizer, everything = (terms(JOB, shared(8, 3, offload)) for offload in ("optimizer", "all"))
    assert "optimizer_states" not in optimizer
    assert "weights" in optimizer
    assert "weights" not in everything
    gathered = min(JOB.parameters.total, LIVE_ELEMENTS)
    assert everything["gathered_weights"] == pytest.approx(2 * gathered, rel=1e-2)
    assert everything["communication_buffers"] <= 2 * 2 * BUCKET_ELEMENTS


def test_frozen_weights_are_gathered_but_not_reduced() -> None:
    adapters = traced(tuning={"method": "lora", "target_modules": "attention"})
    found = terms(adapters, shared(4, 3))
    assert found.get("communication_buffers", 0) < 0.02 * found["gathered_weights"]


@pytest.mark.parametrize("case", json.loads(MEASURED.read_text(encoding="utf-8"))["cases"], ids=lambda c: f"{c['scheme']}-{c['ranks']}")
def test_a_rank_needs_what_the_trackers_of_pytorch_measure(case: dict[str, Any]) -> None:
    config = {
        "model_type": "llama", "hidden_size": case["hidden"], "intermediate_size": case["feed_forward"],
        "num_hidden_layers": case["layers"], "num_attention_heads": case["heads"], "vocab_size": case["vocabulary"],
    }  # fmt: skip
    optimizer, implementation = case["optimizer"].split()
    job = traced(
        model={"config": config}, precision=case["precision"], micro_batch_size=case["batch"], sequence_length=case["sequence"],
        activation_checkpointing=case["checkpointing"], optimizer=optimizer, optimizer_implementation=implementation,
    )  # fmt: skip
    ranks = case["ranks"]
    spread = shared(ranks, 3) if case["scheme"] == "fsdp" else Sharding(gpus=ranks, tensor=ranks)
    error = allocated(job, spread) / case["peak"]["total"] - 1
    assert -0.03 < error < 0.045


def test_a_bucket_is_allocated_whole_however_few_gradients_there_are() -> None:
    adapters = traced(tuning={"method": "lora", "rank": 8, "target_modules": "attention", "adapter_precision": "bf16"})
    trained = 2 * 24 * 4 * 2 * 8 * 1024  # bytes of the adapters' gradients
    assert terms(adapters, shared(4, 2))["communication_buffers"] == BUCKET_ELEMENTS * 2
    assert terms(adapters, shared(4, 3, "optimizer"))["communication_buffers"] == pytest.approx(BUCKET_ELEMENTS * 2 + trained, rel=1e-3)
