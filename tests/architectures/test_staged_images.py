"""transformers' image networks that work in stages, and the heads of its image encoders: parameters, memory and what is refused."""

from typing import Any

import pytest

from app.architectures.library import all_models
from app.architectures.network import Inputs
from app.architectures.readers import mobile_images, staged_images
from app.architectures.readers.likeness import Unmodelled
from app.errors import InvalidInput
from tests.architectures.image_runs import configured, run_once, trained

# Counted in transformers 5.23 with each configuration's own defaults and 1,000 labels.
PARAMETERS = {
    "convnext": 28_589_128, "convnextv2": 28_635_496, "resnet": 25_557_032, "regnet": 20_646_656, "swin": 28_288_354, "swinv2": 28_347_154,
    "segformer": 3_576_392, "mobilenet_v2": 3_504_872, "efficientnet": 66_347_960,
}  # fmt: skip
CLASSIFIERS = {
    "convnext": "ConvNextForImageClassification",
    "convnextv2": "ConvNextV2ForImageClassification",
    "resnet": "ResNetForImageClassification",
    "regnet": "RegNetForImageClassification",
    "swin": "SwinForImageClassification",
    "swinv2": "Swinv2ForImageClassification",
    "segformer": "SegformerForImageClassification",
    "mobilenet_v2": "MobileNetV2ForImageClassification",
    "efficientnet": "EfficientNetForImageClassification",
}
BUILDERS = {**staged_images.BUILDERS, **mobile_images.BUILDERS}
CHECKPOINTED = ("swin", "swinv2", "segformer")


def network(kind: str, changes: dict[str, Any] | None = None, **options: Any) -> Any:
    return configured({"model_type": kind, "architectures": [CLASSIFIERS[kind]], "num_labels": 1000}, changes, **options)


@pytest.mark.parametrize("kind", BUILDERS)
def test_the_parameters_are_those_that_transformers_counts(kind: str) -> None:
    assert network(kind).parameter_count() == PARAMETERS[kind]


@pytest.mark.parametrize("entry", [e for e in all_models() if e.config.get("model_type") in BUILDERS], ids=lambda e: e.id)
def test_a_library_model_has_exactly_its_parameters(entry: Any) -> None:
    assert configured(entry.config).parameter_count() == entry.parameters


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_batch_twice_as_large_takes_at_most_twice_as_much(kind: str) -> None:
    small, large = (trained(network(kind), Inputs(batch=batch)).saved_activations for batch in (2, 4))
    assert 1.9 * small < large <= 2 * small


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_forward_pass_holds_the_weights_and_less_than_a_training_step(kind: str) -> None:
    built = network(kind)
    inputs = Inputs(batch=2)
    assert 2 * built.parameter_count() < run_once(built, inputs).peak_bytes < trained(built, inputs).peak_bytes


@pytest.mark.parametrize("kind", BUILDERS)
def test_without_a_classifier_only_its_parameters_are_missing(kind: str) -> None:
    with_one, widest = network(kind), max(network(kind).widths())
    without = network(kind, {"architectures": []})
    assert 0 < with_one.parameter_count() - without.parameter_count() <= 1000 * (widest + 1)


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        ("convnext", {"depths": [3, 3]}, "model.config.depths"),
        ("resnet", {"depths": [1000, 1000, 1000, 1000]}, "model.config.depths"),
        ("regnet", {"layer_type": "z"}, "model.config.layer_type"),
        ("resnet", {"hidden_sizes": [10**7] * 4}, "model.config.hidden_sizes"),
        ("swin", {"num_heads": [3, 6]}, "model.config.num_heads"),
        ("swin", {"mlp_ratio": 0}, "model.config.mlp_ratio"),
        ("swinv2", {"embed_dim": 100}, "model.config.embed_dim"),
        ("swinv2", {"use_absolute_embeddings": True}, "model.config.use_absolute_embeddings"),
        ("segformer", {"sr_ratios": [8, 4]}, "model.config.sr_ratios"),
        ("efficientnet", {"strides": [1, 2]}, "model.config.strides"),
        ("efficientnet", {"depth_coefficient": 60, "num_block_repeats": [100] * 7}, "model.config.num_block_repeats"),
        ("mobilenet_v2", {"depth_multiplier": "wide"}, "model.config.depth_multiplier"),
        ("convnextv2", {"hidden_act": "none such"}, "model.config.hidden_act"),
    ],
)
def test_a_configuration_that_cannot_be_built_is_refused_by_its_field(kind: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        network(kind, changes)
    assert refused.value.errors[0].path == field


@pytest.mark.parametrize("kind", CHECKPOINTED)
def test_checkpointing_keeps_less(kind: str) -> None:
    kept, recomputed = (trained(network(kind, checkpointed=choice), Inputs(batch=2)) for choice in (False, True))
    assert recomputed.saved_activations < kept.saved_activations
    assert recomputed.flops > kept.flops


def test_a_segmentation_decoder_scores_every_pixel_in_training() -> None:
    segments = {"architectures": ["SegformerForSemanticSegmentation"], "num_labels": 150}
    small, large = (trained(network("segformer", segments), Inputs(batch=1, image=(side, side))).peak_bytes for side in (256, 512))
    pixels = 512 * 512 - 256 * 256
    assert network("segformer", segments).parameter_count() == 3_752_694, "published with the checkpoint"
    assert large - small > 4 * 150 * pixels


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_head_that_is_not_known_is_not_left_out(kind: str) -> None:
    with pytest.raises(Unmodelled):
        network(kind, {"architectures": ["SomethingForObjectDetection"]})


@pytest.mark.parametrize("kind", BUILDERS.keys() - set(CHECKPOINTED))
def test_checkpointing_is_refused_where_transformers_has_none(kind: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        network(kind, checkpointed=True)
    assert refused.value.errors[0].path == "activation_checkpointing"
