"""Detectors that predict a set of boxes, and BEiT: what changes their memory, and what is refused."""

from typing import Any

import pytest

from app.architectures.network import Inputs
from app.architectures.readers.likeness import Unmodelled
from app.errors import InvalidInput
from tests.architectures.image_runs import configured, preset, run_once, trained

DETR = {"model_type": "detr", "encoder_layers": 2, "decoder_layers": 2, "num_labels": 20}
PICTURE = Inputs(batch=2, image=(256, 320))


def detr(**changes: Any) -> Any:
    return configured(DETR, changes)


def test_four_times_the_pixels_keep_about_four_times_as_much() -> None:
    small, large = (trained(detr(), Inputs(batch=2, image=(side, side))).saved_activations for side in (256, 512))
    assert 3.6 * small < large < 4.4 * small


def test_a_deeper_backbone_has_more_parameters_and_keeps_more() -> None:
    shallow, deep = detr(), detr(backbone="resnet101")
    assert deep.parameter_count() - shallow.parameter_count() == 17 * (2 * 1024 * 256 + 9 * 256 * 256), "17 more bottlenecks, norms fixed"
    assert trained(deep, PICTURE).saved_activations > trained(shallow, PICTURE).saved_activations


def test_a_loss_for_every_decoder_layer_raises_no_parameter_and_keeps_more() -> None:
    one, each = detr(num_queries=900), detr(num_queries=900, auxiliary_loss=True)
    assert one.parameter_count() == each.parameter_count()
    assert trained(each, PICTURE).saved_activations > trained(one, PICTURE).saved_activations


def test_a_forward_pass_takes_less_than_a_step() -> None:
    assert run_once(detr(), PICTURE).peak_bytes < trained(detr(), PICTURE).peak_bytes


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "mobilenetv3_small_100"},
        {"backbone_config": {"model_type": "resnet"}},
        {"dilation": True},
        {"architectures": ["DetrForSegmentation"]},
    ],
)
def test_a_backbone_or_a_head_that_is_not_known_is_not_taken_for_another(changes: dict[str, Any]) -> None:
    with pytest.raises(Unmodelled):
        detr(**changes)


def test_a_picture_that_the_backbone_shrinks_to_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 32 pixels"):
        trained(detr(), Inputs(batch=1, image=(16, 640)))


def test_timms_beit_is_laid_out_for_one_size_and_says_so() -> None:
    with pytest.raises(InvalidInput, match="img_size"):
        trained(preset("beit_base_patch16_224"), Inputs(batch=1, image=(384, 384)))
    assert preset("beit_base_patch16_224", {"img_size": 384}).parameter_count() == preset("beit_base_patch16_384").parameter_count()


def test_relative_positions_cost_a_row_for_every_distance_in_every_layer() -> None:
    beit = {"model_type": "beit", "num_hidden_layers": 3, "num_labels": 10}
    plain, own = (configured(beit, {"use_relative_position_bias": choice}) for choice in (False, True))
    assert own.parameter_count() - plain.parameter_count() == 3 * 12 * (27 * 27 + 3)
