"""The changes that are tried to make a workload fit: which apply, what they set, and that the result is a workload."""

from itertools import combinations
from typing import Any

import pytest

from app.adjustments import adjustments_for, changed
from app.recommendation.advice import Change
from app.workloads import Workload, parse_workload

TRAINING = {"kind": "training", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "sequence_length": 2048}
INFERENCE = {"kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}}
CLASSICAL = {"kind": "classical", "library": "scikit-learn", "algorithm": "RandomForestClassifier", "rows": 10**6, "columns": 100}


def workload(document: dict[str, Any], **fields: Any) -> Workload:
    return parse_workload({**document, **fields})


def offered(document: dict[str, Any], **fields: Any) -> dict[str, list[tuple[str, object]]]:
    rows = adjustments_for(workload(document, **fields))
    return {row.changes[0].label: [(change.path, change.value) for change in row.changes] for row in rows}


def dumped(one: Workload) -> dict[str, Any]:
    document: dict[str, Any] = one.model_dump(mode="json")
    return document


@pytest.mark.parametrize(
    "one",
    [
        workload(TRAINING),
        workload(TRAINING, precision="fp32", attention="eager", optimizer="adam", micro_batch_size=7),
        workload(TRAINING, tuning={"method": "lora", "rank": 64}),
        workload(TRAINING, parallelism={"gpus": 4, "data": 4}),
        workload(INFERENCE),
        workload(INFERENCE, runtime="llama.cpp", weight_format="f16", kv_cache_format="fp16", concurrent_sequences=8),
        workload(INFERENCE, runtime="vllm", logits="all", batch_size=4),
        workload(CLASSICAL),
        workload(CLASSICAL, density=0.1, n_jobs=-1, source_format="csv"),
    ],
)
def test_every_change_gives_a_workload_that_differs_in_just_these_fields(one: Workload) -> None:
    rows = [row.changes for row in adjustments_for(one)]
    assert rows
    for changes in rows:
        before, after = dumped(one), dumped(changed(one, changes))
        assert {path.split(".")[0] for path in (change.path for change in changes)} == {key for key in after if after[key] != before[key]}


def test_halving_the_batch_keeps_the_batch_that_the_optimizer_sees() -> None:
    assert offered(TRAINING, micro_batch_size=8, gradient_accumulation_steps=3)["half the batch"] == [
        ("micro_batch_size", 4), ("gradient_accumulation_steps", 6),
    ]  # fmt: skip
    assert offered(TRAINING, micro_batch_size=7)["a batch of 1"] == [("micro_batch_size", 1), ("gradient_accumulation_steps", 7)]
    assert "half the batch" not in offered(TRAINING, micro_batch_size=1)


def test_a_full_training_may_become_one_of_adapters_and_adapters_may_be_quantised() -> None:
    assert offered(TRAINING)["QLoRA: adapters on a 4-bit base"] == [("tuning", {"method": "qlora"})]
    narrowed = offered(TRAINING, tuning={"method": "lora", "rank": 64})
    [(path, value)] = narrowed["QLoRA: adapters on a 4-bit base"]
    assert path == "tuning"
    assert isinstance(value, dict)
    assert (value["method"], value["rank"]) == ("qlora", 64)
    assert "LoRA adapters in place of all weights" not in narrowed
    assert "QLoRA: adapters on a 4-bit base" not in offered(TRAINING, tuning={"method": "qlora"})


def test_what_is_set_already_is_not_offered() -> None:
    small = offered(
        TRAINING, activation_checkpointing="full", optimizer="adamw_8bit", precision="bf16", fused_cross_entropy=True,
        optimizer_implementation="fused", parallelism="auto", micro_batch_size=1, tuning={"method": "qlora"}, sequence_length=256,
        checkpoints={"keep": 1},
    )  # fmt: skip
    assert small == {}


def test_sharding_is_offered_where_data_is_parallel() -> None:
    assert "ZeRO 3: shard weights too" not in offered(TRAINING)
    labels = offered(TRAINING, parallelism={"gpus": 4, "data": 4, "zero_stage": 2})
    assert "ZeRO 2: shard optimizer states and gradients" not in labels
    assert labels["ZeRO 3: shard weights too"] == [("parallelism.zero_stage", 3)]


@pytest.mark.parametrize(
    ("fields", "formats"),
    [
        ({"runtime": "llama.cpp", "weight_format": "q6_k"}, ["q5_k_m", "q4_k_m", "iq4_xs"]),
        ({"runtime": "ollama", "weight_format": "bf16"}, ["q8_0", "q6_k", "q5_k_m"]),
        ({"runtime": "vllm", "weight_format": "bf16"}, ["fp8", "awq_int4"]),
        ({"runtime": "transformers", "weight_format": "fp32"}, ["bf16", "int8", "nf4"]),
        ({"runtime": "transformers", "weight_format": "nf4"}, []),
        ({"runtime": "exllamav2", "weight_format": "exl2"}, []),
    ],
)
def test_weights_are_narrowed_step_by_step_as_the_runtime_can(fields: dict[str, Any], formats: list[str]) -> None:
    rows = offered(INFERENCE, **fields)
    assert [value for changes in rows.values() for path, value in changes if path == "weight_format"] == formats


def test_the_cache_is_narrowed_as_the_runtime_can() -> None:
    def steps(**fields: Any) -> list[object]:
        return [value for changes in offered(INFERENCE, **fields).values() for path, value in changes if path == "kv_cache_format"]

    assert steps(runtime="llama.cpp", kv_cache_format="fp16") == ["q8_0", "q4_0"]
    assert steps(runtime="vllm", kv_cache_format="bf16") == ["fp8"]
    assert steps(runtime="transformers") == []


def test_tables_may_be_narrower_sparse_or_read_in_pieces() -> None:
    assert offered(CLASSICAL)["numbers in 32 bits"] == [("dtype", "float32")]
    assert "a sparse matrix" in offered(CLASSICAL, density=0.05)
    assert "a sparse matrix" not in offered(CLASSICAL, density=0.9)
    reading = offered({**CLASSICAL, "library": "pandas", "algorithm": "read_csv"})
    assert reading["read in chunks of 100,000 rows"] == [("hyperparameters.chunksize", 100_000)]
    boosting = offered(CLASSICAL, algorithm="GradientBoostingClassifier", hyperparameters={"subsample": 0.5})
    assert boosting["the histogram method HistGradientBoostingClassifier"] == [
        ("algorithm", "HistGradientBoostingClassifier"), ("hyperparameters", {}),
    ]  # fmt: skip


def test_each_change_of_a_set_has_its_own_label() -> None:
    for row in adjustments_for(workload(TRAINING)):
        labels = [change.label for change in row.changes]
        assert len(set(labels)) == len(labels)


def test_a_nested_field_is_set_in_its_place() -> None:
    offloaded = changed(workload(TRAINING), (Change(path="parallelism.offload", value="optimizer", label="x"),))
    assert dumped(offloaded)["parallelism"]["offload"] == "optimizer"


@pytest.mark.parametrize(
    "one", [workload(TRAINING), workload(TRAINING, parallelism={"gpus": 4, "data": 4}), workload(INFERENCE), workload(CLASSICAL)]
)
def test_changes_that_go_together_can_be_made_together_and_those_of_one_kind_do_not_go_together(one: Workload) -> None:
    for first, second in combinations(adjustments_for(one), 2):
        both = [*first.changes, *second.changes]
        fields = {change.path.split(".")[0] for change in both}
        if first.goes_with(second):
            before, after = dumped(one), dumped(changed(one, both))
            assert {key for key in after if after[key] != before[key]} == fields
        else:
            assert len(fields) < len(both)


def test_two_formats_of_the_weights_exclude_each_other_and_a_format_of_the_cache_does_not() -> None:
    rows = {row.changes[0].label: row for row in adjustments_for(workload(INFERENCE, runtime="llama.cpp", weight_format="q8_0"))}
    six, five, cache = rows["weights in q6_k"], rows["weights in q5_k_m"], rows["half the context"]
    assert not six.goes_with(five)
    assert six.goes_with(cache)
    assert six.harm < five.harm < cache.harm
