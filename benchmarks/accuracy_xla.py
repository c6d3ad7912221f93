"""Estimated against measured training steps of TensorFlow, Keras and JAX: `python -m benchmarks.accuracy_xla` prints the table."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.errors import RigwiseError
from app.estimation.service import estimate
from app.units import format_binary
from app.workloads import parse_workload
from benchmarks.accuracy import Row, quantile
from benchmarks.measured_cases import GROUND_TRUTH, Case

RESULTS = Path(__file__).parent / "results"
FRAMEWORKS: dict[str, dict[str, Any]] = {
    "jax": {"framework": "jax"},
    "keras-jax": {"framework": "keras"},
    "tensorflow-graph": {"framework": "tensorflow"},
    "tensorflow-xla": {"framework": "tensorflow", "compile": True},
}  # eager TensorFlow is no choice of the form; its cases are scored in tests/tape
PRECISIONS = {"float32": "fp32", "mixed_bfloat16": "amp_bf16", "mixed_float16": "amp_fp16", "bfloat16": "bf16"}
VIT_SIZES = {(192, 12): "tiny", (384, 12): "small", (768, 12): "base", (1024, 24): "large"}
NO_DROPOUT = {"embd_pdrop": 0.0, "resid_pdrop": 0.0, "attn_pdrop": 0.0}
APPLICATIONS = {"ResNet50": "resnet50", "ResNet101": "resnet101", "ResNet152": "resnet152", "VGG16": "vgg16", "VGG19": "vgg19",
                "DenseNet121": "densenet121", "DenseNet169": "densenet169", "DenseNet201": "densenet201"}  # fmt: skip


def xla_cases() -> Iterator[Case]:
    """Every training step recorded in tests/ground_truth/xla_memory*.json."""
    for path in sorted(GROUND_TRUTH.glob("xla_memory*.json")):
        yield from (case for case in json.loads(path.read_text(encoding="utf-8"))["cases"] if case["workload"]["task"] == "train")


def document(case: Case) -> dict[str, Any]:
    """The workload document of a measured step; raises KeyError where the form has no such network or framework."""
    work, network = case["workload"], case["network"]
    sizes = {"sequence_length": network["seq"]} if "seq" in network else {}
    if "image" in network:
        sizes["image_size"] = [network["image"]] * 2
    return {
        "kind": "training", "model": MODELS[network["kind"]](case), **FRAMEWORKS[case["framework"]],
        "precision": PRECISIONS[work["precision"]], "micro_batch_size": work["batch"], "optimizer": work["optimizer"], **sizes,
        "activation_checkpointing": {"none": "none", "full": "full"}[work["checkpointing"]],
    }  # fmt: skip


def _transformer(case: Case) -> dict[str, Any]:
    """Pre-norm blocks with an untied head are GPT-2's, whether a mask is put on the scores or not."""
    network = case["network"]
    if network.get("head") == "cls":
        return _classifier(network)
    activation = "gelu_new" if case["framework"] == "jax" else "gelu"
    return {
        "config": {
            "model_type": "gpt2", "n_embd": network["width"], "n_layer": network["layers"], "n_head": network["heads"],
            "n_inner": network["ffn"], "n_positions": network["seq"], "vocab_size": network["vocab"], "tie_word_embeddings": False,
            "activation_function": activation, **NO_DROPOUT,
        }
    }  # fmt: skip


def _classifier(network: dict[str, Any]) -> dict[str, Any]:
    """The nearest encoder with a class head: norms after the sums, and a pooler of width x width more."""
    return {
        "config": {
            "model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_size": network["width"],
            "num_hidden_layers": network["layers"], "num_attention_heads": network["heads"], "intermediate_size": network["ffn"],
            "vocab_size": network["vocab"], "max_position_embeddings": network["seq"], "hidden_act": "gelu_new",
            "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
        }
    }  # fmt: skip


def _generic(preset: str, *names: tuple[str, str], **fixed: Any) -> Any:
    return lambda case: {"preset": preset, "options": {**{ours: case["network"][theirs] for ours, theirs in names}, **fixed}}


def _vision_transformer(case: Case) -> dict[str, Any]:
    """The nearest one: a class token in the place of the mean over the patches."""
    network = case["network"]
    return {"preset": f"vit_{VIT_SIZES[network['width'], network['layers']]}_patch{network['patch']}_{network['image']}"}


MODELS = {
    "mlp": _generic("mlp", ("inputs", "inputs"), ("hidden", "hidden"), ("classes", "classes")),
    "rnn": _generic(
        "lstm", ("vocabulary", "vocab"), ("embedding_size", "width"), ("hidden_size", "width"), ("layers", "layers"), dropout=0.0
    ),
    "unet": _generic("unet", ("base_channels", "base"), ("depth", "depth"), ("classes", "classes")),
    "transformer_decoder": _transformer,
    "transformer_encoder": _transformer,
    "keras.applications": lambda case: {"preset": APPLICATIONS[case["network"]["name"]]},
    "vit": _vision_transformer,
    "resnet": lambda case: {"preset": f"resnet{case['network']['depth']}"},
}


def score(case: Case) -> Row | None:
    """One measured step beside its estimate; None where the form cannot describe it."""
    try:
        found = estimate(parse_workload(document(case)))
    except (KeyError, RigwiseError):
        return None
    memory, measured = found.gpu_memory, case["measured"]["peak_bytes"]
    assert memory is not None  # noqa: S101 - every measured step is estimated for a GPU
    slack = memory.required_bytes - memory.peak_allocated_bytes
    low, high = memory.interval.low_bytes - slack, memory.interval.high_bytes - slack
    return {
        "id": case["id"], "framework": case["framework"], "measured_bytes": measured, "estimated_bytes": memory.peak_allocated_bytes,
        "error": memory.peak_allocated_bytes / measured - 1, "covered": low <= measured <= high,
        "parameters_off": found.parameters.total / case["parameters"] - 1,
    }  # fmt: skip


def main() -> None:
    """Scores every recorded step that the form can describe."""
    rows = []
    for case in xla_cases():
        row = score(case)
        if row is None:
            print(f"{'':34s}not described by the form: {case['id']}")
            continue
        rows.append(row)
        sizes = f"{format_binary(row['measured_bytes']):>10s} {format_binary(row['estimated_bytes']):>10s}"
        print(f"{sizes} {100 * row['error']:+7.2f} % {'' if row['covered'] else 'outside'} {row['id']}")
    errors = [abs(row["error"]) for row in rows]
    print(f"{len(rows)} steps, median {100 * statistics.median(errors):.1f} %, 90th percentile {100 * quantile(errors, 0.9):.1f} %")
    (RESULTS / "xla.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
