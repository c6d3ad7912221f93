"""ONNX and Keras files on the tape: parameters, shapes and work as the frameworks count them."""

import json
from typing import Any

import numpy as np
import pytest
from onnx import helper

from app.architectures.build import build_network
from app.architectures.graph import GraphNetwork
from app.architectures.network import Inputs, Network, Options
from app.architectures.readers.uploads import ReadModel, read_upload
from app.errors import InvalidInput
from app.tape.dtypes import FP32
from app.tape.trace import Trace, TrainingRun, trace_forward, trace_training
from app.workloads import parse_workload
from app.workloads.model import GraphModel, PresetModel
from tests.architectures.readers import files
from tests.architectures.readers.files import input_layer, keras_layer, sequential, weight, whole_numbers

RESNET18_PARAMETERS = 11_689_512


def network_of(read: ReadModel) -> Network:
    return build_network(GraphModel.model_validate(read.model), Options())


def read_keras(document: dict[str, Any]) -> ReadModel:
    return read_upload("model.json", json.dumps(document).encode())


def forward(network: Network, batch: int) -> Trace:
    return trace_forward(network, lambda tape: network.forward(tape, Inputs(batch=batch)), FP32)


def output_shape(read: ReadModel) -> tuple[int, ...]:
    network = network_of(read)
    shapes = []

    def run(tape: Any) -> None:
        shapes.append(network.forward(tape, Inputs(batch=2)).shape)

    trace_forward(network, run, FP32)
    return shapes[0]


def test_an_onnx_resnet_computes_what_the_program_of_resnet_does() -> None:
    read = read_upload("resnet18.onnx", files.ResNet().bytes())
    theirs = build_network(PresetModel(preset="resnet18"), Options())
    ours = network_of(read)
    folded = 4_800  # the batch norms' second vector of each channel, which folding removes
    assert ours.parameter_count() == theirs.parameter_count() - folded == RESNET18_PARAMETERS - folded
    assert forward(ours, 4).flops == pytest.approx(forward(theirs, 4).flops, rel=0.02)
    assert not read.findings


def test_an_onnx_resnet_needs_about_as_much_memory_to_run_as_the_program_of_resnet() -> None:
    ours = network_of(read_upload("resnet18.onnx", files.ResNet().bytes()))
    theirs = build_network(PresetModel(preset="resnet18"), Options())
    assert forward(ours, 32).peak_bytes == pytest.approx(forward(theirs, 32).peak_bytes, rel=0.1)


def test_initializers_give_the_exact_bytes_of_an_onnx_file() -> None:
    read = read_upload("resnet18.onnx", files.ResNet().bytes())
    assert read.table is not None
    assert read.exact_weight_bytes == 4 * read.table.weights + 3 * 8
    assert read.weight_format == "fp32"


def test_memory_grows_with_the_batch_and_weights_do_not() -> None:
    network = network_of(read_upload("resnet18.onnx", files.ResNet().bytes()))
    one, two, three = (forward(network, batch).peak_bytes for batch in (8, 16, 24))
    assert two - one == three - two > 0


def test_a_graph_can_be_trained() -> None:
    network = network_of(read_upload("resnet18.onnx", files.ResNet().bytes()))
    trace = trace_training(network, lambda tape: network.loss(tape, Inputs(batch=8)), TrainingRun(precision="fp32"))
    assert trace.trainable == network.parameter_count()
    assert trace.flops > 2.8 * forward(network, 8).flops


def test_an_unknown_operator_passes_its_shape_on_and_is_named() -> None:
    nodes = [helper.make_node("Whirl", ["x"], ["a"], domain="custom"), helper.make_node("Relu", ["a"], ["y"])]
    read = read_upload("m.onnx", files.onnx_file(nodes, [], ["N", 3, 8, 8]))
    assert output_shape(read) == (2, 3, 8, 8)
    assert "'Whirl'" in read.findings[0].message


def test_a_product_and_a_sum_with_a_vector_are_one_linear_layer() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
    read = read_upload("m.onnx", files.onnx_file(nodes, [weight("w", 16, 8), weight("b", 8)], ["N", 16]))
    assert read.model["graph"]["nodes"] == [{"op": "linear", "from": [0], "out": 8}]


def test_attention_written_out_in_onnx_keeps_its_shapes() -> None:
    heads = [whole_numbers("split", 0, 10, 4, 8), whole_numbers("join", 0, 10, 32)]
    projections = [weight(name, 32, 32) for name in ("wq", "wk", "wv")]
    nodes = []
    for part in "qkv":
        order = [0, 2, 3, 1] if part == "k" else [0, 2, 1, 3]
        nodes += [
            helper.make_node("MatMul", ["x", f"w{part}"], [part]), helper.make_node("Reshape", [part, "split"], [f"{part}s"]),
            helper.make_node("Transpose", [f"{part}s"], [f"{part}t"], perm=order),
        ]  # fmt: skip
    nodes += [
        helper.make_node("MatMul", ["qt", "kt"], ["scores"]), helper.make_node("Softmax", ["scores"], ["weights"]),
        helper.make_node("MatMul", ["weights", "vt"], ["heads"]), helper.make_node("Transpose", ["heads"], ["back"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["back", "join"], ["y"]),
    ]  # fmt: skip
    read = read_upload("m.onnx", files.onnx_file(nodes, [*heads, *projections], ["N", 10, 32]))
    assert output_shape(read) == (2, 10, 32)
    assert not read.findings
    assert network_of(read).parameter_count() == 3 * 32 * 32


def test_a_batch_baked_into_an_onnx_file_is_taken_out_again() -> None:
    nodes = [helper.make_node("Reshape", ["x", "target"], ["y"])]
    read = read_upload("m.onnx", files.onnx_file(nodes, [whole_numbers("target", 8, 48)], [8, 3, 4, 4]))
    assert output_shape(read) == (2, 48)


def test_an_embedding_is_a_gather_from_weights() -> None:
    inputs = [helper.make_tensor_value_info("ids", 7, ["N", 20])]
    nodes = [helper.make_node("Gather", ["table", "ids"], ["e"]), helper.make_node("LSTM", ["t", "w", "r", "b"], ["s"], hidden_size=6)]
    nodes.insert(1, helper.make_node("Transpose", ["e"], ["t"], perm=[1, 0, 2]))
    weights = [weight("table", 100, 5), weight("w", 1, 24, 5), weight("r", 1, 24, 6), weight("b", 1, 48)]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("s", 1, None)], weights)
    read = read_upload("m.onnx", helper.make_model(graph).SerializeToString())
    assert read.table is not None
    assert network_of(read).parameter_count() == read.table.weights == 500 + 24 * (5 + 6) + 48


def test_half_precision_initializers_take_two_bytes() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    read = read_upload("m.onnx", files.onnx_file(nodes, [weight("w", 16, 8, kind=np.float16)], ["N", 16]))
    assert (read.exact_weight_bytes, read.weight_format) == (256, "fp16")


def test_a_missing_onnx_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(InvalidInput, match=r"rigwise\[files\]"):
        read_upload("m.onnx", b"\x08\x07")


def test_the_first_convolutional_network_of_the_keras_guides_has_its_parameters() -> None:
    read = read_keras(
        sequential(
            input_layer(28, 28, 1),
            keras_layer("Conv2D", "c1", filters=32, kernel_size=[3, 3], strides=[1, 1], padding="valid", activation="relu", use_bias=True),
            keras_layer("MaxPooling2D", "p1", pool_size=[2, 2], strides=[2, 2], padding="valid"),
            keras_layer("Conv2D", "c2", filters=64, kernel_size=[3, 3], strides=[1, 1], padding="valid", activation="relu", use_bias=True),
            keras_layer("MaxPooling2D", "p2", pool_size=[2, 2], strides=[2, 2], padding="valid"),
            keras_layer("Flatten", "f"),
            keras_layer("Dropout", "d", rate=0.5),
            keras_layer("Dense", "o", units=10, activation="softmax", use_bias=True),
        )
    )
    assert network_of(read).parameter_count() == 34_826
    assert output_shape(read) == (2, 10)
    assert not read.findings


def test_the_bidirectional_lstm_of_the_keras_guides_has_its_parameters() -> None:
    def both(name: str, *, sequences: bool) -> dict[str, Any]:
        inner = {"class_name": "LSTM", "config": {"units": 64, "return_sequences": sequences}}
        return keras_layer("Bidirectional", name, layer=inner)

    layers = [
        input_layer(200, dtype="int32"), keras_layer("Embedding", "e", input_dim=20_000, output_dim=128), both("b1", sequences=True),
        both("b2", sequences=False), keras_layer("Dense", "o", units=1, activation="sigmoid"),
    ]  # fmt: skip
    read = read_keras(sequential(*layers))
    assert network_of(read).parameter_count() == 2_757_761
    assert output_shape(read) == (2, 1)


@pytest.mark.parametrize("order", [1, -1])
def test_a_functional_model_joins_its_branches_in_any_order(order: int) -> None:
    layers = [
        input_layer(32, 32, 3, name="image"),
        keras_layer("Conv2D", "stem", ["image"], filters=16, kernel_size=3, padding="same", strides=2),
        keras_layer("BatchNormalization", "norm", ["stem"]),
        keras_layer("Conv2D", "wide", ["norm"], filters=16, kernel_size=[5, 5], padding="same", strides=[1, 1]),
        keras_layer("Add", "sum", ["norm", "wide"]),
        keras_layer("Concatenate", "both", ["sum", "norm"], axis=-1),
        keras_layer("GlobalAveragePooling2D", "pool", ["both"]),
        keras_layer("Dense", "head", ["pool"], units=7),
    ]
    document = {"class_name": "Functional", "config": {"layers": layers[::order], "output_layers": ["head", 0, 0]}}
    read = read_keras(document)
    assert output_shape(read) == (2, 7)
    assert network_of(read).parameter_count() == (27 * 16 + 16) + 2 * 16 + (25 * 16 * 16 + 16) + (32 * 7 + 7)


def test_inbound_nodes_as_keras_2_writes_them_are_understood() -> None:
    layers = [
        {"class_name": "InputLayer", "name": "i", "config": {"batch_input_shape": [None, 8], "dtype": "float32"}, "inbound_nodes": []},
        {"class_name": "Dense", "name": "a", "config": {"units": 4}, "inbound_nodes": [[["i", 0, 0, {}]]]},
        {"class_name": "Add", "name": "s", "config": {}, "inbound_nodes": [[["a", 0, 0, {}], ["a", 0, 0, {}]]]},
    ]
    read = read_keras({"class_name": "Model", "config": {"layers": layers, "output_layers": [["s", 0, 0]]}})
    assert [node["op"] for node in read.model["graph"]["nodes"]] == ["linear", "add"]
    assert output_shape(read) == (2, 4)


def test_a_transposed_convolution_of_same_padding_multiplies_lengths_by_its_stride() -> None:
    for kernel, stride in ((2, 2), (3, 2), (4, 2), (5, 3), (1, 2)):
        up = keras_layer("Conv2DTranspose", "up", filters=4, kernel_size=kernel, strides=stride, padding="same")
        assert output_shape(read_keras(sequential(input_layer(9, 9, 2), up))) == (2, 4, 9 * stride, 9 * stride)


def test_same_padding_keeps_lengths_whatever_the_kernel() -> None:
    for kernel in range(1, 8):
        for stride in (1, 2, 3):
            layer = keras_layer("Conv1D", "c", filters=4, kernel_size=kernel, strides=stride, padding="same")
            assert output_shape(read_keras(sequential(input_layer(17, 2), layer))) == (2, -(-17 // stride), 4)


def test_a_backbone_inside_a_model_is_followed() -> None:
    backbone = {"layers": [input_layer(16, 16, 3), keras_layer("Conv2D", "c", filters=8, kernel_size=3)]}
    layers = [input_layer(16, 16, 3), keras_layer("Sequential", "backbone", **backbone), keras_layer("GlobalMaxPooling2D", "g")]
    read = read_keras(sequential(*layers))
    assert output_shape(read) == (2, 8)


def test_a_custom_layer_is_named() -> None:
    read = read_keras(sequential(input_layer(4), keras_layer("MyLayer", "m"), keras_layer("Dense", "d", units=2)))
    assert "'MyLayer'" in read.findings[0].message


@pytest.mark.parametrize(
    ("nodes", "path"),
    [
        ([{"op": "linear", "from": [0], "out": 0}], "nodes.0.out"),
        ([{"op": "linear", "from": [1], "out": 4}], "nodes.0.from"),
        ([{"op": "spin", "from": [0]}], "nodes.0.op"),
        ([{"op": ["linear"], "from": [0]}], "nodes.0.op"),
        ([{"op": "linear"}], "nodes.0.from"),
        ([{"op": "copy", "from": [0]}, {"op": "reshape", "from": [1], "shape": [1, 5]}], "nodes.1.shape"),
        ([{"op": "conv", "from": [0], "out": 4, "kernel": [3, 3]}], "nodes.0.from"),
        ([{"op": "resize", "from": [0], "shape": [10**6, 10**6, 10**6]}], "nodes.0.op"),
        ([{"op": "part", "from": [0], "shape": [1, 0]}], "graph.output"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused_at_the_node(nodes: list[dict[str, Any]], path: str) -> None:
    document = {"kind": "inference", "model": {"graph": {"inputs": [{"shape": [4]}], "nodes": nodes}}}
    workload: Any = parse_workload(document)
    with pytest.raises(InvalidInput) as caught:
        build_network(workload.model, Options())
    assert caught.value.errors[0].path.endswith(path)


def test_values_are_let_go_after_their_last_use() -> None:
    def chain(length: int) -> Network:
        nodes = [{"op": "activation", "from": [index], "name": "relu"} for index in range(length)]
        return build_network(GraphModel.model_validate({"graph": {"inputs": [{"shape": [1_000]}], "nodes": nodes}}), Options())

    assert isinstance(chain(2), GraphNetwork)
    assert forward(chain(3), 1).peak_bytes == forward(chain(30), 1).peak_bytes
