"""Adapters reach linear layers under the names that transformers gives them."""

import json

import pytest

from app.architectures.build import build_from_config
from app.architectures.network import Network, Options
from app.tape.adapters import add_adapters
from app.tape.dtypes import BF16
from app.tape.layer_names import HEADS
from benchmarks.measured_cases import GROUND_TRUTH, torch_cases

REFERENCE = json.loads((GROUND_TRUTH / "linear_layers.json").read_text(encoding="utf-8"))["names"]
# The first measured run of each class is the one whose layers are listed; the runs drawn at random have other sizes.
RUNS = [case["model"] for case in torch_cases() if case["model"]["source"] == "transformers" and not case["id"].startswith("mixed")]
CONFIGS = {model["model_class"]: model["config"] for model in reversed(RUNS)}

# Layers of the reference that are one matrix here: those that choose experts, and heads of classifiers.
BESIDE = {*HEADS, "router", "wg", "pre_classifier", "cls_classifier"}
HEAD_OUTPUTS = {"RobertaForSequenceClassification": {"out_proj"}, "ElectraForSequenceClassification": {"out_proj"}}


def adapted(network: Network, target: str) -> int:
    """How many layers are adapted under this name."""
    return add_adapters(network, [target], rank=8, dropout=0.0, dtype=BF16, names=network.layer_names)


@pytest.mark.parametrize("model_class", sorted(REFERENCE))
def test_linear_layers_answer_to_the_names_of_transformers(model_class: str) -> None:
    network = build_from_config({**CONFIGS[model_class], "architectures": [model_class]}, Options())
    fused = {layer for layers in network.layer_names.fused.values() for layer in layers}
    names = set(REFERENCE[model_class]) - BESIDE - HEAD_OUTPUTS.get(model_class, set()) - fused
    assert [name for name in sorted(names) if name.isidentifier() and not adapted(network, name)] == []


@pytest.mark.parametrize("target", ["to_q", "to_out.0", "ff.net.0.proj", "net.2"])
def test_linear_layers_answer_to_the_names_of_diffusers(target: str) -> None:
    config = next(c["model"]["config"] for c in torch_cases() if c["model"].get("model_class") == "UNet2DConditionModel")
    assert adapted(build_from_config({**config, "_class_name": "UNet2DConditionModel"}, Options()), target)


def test_an_expert_adapted_in_part_is_refused_by_name() -> None:
    network = build_from_config({**CONFIGS["MixtralForCausalLM"], "architectures": ["MixtralForCausalLM"]}, Options())
    with pytest.raises(ValueError, match="w1 and w3 are one weight"):
        adapted(network, "w1")
