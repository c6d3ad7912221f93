"""YOLO detectors: sizes as published, and what the head and the picture change."""

import pytest

from app.architectures.build import build_network
from app.architectures.network import Inputs, Network, Options
from app.errors import InvalidInput
from app.tape.trace import Trace, TrainingRun, trace_training
from app.workloads.model import PresetModel

# ultralytics 8.4, cfg/models/v8/yolov8.yaml and cfg/models/11/yolo11.yaml: parameters of each scale before layers are fused.
PUBLISHED = {
    "yolov8n": 3_157_200, "yolov8s": 11_166_560, "yolov8m": 25_902_640, "yolov8l": 43_691_520, "yolov8x": 68_229_648,
    "yolo11n": 2_624_080, "yolo11s": 9_458_752, "yolo11m": 20_114_688, "yolo11l": 25_372_160, "yolo11x": 56_966_176,
}  # fmt: skip


def built(name: str, **options: int) -> Network:
    return build_network(PresetModel(preset=name, options=options), Options())


def stepped(network: Network, batch: int, side: int) -> Trace:
    inputs = Inputs(batch=batch, image=(side, side))
    return trace_training(network, lambda tape: network.loss(tape, inputs), TrainingRun(precision="amp_fp16"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_the_published_ones(name: str) -> None:
    assert built(name).parameter_count() == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_step_trains_all_weights_but_the_fixed_distances(name: str) -> None:
    trace = stepped(built(name), 1, 320)
    assert trace.parameters - trace.trainable == 16


def test_four_times_the_places_keep_four_times_as_much() -> None:
    small, large = (stepped(built("yolo11n"), 2, side).saved_activations for side in (320, 640))
    assert large == pytest.approx(4 * small, rel=0.1)  # attention over the places of the coarsest map grows faster


def test_fewer_classes_shrink_the_head_alone() -> None:
    whole, few = built("yolov8m"), built("yolov8m", num_classes=1)
    assert 0 < whole.parameter_count() - few.parameter_count() < 100_000


def test_a_picture_that_the_coarsest_map_does_not_divide_is_refused() -> None:
    with pytest.raises(InvalidInput, match="multiples of 32"):
        stepped(built("yolov8n"), 1, 650)
