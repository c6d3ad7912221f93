"""The generic networks: parameter counts by hand, options and their bounds."""

from itertools import pairwise
from typing import Any

import pytest

from app.architectures.library import find
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


@pytest.mark.parametrize("kind", ["unet", "lstm", "mlp", "gcn", "graphsage", "gat", "gin", "ft_transformer", "tab_transformer"])
def test_the_library_tells_the_size_of_the_network_without_options(kind: str) -> None:
    assert preset(kind).parameter_count() == find(kind).parameters


def test_gcn_on_cora_has_the_parameters_of_the_paper() -> None:
    assert preset("gcn", {"hidden": 16}).parameter_count() == (1433 + 1) * 16 + (16 + 1) * 7


def test_an_ft_transformer_has_a_row_for_each_number_and_a_table_for_each_category() -> None:
    few, more = (preset("ft_transformer", {"numeric": 10, "categorical": count, "cardinality": 50}).parameter_count() for count in (1, 2))
    assert more - few == 51 * 192


@pytest.mark.parametrize("kind", ["gcn", "graphsage", "gat", "gin"])
def test_messages_take_memory_for_every_edge(kind: str) -> None:
    peaks = [
        trained(preset(kind, {"nodes": 1000, "edges": edges, "features": 64, "layers": 3}), Inputs(batch=1)).peak_bytes
        for edges in (10**5, 2 * 10**5, 3 * 10**5)
    ]
    assert peaks[2] - peaks[1] == pytest.approx(peaks[1] - peaks[0], rel=0.02)
    assert peaks[1] - peaks[0] > 10**5 * 64 * 4


@pytest.mark.parametrize("kind", ["gcn", "gat"])
def test_a_batch_of_graphs_is_one_larger_graph(kind: str) -> None:
    batched = trained(preset(kind, {"nodes": 1000, "edges": 5000, "features": 64}), Inputs(batch=4))
    whole = trained(preset(kind, {"nodes": 4000, "edges": 20_000, "features": 64}), Inputs(batch=1))
    assert batched.peak_bytes == whole.peak_bytes


@pytest.mark.parametrize("kind", ["ft_transformer", "tab_transformer"])
def test_attention_over_columns_grows_faster_than_their_number(kind: str) -> None:
    saved = [trained(preset(kind, {"categorical": count}), Inputs(batch=64)).saved_activations for count in (20, 40, 80)]
    assert saved[2] - saved[1] > 2 * (saved[1] - saved[0])


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
        ("gat", {"hidden": 60, "heads": 7}, "model.options.heads"),
        ("gcn", {"edges": -1}, "model.options.edges"),
        ("ft_transformer", {"width": 100, "heads": 3}, "model.options.heads"),
        ("ft_transformer", {"numeric": 0}, "model.options.numeric"),
        ("tab_transformer", {"categorical": 0}, "model.options.categorical"),
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
