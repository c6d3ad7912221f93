"""TensorFlow, Keras and JAX: estimates beside measured steps, and what is said about them."""

import statistics
from typing import Any

import pytest

from app.estimation.frameworks import execution_rule
from app.estimation.training import TracedTraining
from app.placement import Sharding
from app.tape.frameworks import EAGER_PYTORCH, JAX, KERAS_XLA, TENSORFLOW_GRAPH
from app.workloads import parse_workload
from benchmarks.accuracy_xla import score, xla_cases

GPT2 = {"model_type": "gpt2", "n_layer": 2, "n_embd": 256, "n_head": 4, "vocab_size": 1000, "n_positions": 256}
RESNET = {"preset": "resnet18"}

COMPILED_FOR_A_GPU = [case for case in xla_cases() if case["method"] == "xla_gpu_aot"]
GRAPHS = [case for case in xla_cases() if case["framework"] == "tensorflow-graph"]


def traced(framework: str, **changes: Any) -> TracedTraining:
    document = {"kind": "training", "model": {"config": GPT2}, "framework": framework, "sequence_length": 256, **changes}
    return TracedTraining(parse_workload(document))  # type: ignore[arg-type]


def codes(job: TracedTraining) -> set[str]:
    return {finding.code for finding in job.findings(Sharding())}


def test_steps_that_xla_compiled_for_a_gpu_are_met() -> None:
    rows = [row for case in COMPILED_FOR_A_GPU if (row := score(case))]
    assert len(rows) >= 15
    assert statistics.median(abs(row["error"]) for row in rows) < 0.04
    assert max(abs(row["error"]) for row in rows) < 0.10
    assert all(row["covered"] for row in rows)


def test_steps_of_tensorflows_graph_are_met() -> None:
    rows = [row for case in GRAPHS if (row := score(case)) and case["network"]["kind"] != "rnn"]
    assert len(rows) >= 7
    assert statistics.median(abs(row["error"]) for row in rows) < 0.06
    assert statistics.mean(row["covered"] for row in rows) > 0.8


def test_parameters_of_networks_that_the_form_describes_exactly_are_exact() -> None:
    for case in COMPILED_FOR_A_GPU:
        if case["network"]["kind"] in ("mlp", "transformer_decoder"):
            row = score(case)
            assert row is not None
            assert row["parameters_off"] == 0


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"framework": "pytorch"}, EAGER_PYTORCH),
        ({"framework": "tensorflow"}, TENSORFLOW_GRAPH),
        ({"framework": "tensorflow", "compile": True}, KERAS_XLA),
        ({"framework": "keras"}, KERAS_XLA),
        ({"framework": "keras", "device": "cpu"}, TENSORFLOW_GRAPH),
        ({"framework": "jax"}, JAX),
    ],
)
def test_each_framework_has_its_rule(changes: dict[str, Any], rule: object) -> None:
    assert execution_rule(traced(**changes).workload) is rule


def test_the_ledger_of_every_framework_sums_to_its_need() -> None:
    for framework in ("tensorflow", "keras", "jax"):
        memory = traced(framework).gpu_memory(Sharding())
        assert sum(term.bytes for term in memory.ledger.terms) == memory.required_bytes
        assert memory.interval.low_bytes < memory.required_bytes < memory.interval.high_bytes


def test_what_nvidia_smi_will_show_is_said() -> None:
    for framework in ("tensorflow", "keras", "jax"):
        assert "memory_preallocated" in codes(traced(framework))
        assert "memory_preallocated" not in codes(traced(framework, device="cpu"))
    assert "memory_preallocated" not in codes(traced("pytorch"))


def test_only_a_graph_is_compared_with_running_eagerly() -> None:
    assert "eager_needs_more" in codes(traced("tensorflow"))
    assert not {"eager_needs_more"} & (codes(traced("jax")) | codes(traced("tensorflow", compile=True)) | codes(traced("pytorch")))


def test_attention_is_written_out_unless_a_fused_kernel_is_named() -> None:
    plain, flash = (traced("jax", attention=attention, micro_batch_size=32) for attention in ("sdpa", "flash"))
    assert "plain_attention" in codes(plain)
    assert "plain_attention" not in codes(flash)
    assert plain.trace.peak_bytes > 1.2 * flash.trace.peak_bytes


def test_networks_without_attention_are_told_nothing_about_it() -> None:
    assert "plain_attention" not in codes(traced("jax", model=RESNET))


def test_selective_checkpointing_drops_the_scores() -> None:
    kept, selective = (traced("keras", activation_checkpointing=kind, micro_batch_size=32) for kind in ("none", "selective"))
    assert selective.trace.peak_bytes < kept.trace.peak_bytes
    assert "selective_is_free" not in codes(selective)
