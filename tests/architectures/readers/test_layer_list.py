"""Networks as lists of layers, as tutorials show them."""

from typing import Any

import pytest

from app.architectures.network import Inputs, Options
from app.architectures.readers import layer_list
from app.errors import InvalidInput
from app.estimation.service import estimate_document
from app.tape.trace import TrainingRun, trace_training

# The convolutional network of PyTorch's CIFAR-10 tutorial: 62,006 parameters.
CIFAR = [
    {"type": "conv2d", "out": 6, "kernel": 5, "activation": "relu"},
    {"type": "max_pool2d", "kernel": 2},
    {"type": "conv2d", "out": 16, "kernel": 5, "activation": "relu"},
    {"type": "max_pool2d", "kernel": 2},
    {"type": "flatten"},
    {"type": "dense", "out": 120, "activation": "relu"},
    {"type": "dense", "out": 84, "activation": "relu"},
    {"type": "dense", "out": 10},
]
SENTIMENT = [
    {"type": "embedding", "count": 20_000, "out": 128},
    {"type": "lstm", "out": 64, "sequences": False, "bidirectional": True},
    {"type": "dropout", "probability": 0.5},
    {"type": "dense", "out": 2},
]
RESIDUAL = [
    {"type": "conv2d", "out": 16, "kernel": 3, "padding": "same"},
    {"type": "relu"},
    {"type": "conv2d", "out": 16, "kernel": 3, "padding": 1},
    {"type": "batch_norm"},
    {"type": "add", "with": 1},
    {"type": "concat", "with": [0, 1]},
    {"type": "global_avg_pool"},
    {"type": "dense", "out": 4},
]


def parameters(shape: tuple[int, ...], layers: list[dict[str, Any]]) -> int:
    return layer_list.build(shape, layers, Options()).parameter_count()


def test_the_cifar_tutorial_has_its_62006_parameters() -> None:
    assert parameters((3, 32, 32), CIFAR) == 62_006


def test_a_text_classifier_starts_from_token_ids() -> None:
    lstm = 2 * 4 * (64 * (128 + 64) + 2 * 64)
    assert parameters((200,), SENTIMENT) == 20_000 * 128 + lstm + 128 * 2 + 2


def test_earlier_layers_can_be_added_and_joined() -> None:
    convolutions = 3 * 16 * 9 + 16 + 16 * 16 * 9 + 16
    assert parameters((3, 8, 8), RESIDUAL) == convolutions + 2 * 16 + 48 * 4 + 4


def test_a_larger_batch_of_a_layer_list_needs_more() -> None:
    def peak(batch: int) -> int:
        network = layer_list.build((3, 32, 32), CIFAR, Options())
        return trace_training(network, lambda tape: network.loss(tape, Inputs(batch=batch)), TrainingRun(precision="fp32")).peak_bytes

    assert peak(64) < peak(128) < peak(1024)


def test_a_layer_list_goes_the_way_of_every_workload() -> None:
    document = {"kind": "training", "model": {"input": [3, 32, 32], "layers": CIFAR}, "precision": "fp32", "micro_batch_size": 128}
    assert estimate_document(document)["parameters"]["total"] == 62_006


@pytest.mark.parametrize(
    ("layers", "path"),
    [
        ([{"type": "teleport"}], "model.layers.0.type"),
        ([{"type": "conv2d", "kernel": 3}], "model.layers.0.out"),
        ([{"type": "conv2d", "out": 8, "kernel": 99}], "model.layers.0.kernel"),
        ([{"type": "flatten"}, {"type": "conv2d", "out": 8, "kernel": 3}], "model.layers.1.type"),
        ([{"type": "dense", "out": 8, "colour": "red"}], "model.layers.0.colour"),
        ([{"type": "relu"}, {"type": "add", "with": 7}], "model.layers.1.with"),
        ([{"type": "flatten"}, {"type": "dense", "out": 10**12}], "model.layers.1.out"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(layers: list[dict[str, Any]], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parameters((3, 32, 32), layers)
    assert refused.value.errors[0].path == path
