"""Networks for images by their timm names: published parameter counts, and how memory moves with batch, size and settings."""

from typing import Any

import pytest

from app.architectures.network import Inputs
from app.architectures.readers.timm_models import BUILDERS
from app.errors import InvalidInput
from app.tape import adapters
from tests.architectures.image_runs import preset, run_once, trained

# Published by timm (results/model_metadata-in1k.csv), in millions; the first few exactly.
EXACT = {
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "vgg16": 138_357_544,
    "vit_base_patch16_224": 86_567_656,
    "densenet121": 7_978_856,
    "efficientnet_b0": 5_288_548,
    "mobilenetv2_100": 3_504_872,
    "mobilenetv3_large_100": 5_483_032,
    "swin_tiny_patch4_window7_224": 28_288_354,
    "convnext_tiny": 28_589_128,
}
MILLIONS = {
    "resnet152": 60.19, "resnext50_32x4d": 25.03, "wide_resnet50_2": 68.88, "seresnet50": 28.09, "densenet161": 28.68, "vgg19_bn": 143.68,
    "vit_large_patch16_224": 304.33, "deit_small_patch16_224": 22.05, "efficientnet_b7": 66.35, "tf_efficientnetv2_s": 21.46,
    "regnety_032": 19.44, "convnext_large": 197.77, "convnextv2_tiny": 28.64, "swin_base_patch4_window7_224": 87.77,
    "mixer_b16_224": 59.88,
}  # fmt: skip
FAMILIES = (
    "resnet18", "resnet50d", "vgg11_bn", "densenet121", "mobilenetv2_100", "mobilenetv3_small_100", "efficientnet_b0", "convnext_atto",
    "regnety_002", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "mixer_s16_224", "unet",
)  # fmt: skip
CHECKPOINTED = ("resnet50", "densenet121", "efficientnet_b0", "convnext_tiny", "regnety_016", "vit_small_patch16_224")
GENERIC = {"unet", "lstm", "mlp"}


def batch(size: int, **sizes: Any) -> Inputs:
    return Inputs(batch=size, **sizes)


@pytest.mark.parametrize("name", EXACT)
def test_parameters_are_those_that_timm_counts(name: str) -> None:
    assert preset(name).parameter_count() == EXACT[name]


@pytest.mark.parametrize("name", MILLIONS)
def test_parameters_round_to_the_published_millions(name: str) -> None:
    assert round(preset(name).parameter_count() / 1e6, 2) == MILLIONS[name]


@pytest.mark.parametrize("name", sorted(BUILDERS.keys() - GENERIC))
def test_every_name_can_be_run(name: str) -> None:
    network = preset(name)
    trace = run_once(network, batch(2))
    assert trace.peak_bytes > 2 * network.parameter_count()


@pytest.mark.parametrize("name", FAMILIES)
def test_activations_grow_with_the_batch_alone(name: str) -> None:
    one, two, three = (trained(preset(name), batch(size)).peak_bytes for size in (24, 48, 72))
    assert one < two < three
    assert three - two == pytest.approx(two - one, rel=0.1)


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "convnext_atto", "efficientnet_b0", "unet"])
def test_twice_the_side_takes_about_four_times_the_activations(name: str) -> None:
    small, large = (run_once(preset(name), batch(32, image=(side, side))) for side in (128, 256))
    assert (large.peak_bytes - small.peak_bytes) / small.peak_bytes > 1


@pytest.mark.parametrize("name", CHECKPOINTED)
def test_checkpointing_saves_memory_and_costs_work(name: str) -> None:
    plain, checkpointed = (trained(preset(name, checkpointed=on), batch(64)) for on in (False, True))
    assert checkpointed.peak_bytes < plain.peak_bytes
    assert sum(w.flops for w in checkpointed.work.values()) > sum(w.flops for w in plain.work.values())


@pytest.mark.parametrize("name", ["resnet50", "vit_small_patch16_224", "efficientnet_b0", "swin_tiny_patch4_window7_224", "vgg11"])
def test_training_only_the_head_takes_less(name: str) -> None:
    whole, head = preset(name), preset(name)
    adapters.train_head_only(head)
    assert trained(head, batch(32)).peak_bytes < 0.6 * trained(whole, batch(32)).peak_bytes


def test_the_tag_of_pretrained_weights_and_the_hub_prefix_are_left_out() -> None:
    assert preset("timm/resnet50.a1_in1k").parameter_count() == EXACT["resnet50"]


def test_classes_and_channels_can_be_changed() -> None:
    few = preset("resnet18", {"num_classes": 10, "in_chans": 1})
    assert few.parameter_count() == EXACT["resnet18"] - 990 * 513 - 2 * 64 * 49


def test_a_network_without_given_size_takes_its_own() -> None:
    assert preset("swin_base_patch4_window12_384").default_image == (384, 384)
    assert run_once(preset("swin_base_patch4_window12_384"), batch(1)).peak_bytes > 0


@pytest.mark.parametrize(
    ("name", "options", "path"),
    [
        ("resnet18", {"colour": 1}, "model.options.colour"),
        ("resnet18", {"num_classes": 0}, "model.options.num_classes"),
        ("resnet18", {"num_classes": True}, "model.options.num_classes"),
        ("resnet18", {"in_chans": 10**9}, "model.options.in_chans"),
        ("vgg16", {"in_chans": "3"}, "model.options.in_chans"),
    ],
)
def test_an_option_that_does_not_fit_is_named(name: str, options: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        preset(name, options)
    assert refused.value.errors[0].path == path


@pytest.mark.parametrize(
    ("name", "image"),
    [("vit_base_patch16_224", (225, 224)), ("swin_tiny_patch4_window7_224", (256, 256)), ("mixer_b16_224", (256, 256)), ("vgg16", (8, 8))],
)
def test_an_image_that_does_not_fit_is_refused(name: str, image: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput) as refused:
        run_once(preset(name), batch(1, image=image))
    assert refused.value.errors[0].path == "image_size"
