"""Whatever is in a file, reading it ends soon, in little memory, in a model or in one sentence."""

import json
import resource
import struct
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from app.architectures.library import ModelEntry, all_models
from app.architectures.readers.uploads import LARGEST_UPLOAD, read_upload
from app.errors import InvalidInput
from tests.architectures.readers import files
from tests.architectures.readers.files import input_layer, keras_layer, sequential

LONGEST_CPU_S = 6  # the slowest case takes about one
MOST_KIB = 400 * 2**10  # by which the process may grow
NAMES = ("model.gguf", "model.safetensors", "model.onnx", "model.json", "model")

GGUF_START = b"GGUF\x03\x00\x00\x00"
SMALL_ONNX = files.onnx_file(
    [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]), helper.make_node("Shape", ["c"], ["s"]),
        helper.make_node("Reshape", ["c", "t"], ["r"]), helper.make_node("MatMul", ["r", "d"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["a"]), helper.make_node("Split", ["a"], ["l", "q"], axis=1),
        helper.make_node("Concat", ["l", "q"], ["y"], axis=1),
    ],
    [files.weight("w", 2, 1, 3, 3), files.whole_numbers("t", 0, -1), files.weight("d", 32, 4), files.weight("b", 4)],
    ["N", 1, 4, 4],
)  # fmt: skip
SMALL_KERAS = json.dumps(
    sequential(input_layer(8, 8, 1), keras_layer("Conv2D", "c", filters=2, kernel_size=3, padding="same"), keras_layer("Flatten", "f"))
).encode()
CHECKPOINT_HEADER = files.header_of(files.decoder_checkpoint())
GGUF_FILE = files.gguf_file(words=4)
GGUF_HEADER = GGUF_FILE[: 2 + len(GGUF_FILE) - (read_upload("m.gguf", GGUF_FILE).exact_weight_bytes or 0)]


def outcome(name: str, content: bytes) -> str:
    """What becomes of a file: the sentence of its refusal, an empty one where it is read."""
    try:
        read_upload(name, content)
    except InvalidInput as refusal:
        return str(refusal)
    return ""


@pytest.mark.parametrize("name", NAMES)
@given(content=st.binary(max_size=400))
def test_random_bytes_are_refused_or_read(name: str, content: bytes) -> None:
    outcome(name, content)


@pytest.mark.parametrize("start", [GGUF_START, b"\x40\0\0\0\0\0\0\0{", b"\x3a", b"{"])
@given(rest=st.binary(max_size=300), name=st.sampled_from(NAMES))
def test_random_bytes_after_a_right_beginning_are_refused_or_read(start: bytes, rest: bytes, name: str) -> None:
    outcome(name, start + rest)


@pytest.mark.parametrize(
    ("name", "content"), [("m.gguf", GGUF_HEADER), ("m.safetensors", CHECKPOINT_HEADER), ("m.onnx", SMALL_ONNX), ("m.json", SMALL_KERAS)]
)
def test_every_truncation_is_refused_or_read(name: str, content: bytes) -> None:
    assert not outcome(name, content)
    refused = sum(bool(outcome(name, content[:length])) for length in range(len(content)))
    assert refused > 0.9 * len(content)


@given(data=st.data(), which=st.sampled_from([("m.gguf", GGUF_HEADER), ("m.onnx", SMALL_ONNX), ("m.json", SMALL_KERAS)]))
def test_files_with_bytes_changed_are_refused_or_read(data: st.DataObject, which: tuple[str, bytes]) -> None:
    content = bytearray(which[1])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    outcome(which[0], bytes(content))


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
KERAS_SETTINGS = (
    "filters", "kernel_size", "strides", "padding", "units", "pool_size", "axis", "dims", "target_shape", "size", "layer", "rate",
    "num_heads", "key_dim", "input_dim", "output_dim", "activation", "groups", "dilation_rate", "n", "layers",
)  # fmt: skip
KERAS_KINDS = (
    "Dense", "Conv2D", "Conv1D", "Conv2DTranspose", "MaxPooling2D", "LSTM", "Reshape", "Permute", "Concatenate", "Dropout",
    "ZeroPadding2D", "UpSampling2D", "Bidirectional", "MultiHeadAttention", "Embedding", "Sequential", "Functional",
)  # fmt: skip


@given(
    kind=st.sampled_from(KERAS_KINDS),
    shape=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    config=st.dictionaries(st.sampled_from(KERAS_SETTINGS), anything, max_size=6),
)  # fmt: skip
def test_keras_layers_with_any_settings_are_refused_or_read(kind: str, shape: list[int], config: dict[str, Any]) -> None:
    outcome("m.json", json.dumps(sequential(input_layer(*shape), keras_layer(kind, "layer", **config))).encode())


@given(document=st.dictionaries(st.sampled_from(["class_name", "config", "weight_map", "metadata", "model_type", "_class_name"]), anything))
def test_any_json_object_is_refused_or_read(document: dict[str, Any]) -> None:
    outcome("m.json", json.dumps(document).encode())


@given(entry=st.sampled_from(all_models()), data=st.data())
def test_the_configs_of_the_library_with_any_values_are_refused_or_read(entry: ModelEntry, data: st.DataObject) -> None:
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(entry.config)), anything, min_size=1, max_size=3))
    outcome("config.json", json.dumps({**entry.config, **changed}).encode())


attribute_values = st.one_of(
    st.integers(-3, 2**40), st.lists(st.integers(-3, 2**40), min_size=1, max_size=5), st.text(max_size=5), st.floats(allow_nan=False)
)
ONNX_KINDS = (
    "Conv", "ConvTranspose", "MaxPool", "Gemm", "MatMul", "Reshape", "Transpose", "Concat", "Split", "Slice", "Gather", "Pad",
    "Resize", "Expand", "Tile", "Squeeze", "Unsqueeze", "Flatten", "ReduceMean", "LSTM", "Dropout", "DepthToSpace",
    "BatchNormalization", "Shape", "Constant", "Softmax", "Add", "Mul", "Where", "Range", "ConstantOfShape",
)  # fmt: skip
ONNX_ATTRIBUTES = (
    "kernel_shape", "strides", "pads", "dilations", "group", "axis", "axes", "perm", "auto_pad", "split", "starts", "ends",
    "transB", "hidden_size", "direction", "ratio", "blocksize", "keepdims", "value_int", "value_ints", "output_padding",
)  # fmt: skip


@given(data=st.data(), shape=st.lists(st.integers(0, 9), min_size=0, max_size=5))
def test_onnx_operators_with_any_attributes_are_refused_or_read(data: st.DataObject, shape: list[int]) -> None:
    names = ["x", "w", "t", "s"]
    nodes = []
    for index in range(data.draw(st.integers(1, 6))):
        kind = data.draw(st.sampled_from(ONNX_KINDS))
        inputs = data.draw(st.lists(st.sampled_from(names), max_size=5))
        attributes = data.draw(st.dictionaries(st.sampled_from(ONNX_ATTRIBUTES), attribute_values, max_size=4))
        nodes.append(helper.make_node(kind, inputs, [f"v{index}", f"u{index}"], **attributes))
        names += [f"v{index}", f"u{index}"]
    target = data.draw(st.lists(st.integers(-3, 20), max_size=4))
    weights = [files.weight("w", 4, 4), files.whole_numbers("t", *target), files.whole_numbers("s", 2, scalar=True)]
    outcome("m.onnx", files.onnx_file(nodes, weights, shape))


def _text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def gguf_with(value: bytes, *, tensors: bytes = b"", count: int = 0) -> bytes:
    """A GGUF header with one key whose type and value are given."""
    return GGUF_START + struct.pack("<QQ", count, 1) + _text(b"general.architecture") + value + tensors


def varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])


def onnx_graph_of(parts: bytes) -> bytes:
    return b"\x3a" + varint(len(parts)) + parts


ENORMOUS = _text(b"t") + struct.pack("<IQQQQIQ", 4, *[2**63] * 4, 0, 0)
BOMBS: dict[str, tuple[str, bytes]] = {
    "an array of 2^62 numbers": ("m.gguf", gguf_with(struct.pack("<IIQ", 9, 4, 2**62))),
    "an array of 2^62 texts": ("m.gguf", gguf_with(struct.pack("<IIQ", 9, 8, 2**62))),
    "a million empty texts": ("m.gguf", gguf_with(struct.pack("<IIQ", 9, 8, 10**6) + b"\0" * 8 * 10**6)),
    "a text of 2^63 bytes": ("m.gguf", gguf_with(struct.pack("<IQ", 8, 2**63))),
    "a million nested arrays": ("m.gguf", gguf_with(struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 10**6)),
    "2^63 tensors": ("m.gguf", GGUF_START + struct.pack("<QQ", 2**63, 0)),
    "a tensor of 2^256 elements": ("m.gguf", gguf_with(struct.pack("<I", 8) + _text(b"llama"), tensors=ENORMOUS, count=1)),
    "a header of 2^63 bytes": ("m.safetensors", struct.pack("<Q", 2**63) + b"{}"),
    "a header of 90 MB": ("m.safetensors", struct.pack("<Q", 90_000_000) + b"{}"),
    "a million brackets": ("m.json", b'{"a":' + b"[" * 10**6),
    "a hundred thousand brackets": ("m.json", b'{"a":' + b"[" * 10**5),
    "a million braces": ("m.json", b'{"a":' * 10**5),
    "millions of empty lists": ("m.json", b'{"a":[' + b"[]," * 5 * 10**6 + b"1]}"),
    "a number of a million digits": ("m.json", b'{"a":' + b"9" * 10**6 + b"}"),
    "nested models": ("m.json", b'{"class_name":"Sequential","config":{"layers":[' * 10**4),
    "ten million empty operators": ("m.onnx", onnx_graph_of(b"\x0a\x00" * 10**7)),
    "ten million empty constants": ("m.onnx", onnx_graph_of(b"\x2a\x00" * 10**7)),
    "one operator with ten million attributes": ("m.onnx", onnx_graph_of(b"\x0a" + varint(2 * 10**7) + b"\x2a\x00" * 10**7)),
    "operators with half a million attributes each": ("m.onnx", onnx_graph_of((b"\x0a" + varint(10**6) + b"\x2a\x00" * 500_000) * 20)),
    "a constant with ten million dimensions": ("m.onnx", onnx_graph_of(b"\x2a" + varint(2 * 10**7) + b"\x08\x01" * 10**7)),
    "ten million numbers": ("m.onnx", b"\x08\x01" * 10**7),
    "graphs inside graphs": ("m.onnx", b"\x3a\x80\x80\x01" * 10**6),
    "too much": ("m.gguf", b"GGUF" + b"\0" * LARGEST_UPLOAD),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_made_to_exhaust_a_reader_is_refused_soon_and_in_little_memory(name: str) -> None:
    file_name, content = BOMBS[name]
    read_upload("warm.onnx", SMALL_ONNX)
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert outcome(file_name, content)
    assert time.process_time() - start < LONGEST_CPU_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KIB


def test_doubling_by_repeated_concatenation_is_stopped() -> None:
    nodes = [helper.make_node("Concat", [f"v{index}" if index else "x"] * 2, [f"v{index + 1}"], axis=1) for index in range(3_000)]
    read = read_upload("m.onnx", files.onnx_file(nodes, [], ["N", 4]))
    assert read.findings[0].severity == "caution"


def test_a_graph_too_long_to_trace_is_known_by_its_size() -> None:
    nodes = [helper.make_node("Relu", [f"v{index}" if index else "x"], [f"v{index + 1}"]) for index in range(6_000)]
    read = read_upload("m.onnx", files.onnx_file(nodes, [files.weight("w", 10, 10)], ["N", 4]))
    assert read.model["parameters"] == 100


def test_a_constant_in_another_file_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(arguments)

    content = files.ResNet().bytes()
    read_upload("warm.onnx", SMALL_ONNX)
    monkeypatch.setattr("builtins.open", refuse)
    assert read_upload("m.onnx", content).exact_weight_bytes
