"""Networks written as lists of layers: published parameter counts, shapes that fit, and sentences that name the layer at fault."""

from typing import Any

import pytest

from app.architectures.network import Inputs, Network, Options
from app.architectures.readers.layer_list import build
from app.architectures.readers.layer_types import TYPES
from app.errors import InvalidInput
from app.tape.trace import TrainingRun, trace_training

Layer = dict[str, Any]


def network(shape: list[int], *layers: Layer) -> Network:
    return build(shape, layers, Options())


def layer(kind: str, **settings: Any) -> Layer:
    return {"type": kind, **settings}


def after(name: str, kind: str, **settings: Any) -> Layer:
    return {"type": kind, "from": name, **settings}


LENET = (
    layer("conv2d", out=6, kernel=5, padding=2, activation="tanh"), layer("avg_pool2d"),
    layer("conv2d", out=16, kernel=5, activation="tanh"), layer("avg_pool2d"),
    layer("flatten"), layer("dense", out=120), layer("tanh"), layer("dense", out=84), layer("tanh"), layer("dense", out=10),
)  # fmt: skip

ALEXNET = (
    layer("Conv2d", out=64, kernel=11, stride=4, padding=2), layer("ReLU"), layer("MaxPool2d", kernel=3, stride=2),
    layer("Conv2d", out=192, kernel=5, padding=2), layer("ReLU"), layer("MaxPool2d", kernel=3, stride=2),
    layer("Conv2d", out=384, kernel=3, padding=1), layer("ReLU"),
    layer("Conv2d", out=256, kernel=3, padding=1), layer("ReLU"),
    layer("Conv2d", out=256, kernel=3, padding=1), layer("ReLU"), layer("MaxPool2d", kernel=3, stride=2),
    layer("Flatten"), layer("Dropout"), layer("Linear", out=4096), layer("ReLU"), layer("Dropout"), layer("Linear", out=4096),
    layer("ReLU"), layer("Linear", out=1000),
)  # fmt: skip


def vgg16() -> list[Layer]:
    layers: list[Layer] = []
    for widths in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        layers += [layer("conv2d", out=width, kernel=3, padding="same", activation="relu") for width in widths]
        layers.append(layer("max_pool2d"))
    dense = (layer("dense", out=width, activation=name) for width, name in ((4096, "relu"), (4096, "relu"), (1000, "softmax")))
    return [*layers, layer("flatten"), *dense]


def test_published_networks_have_their_published_parameter_counts() -> None:
    assert network([1, 28, 28], *LENET).parameter_count() == 61_706
    assert network([3, 224, 224], *ALEXNET).parameter_count() == 61_100_840
    assert network([3, 224, 224], *vgg16()).parameter_count() == 138_357_544


def test_a_text_classifier_reads_token_indices() -> None:
    words = network(
        [200], layer("embedding", count=20_000, size=128), layer("lstm", units=64, bidirectional=True, sequences=False),
        layer("dense", out=1, activation="sigmoid"),
    )  # fmt: skip
    lstm = 2 * 4 * 64 * (128 + 64 + 2)
    assert words.parameter_count() == 20_000 * 128 + lstm + 129


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ([3, 32, 32], [layer("conv2d", out=8, kernel=3, padding=1, name="a"), layer("conv2d", out=8, kernel=1), after("a", "add")]),
        ([3, 32, 32], [layer("conv2d", out=8, kernel=3, padding=1), after("input", "concat"), layer("conv2d", out=11, kernel=1)]),
        ([3, 33, 33], [layer("conv2d", out=8, kernel=[3, 5], stride=2, padding="same"), layer("deconv2d", out=3, kernel=2, stride=2)]),
        ([1, 8, 9, 9], [layer("conv3d", out=4, kernel=2), layer("batch_norm"), layer("avg_pool3d"), layer("flatten"), layer("fc", out=2)]),
        ([8, 64], [layer("conv1d", out=16, kernel=3, padding="same", dilation=2), layer("transpose"), layer("gru", hidden=4, layers=2)]),
        ([64, 32], [layer("attention", heads=4, name="a"), after("input", "add"), layer("layer_norm"), layer("global_avg_pool")]),
        ([16, 4, 4], [layer("group_norm", groups=4), layer("silu"), layer("upsample", factor=2), layer("adaptive_avg_pool2d", out=2)]),
    ],
    ids=["residual", "dense connection", "same padding", "volumes", "sequences", "attention", "norms and resizing"],
)  # fmt: skip
def test_layers_that_fit_together_can_be_trained(shape: list[int], layers: list[Layer]) -> None:
    assert peak(network(shape, *layers), batch=64) > peak(network(shape, *layers), batch=2)


def peak(made: Network, batch: int) -> int:
    trace = trace_training(made, lambda tape: made.loss(tape, Inputs(batch=batch, sequence=1)), TrainingRun(precision="fp32"))
    return max(moment.total_bytes for moment in trace.moments)


@pytest.mark.parametrize(
    ("shape", "layers", "path", "sentence"),
    [
        ([784], [layer("dense", out=10), layer("densee", out=10)], "model.layers.1.type", "'densee' is not a known layer"),
        ([784], [{"out": 10}], "model.layers.0.type", "'' is not a known layer"),
        ([3, 8, 8], [layer("conv2d", out=8)], "model.layers.0.kernel", "must be 2 whole numbers"),
        ([3, 8, 8], [layer("conv2d", out=0, kernel=3)], "model.layers.0.out", "whole number from 1"),
        ([3, 8, 8], [layer("conv2d", out=8, kernel=9)], "model.layers.0.kernel", "reaches over its input"),
        ([3, 8, 8], [layer("conv2d", out=8, kernel=3, groups=2)], "model.layers.0.groups", "do not divide"),
        ([3, 8, 8], [layer("conv2d", out=8, kernel=3, colour=1)], "model.layers.0.colour", "is not a setting of conv2d"),
        ([3, 8, 8], [layer("dense", out=8)], "model.layers.0", "put a flatten layer before it"),
        ([784], [layer("conv1d", out=8, kernel=3)], "model.layers.0", "needs an input of channels and length"),
        ([784], [layer("lstm", hidden=8)], "model.layers.0", "needs an input of length and features"),
        ([784], [layer("add")], "model.layers.0.from", "name the layers whose outputs come together"),
        ([784], [layer("dense", out=3), after("input", "add")], "model.layers.1", "do not go together"),
        ([784], [layer("dense", out=3, **{"from": 0})], "model.layers.0.from", "not the name or number of an earlier layer"),
        ([784], [layer("activation", name="swoosh")], "model.layers.0.name", "must be one of"),
        ([784], [layer("identity")], "model.layers", "nothing is computed"),
    ],
)  # fmt: skip
def test_an_error_names_the_layer(shape: list[int], layers: list[Layer], path: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        network(shape, *layers)
    assert refused.value.errors[0].path == path
    assert sentence in refused.value.errors[0].message


@pytest.mark.parametrize("kind", sorted(TYPES))
@pytest.mark.parametrize("value", [None, -1, 2**70, "x", [], {"a": 1}, True, 1.5])
def test_hostile_settings_are_refused_or_read(kind: str, value: Any) -> None:
    settings = dict.fromkeys(("out", "kernel", "stride", "padding", "groups", "heads", "count", "size", "factor", "from", "name"), value)
    for shape in ([7], [7, 8], [7, 8, 9]):
        with pytest.raises(InvalidInput):
            network(shape, {"type": kind, **settings})
