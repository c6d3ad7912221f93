"""An ONNX file: its initializers as a tensor table, its operators as a graph on the tape.

The `onnx` package decodes the file; nothing it refers to outside itself is opened, and no data of a tensor is looked at but short lists of
whole numbers. Operators that are not known pass the shape of their first input on, and are named in a finding.
Source: ONNX operator schemas up to opset 23.
"""

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

from app.architectures.graph import Program
from app.architectures.readers.onnx_node import CannotConvert, Node
from app.architectures.readers.onnx_operators import convert
from app.architectures.readers.onnx_values import LONGEST_LIST, Numbers, Result, Value, Weight, folded
from app.architectures.readers.read_model import ReadModel, assumed, doubtful, weighed
from app.architectures.readers.stored_formats import DEFAULT_FORMAT
from app.architectures.readers.tensor_table import MOST_TENSORS, StoredTensor, TensorTable, element_count, quoted, unreadable
from app.errors import InvalidInput
from app.placement import Finding
from app.tape.tensor import Shape
from app.workloads.model import LARGEST_GRAPH, GraphInput

MOST_NODES = 20_000
NAMED_UNKNOWN = 6  # operators that a finding names
USUAL_SIDE, USUAL_LENGTH = 224, 128  # pixels and tokens taken for dimensions that the file leaves open

# TensorProto.DataType -> (name, bits)
TYPES = {
    1: ("float32", 32), 2: ("uint8", 8), 3: ("int8", 8), 4: ("uint16", 16), 5: ("int16", 16), 6: ("int32", 32), 7: ("int64", 64),
    8: ("string", 0), 9: ("bool", 8), 10: ("float16", 16), 11: ("float64", 64), 12: ("uint32", 32), 13: ("uint64", 64),
    14: ("complex64", 64), 15: ("complex128", 128), 16: ("bfloat16", 16), 17: ("float8e4m3fn", 8), 18: ("float8e4m3fnuz", 8),
    19: ("float8e5m2", 8), 20: ("float8e5m2fnuz", 8), 21: ("uint4", 4), 22: ("int4", 4), 23: ("float4e2m1", 4), 24: ("float8e8m0", 8),
    25: ("uint2", 2), 26: ("int2", 2),
}  # fmt: skip
INT32, INT64, BOOL = 6, 7, 9
INDEX_TYPES = (INT32, INT64, BOOL)
EXTERNAL = 1  # TensorProto.DataLocation
FORMATS = {
    "float32": "fp32", "float64": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8", "uint8": "int8", "int4": "gptq_int4",
    "uint4": "gptq_int4",
}  # fmt: skip


def read(content: bytes) -> ReadModel:
    """The network of an ONNX file. Raises InvalidInput where it cannot be decoded, is empty or too large."""
    model = _decoded(content)
    graph = model.graph
    if not graph.node:
        raise unreadable("the ONNX file holds no graph; it is damaged or of another kind")
    if len(graph.node) > MOST_NODES:
        raise unreadable(f"the ONNX graph has {len(graph.node):,} operators; at most {MOST_NODES:,} are read")
    table = _table(graph)
    reader = _Reader(graph)
    reader.run()
    return _read_model(reader, table)


def _decoded(content: bytes) -> Any:
    try:
        onnx = importlib.import_module("onnx")
        errors = importlib.import_module("google.protobuf.message")
    except ImportError:
        raise unreadable("reading ONNX files needs the onnx package: install Rigwise with its extra, rigwise[files]") from None
    try:
        return onnx.ModelProto.FromString(content)
    except errors.DecodeError:
        raise unreadable("the ONNX file is cut off or damaged; export it with external data if it is too large to send whole") from None


def _read_model(reader: "_Reader", table: TensorTable) -> ReadModel:
    weight_format = FORMATS.get(table.main_type, DEFAULT_FORMAT)
    nodes = reader.program.documents
    if not nodes or len(nodes) > LARGEST_GRAPH:
        message = f"a graph of {len(nodes):,} operators on its inputs cannot be traced; only its size is used"
        model: dict[str, Any] = {"parameters": max(1, table.weights), "family": "dense"}
        findings: tuple[Finding, ...] = (doubtful(message, "Split the model, or describe its layers."),)
    else:
        inputs = [given.model_dump(mode="json") for given in reader.program.inputs]
        model, findings = {"graph": {"inputs": inputs, "nodes": nodes, "output": reader.output()}}, reader.findings()
    return ReadModel(
        kind="onnx", model=weighed(model, table.bytes, weight_format), weight_format=weight_format,
        exact_weight_bytes=table.bytes, table=table, findings=findings,
    )  # fmt: skip


def _constants(graph: Any) -> Iterable[tuple[str, Any]]:
    """Every constant tensor: initializers, and those in nodes of their own."""
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            yield from (
                (node.output[0], attribute.t) for attribute in node.attribute if attribute.name == "value" and attribute.HasField("t")
            )


def _table(graph: Any) -> TensorTable:
    statistics = {name for node in graph.node if node.op_type == "BatchNormalization" for name in node.input[3:5]}
    tensors = tuple(_tensor(name, tensor, counted=name not in statistics) for name, tensor in _constants(graph))
    if len(tensors) > MOST_TENSORS:
        raise unreadable(f"the ONNX file holds {len(tensors):,} tensors; at most {MOST_TENSORS:,} are read")
    return TensorTable(tensors)


def _tensor(name: str, tensor: Any, *, counted: bool) -> StoredTensor:
    if tensor.data_type not in TYPES:
        raise unreadable(f"tensor {quoted(name)} has the unknown type {tensor.data_type}")
    shape, (kind, bits) = tuple(tensor.dims), TYPES[tensor.data_type]
    if any(length < 0 for length in shape):
        raise unreadable(f"tensor {quoted(name)} has a dimension below zero")
    elements = element_count(name, shape)
    weights = elements if counted and tensor.data_type not in INDEX_TYPES else 0
    return StoredTensor(name=name, type=kind, shape=shape, bytes=-(-elements * bits // 8), weights=weights)


def _numbers(tensor: Any) -> Numbers | None:
    """The whole numbers of a short constant, None where it is another tensor or lies in another file."""
    count = element_count(tensor.name, tuple(tensor.dims))
    if tensor.data_type not in (INT32, INT64) or len(tensor.dims) > 1 or count > LONGEST_LIST or tensor.data_location == EXTERNAL:
        return None
    size = TYPES[tensor.data_type][1] // 8
    raw, listed = tensor.raw_data, tensor.int64_data if tensor.data_type == INT64 else tensor.int32_data
    values = tuple(int.from_bytes(raw[i : i + size], "little", signed=True) for i in range(0, len(raw), size)) if raw else tuple(listed)
    return Numbers(values, not tensor.dims) if len(values) == count else None


class _Reader:
    """Walks the nodes in order and adds to the program what the batch runs through."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.unknown: dict[str, None] = {}
        self.assumed: dict[str, None] = {}
        constants = dict(_constants(graph))
        self.given = [entry for entry in graph.input if entry.name not in constants]
        if not 1 <= len(self.given) <= 32:
            raise unreadable(f"the ONNX graph has {len(self.given)} inputs; from 1 to 32 are read")
        self.program = Program([self._input(entry) for entry in self.given])
        self.values: dict[str, Value] = {entry.name: Result(index) for index, entry in enumerate(self.given)}
        for name, tensor in constants.items():
            self.values[name] = _numbers(tensor) or Weight(tuple(tensor.dims), tensor.data_type not in INDEX_TYPES)
        self.batch = self._fixed_batch()
        self.biases = _biases_of_products(graph, self.values)

    def _fixed_batch(self) -> int:
        """The batch size that the file was exported with, 1 where it is left open."""
        dimensions = self.given[0].type.tensor_type.shape.dim
        return max(1, dimensions[0].dim_value) if dimensions else 1

    def _input(self, entry: Any) -> GraphInput:
        kind = entry.type.tensor_type
        lengths = [dimension.dim_value for dimension in kind.shape.dim][1:8]
        indices = kind.elem_type in INDEX_TYPES
        spatial = len(lengths) >= 3
        usual = [USUAL_SIDE if spatial else USUAL_LENGTH] * len(lengths)
        if spatial:
            usual[0] = 3
        if any(length <= 0 for length in lengths):
            filled = [length if length > 0 else other for length, other in zip(lengths, usual, strict=True)]
            self.assumed[f"the file leaves dimensions of its input {quoted(entry.name)} open; {filled} is taken"] = None
            lengths = filled
        if any(length > 10**9 for length in lengths):
            raise unreadable(f"the input {quoted(entry.name)} has a dimension beyond a thousand million")
        return GraphInput(shape=tuple(lengths), kind="indices" if indices else "values")

    def run(self) -> None:
        """Reads every node."""
        for proto in self.graph.node:
            if proto.op_type == "Constant":
                self._constant(proto)
            else:
                self._node(proto)
            if len(self.program.documents) > LARGEST_GRAPH:
                return

    def _constant(self, proto: Any) -> None:
        """A constant given as a number or list; those given as tensors are known already."""
        for attribute in proto.attribute:
            if attribute.name in ("value_int", "value_ints") and proto.output:
                single = attribute.name == "value_int"
                values = (attribute.i,) if single else tuple(attribute.ints)[:LONGEST_LIST]
                self.values[proto.output[0]] = Numbers(values, single)
            elif proto.output and proto.output[0] not in self.values:
                self.values[proto.output[0]] = Weight((), trained=False)

    def _node(self, proto: Any) -> None:
        node = self._gathered(proto)
        if proto.op_type == "Shape" and isinstance(node.given[0], (Result, Weight)):
            results: Sequence[Value] = [Numbers(self._shape_of(node.given[0]))]
        elif not any(isinstance(value, Result) for value in node.given):
            results = [self._constant_result(node)]
        else:
            results = self._converted(node)
        for index, name in enumerate(proto.output):
            self.values[name] = results[min(index, len(results) - 1)]
        if node.bias is not None:
            self.values[self.biases[proto.output[0]][0]] = results[0]

    def _gathered(self, proto: Any) -> Node:
        given = [self.values.get(name, Weight((), trained=False)) if name else None for name in proto.input]
        if not given:
            given = [Weight((), trained=False)]
        attributes = {attribute.name: _plain(attribute) for attribute in proto.attribute}
        bias = self.biases.get(proto.output[0]) if proto.output else None
        return Node(
            operator=proto.op_type, given=given, attributes=attributes, outputs=max(1, len(proto.output)),
            bias=bias[1] if bias else None, exported_batch=self.batch,
        )  # fmt: skip

    def _shape_of(self, value: Value) -> Shape:
        return self.program.shapes[value.index] if isinstance(value, Result) else value.shape

    def _constant_result(self, node: Node) -> Value:
        """An operator on constants only: its numbers where they can be followed, else a constant of the first one's shape."""
        known = [value for value in node.given if isinstance(value, Numbers)]
        result = folded(node.operator, known, node.attributes) if len(known) == len(node.given) else None
        first = node.given[0] or Weight((), trained=False)
        if result is not None:
            return result
        shape = first.shape if isinstance(first, (Weight, Numbers)) else ()
        if node.operator == "Transpose":
            order = node.attributes.get("perm") or range(len(shape))[::-1]
            right = sorted(order) == list(range(len(shape)))
            shape = tuple(shape[axis] for axis in order) if right else shape
        return Weight(shape, isinstance(first, Weight) and first.trained)

    def _converted(self, node: Node) -> Sequence[Value]:
        try:
            return [Result(index) for index in convert(node, self.program)]
        except (CannotConvert, InvalidInput):
            self.unknown[node.operator] = None
            first = next(value for value in node.given if isinstance(value, Result))
            return [Result(self.program.add("copy", [first.index]))]

    def output(self) -> int | None:
        """The graph's first output, where the batch runs through it."""
        value = self.values.get(self.graph.output[0].name) if self.graph.output else None
        return value.index if isinstance(value, Result) else None

    def findings(self) -> tuple[Finding, ...]:
        """What was filled in, and which operators were passed over."""
        found = [assumed(message, "Export with the sizes you use for exact activations.") for message in self.assumed]
        if self.unknown:
            names = ", ".join(quoted(name) for name in list(self.unknown)[:NAMED_UNKNOWN])
            more = f" and {len(self.unknown) - NAMED_UNKNOWN} more" if len(self.unknown) > NAMED_UNKNOWN else ""
            message = f"operators that are not modelled pass their input's shape on: {names}{more}"
            found.append(doubtful(message, "Weights are exact; treat activations as a guide."))
        return tuple(found)


def _plain(attribute: Any) -> Any:
    """An attribute's value where it is a number, a text or a list of numbers."""
    kinds = {1: "f", 2: "i", 3: "s", 6: "floats", 7: "ints"}
    name = kinds.get(attribute.type)
    if name is None:
        return None
    value = getattr(attribute, name)
    return value if name in ("f", "i") else value.decode("utf-8", "replace") if name == "s" else list(value)


def _biases_of_products(graph: Any, values: dict[str, Value]) -> dict[str, tuple[str, int]]:
    """Products whose only use is a sum with a vector of weights, which linear layers are exported as: name -> (sum's name, its length)."""
    uses: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    products = {node.output[0] for node in graph.node if node.op_type == "MatMul" and node.output}
    found: dict[str, tuple[str, int]] = {}
    for node in graph.node:
        if node.op_type != "Add" or len(node.input) != 2 or not node.output:
            continue
        for product, other in (tuple(node.input), tuple(node.input)[::-1]):
            value = values.get(other)
            if product in products and uses[product] == 1 and isinstance(value, Weight) and len(value.shape) == 1:
                found[product] = (node.output[0], value.shape[0])
    return found
