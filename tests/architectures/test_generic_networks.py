"""The generic networks `unet`, `lstm` and `mlp`: parameter counts by hand, options and their bounds."""

from itertools import pairwise
from typing import Any

import pytest

from app.architectures.network import Inputs
from app.errors import InvalidInput
from app.tape.trace import Trace
from tests.architectures.image_runs import preset, trained


def test_a_perceptron_has_the_weights_of_its_layers() -> None:
    network = preset("mlp", {"inputs": 784, "hidden": [512, 256], "classes": 10})
    assert network.parameter_count() == 785 * 512 + 513 * 256 + 257 * 10


def test_hidden_layers_of_equal_width_can_be_counted_instead_of_listed() -> None:
    listed, counted = (preset("mlp", {"inputs": 20, **sizes}) for sizes in ({"hidden": [64] * 3}, {"hidden_size": 64, "layers": 3}))
    assert listed.parameter_count() == counted.parameter_count()


def test_an_lstm_has_four_gates_with_two_biases_in_each_layer() -> None:
    network = preset("lstm", {"vocabulary": 1000, "embedding_size": 128, "hidden_size": 256, "layers": 2})
    layers = 4 * 256 * (128 + 256 + 2) + 4 * 256 * (256 + 256 + 2)
    assert network.parameter_count() == 1000 * 128 + layers + 257 * 1000


def test_the_default_u_net_has_the_parameters_that_were_counted_in_pytorch() -> None:
    assert preset("unet", {"classes": 2}).parameter_count() == 31_037_698


def test_a_u_nets_parameters_grow_about_fourfold_with_each_level() -> None:
    counts = [preset("unet", {"depth": depth}).parameter_count() for depth in (2, 3, 4)]
    assert all(3.5 < deeper / flatter < 4.5 for flatter, deeper in pairwise(counts))


def of_length(length: int) -> Trace:
    return trained(preset("lstm", {"vocabulary": 100, "embedding_size": 64, "hidden_size": 64}), Inputs(batch=8, sequence=length))


def test_every_step_of_a_sequence_takes_the_same_memory_and_work() -> None:
    traces = [of_length(length) for length in (40, 60, 80)]
    peaks, work = [trace.peak_bytes for trace in traces], [sum(w.flops for w in trace.work.values()) for trace in traces]
    assert peaks[2] - peaks[1] == pytest.approx(peaks[1] - peaks[0], rel=0.02)
    assert work[2] - work[1] == work[1] - work[0]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7])
def test_short_sequences_are_run_step_by_step(length: int) -> None:
    work = sum(w.flops for key, w in of_length(length).work.items() if key.operator == "matmul")
    longer = sum(w.flops for key, w in of_length(10 * length).work.items() if key.operator == "matmul")
    assert longer == 10 * work


@pytest.mark.parametrize(
    ("name", "options", "path"),
    [
        ("unet", {"levels": 4}, "model.options.levels"),
        ("unet", {"depth": 9}, "model.options.depth"),
        ("unet", {"base_channels": 0}, "model.options.base_channels"),
        ("lstm", {"hidden_size": 2.5}, "model.options.hidden_size"),
        ("lstm", {"dropout": "much"}, "dropout"),
        ("mlp", {"hidden": [64, -1]}, "model.options.hidden"),
        ("mlp", {"hidden": "wide"}, "model.options.hidden"),
        ("mlp", {"classes": True}, "model.options.classes"),
    ],
)
def test_an_option_that_does_not_fit_is_named(name: str, options: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        preset(name, options)
    assert refused.value.errors[0].path.endswith(path)


def test_a_u_net_takes_images_that_can_be_halved_often_enough() -> None:
    with pytest.raises(InvalidInput, match="multiples of 16"):
        trained(preset("unet"), Inputs(batch=1, image=(250, 256)))


@pytest.mark.parametrize("name", ["unet", "lstm", "mlp"])
def test_networks_without_checkpointing_refuse_it(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        preset(name, checkpointed=True)
    assert refused.value.errors[0].path == "activation_checkpointing"
