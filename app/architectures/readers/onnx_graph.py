"""The graph of an ONNX file on the tape: its initializers as a tensor table, its operators as those of a graph document.

Operators that are not known pass the shape of their first input on, and are named in a finding.
Source: ONNX operator schemas up to opset 23.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.architectures.graph import Program
from app.architectures.readers.onnx_file import GraphInputInfo, OnnxFile, Operator, decode
from app.architectures.readers.onnx_node import CannotConvert, Node
from app.architectures.readers.onnx_operators import convert
from app.architectures.readers.onnx_values import Numbers, Result, Value, Weight, folded
from app.architectures.readers.read_model import ReadModel, assumed, doubtful, weighed
from app.architectures.readers.stored_formats import DEFAULT_FORMAT
from app.architectures.readers.tensor_table import TensorTable, quoted, unreadable
from app.errors import InvalidInput
from app.placement import Finding
from app.tape.tensor import Shape
from app.workloads.model import LARGEST_GRAPH, GraphInput

MOST_INPUTS, MOST_LENGTHS = 32, 7
LARGEST_LENGTH = 10**7
NAMED_UNKNOWN = 6  # operators that a finding names
USUAL_CHANNELS, USUAL_SIDE, USUAL_LENGTH = 3, 224, 128  # pixels and tokens taken for dimensions that the file leaves open
FORMATS = {
    "float32": "fp32", "float64": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8", "uint8": "int8", "int4": "gptq_int4",
    "uint4": "gptq_int4",
}  # fmt: skip
NO_CONSTANT = Weight((), trained=False)


def read(content: bytes) -> ReadModel:
    """The network of an ONNX file. Raises InvalidInput where it cannot be decoded, is empty or too large."""
    file = decode(content)
    reader = _Reader(file)
    reader.run()
    return _read_model(reader, _table(file))


def _table(file: OnnxFile) -> TensorTable:
    """The constants; running statistics of batch norms are no parameters."""
    statistics = {name for operator in file.operators if operator.kind == "BatchNormalization" for name in operator.inputs[3:5]}
    tensors = (constant.tensor for constant in file.constants.values())
    return TensorTable(tuple(replace(tensor, weights=0) if tensor.name in statistics else tensor for tensor in tensors))


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


class _Reader:
    """Walks the operators in order and adds to the program what the batch runs through."""

    def __init__(self, file: OnnxFile) -> None:
        self.file = file
        self.unknown: dict[str, None] = {}
        self.assumed: dict[str, None] = {}
        given = [entry for entry in file.inputs if entry.name not in file.constants]
        if not 1 <= len(given) <= MOST_INPUTS:
            raise unreadable(f"the ONNX graph has {len(given)} inputs; from 1 to {MOST_INPUTS} are read")
        self.batch = max(1, given[0].dimensions[0]) if given[0].dimensions else 1
        self.program = Program([self._input(entry) for entry in given])
        self.values: dict[str, Value] = {entry.name: Result(index) for index, entry in enumerate(given)}
        for name, constant in file.constants.items():
            self.values[name] = constant.numbers or Weight(constant.tensor.shape, constant.trained)
        self.absorbed: set[str] = set()
        self.biases = _biases_of_products(file, self.values)

    def _input(self, entry: GraphInputInfo) -> GraphInput:
        lengths = entry.dimensions[1:]
        if len(lengths) > MOST_LENGTHS or any(length > LARGEST_LENGTH for length in lengths):
            raise unreadable(f"the input {quoted(entry.name)} of the ONNX graph has an absurd shape")
        spatial = len(lengths) >= 3
        usual = [USUAL_CHANNELS, *[USUAL_SIDE] * (len(lengths) - 1)] if spatial else [USUAL_LENGTH] * len(lengths)
        filled = [length or other for length, other in zip(lengths, usual, strict=True)]
        if 0 in lengths:
            self.assumed[f"the file leaves dimensions of its input {quoted(entry.name)} open; {filled} is taken"] = None
        return GraphInput(shape=tuple(filled), kind="indices" if entry.indices else "values")

    def run(self) -> None:
        """Reads every operator, up to the most that are traced."""
        for operator in self.file.operators:
            if operator.kind == "Constant":
                self._constant(operator)
            elif operator.outputs and operator.outputs[0] not in self.absorbed:
                self._add(operator)
            if len(self.program.documents) > LARGEST_GRAPH:
                return

    def _constant(self, operator: Operator) -> None:
        """A constant given as a number or a list; those given as tensors are known already."""
        if not operator.outputs or operator.outputs[0] in self.values:
            return
        single, listed = operator.attributes.get("value_int"), operator.attributes.get("value_ints")
        value: Value = NO_CONSTANT
        if type(single) is int:
            value = Numbers((single,), scalar=True)
        elif isinstance(listed, list) and all(type(number) is int for number in listed):
            value = Numbers(tuple(listed))
        self.values[operator.outputs[0]] = value

    def _add(self, operator: Operator) -> None:
        given = [self.values.get(name, NO_CONSTANT) if name else None for name in operator.inputs] or [NO_CONSTANT]
        total, length = self.biases.get(operator.outputs[0], ("", None))
        node = Node(
            operator=operator.kind, given=given, attributes=operator.attributes, outputs=len(operator.outputs), bias=length,
            exported_batch=self.batch,
        )  # fmt: skip
        results = self._results(node)
        for index, name in enumerate(operator.outputs):
            self.values[name] = results[min(index, len(results) - 1)]
        if total:
            self.values[total] = results[0]
            self.absorbed.add(total)

    def _results(self, node: Node) -> Sequence[Value]:
        first = node.given[0]
        if node.operator == "Shape" and first is not None:
            return [Numbers(self.program.shapes[first.index] if isinstance(first, Result) else first.shape)]
        if not any(isinstance(value, Result) for value in node.given):
            return [_constant_result(node)]
        try:
            return [Result(index) for index in convert(node, self.program)]
        except (CannotConvert, InvalidInput):
            self.unknown[node.operator] = None
            source = next(value for value in node.given if isinstance(value, Result))
            return [Result(self.program.add("copy", [source.index]))]

    def output(self) -> int | None:
        """The graph's first output, where the batch runs through it."""
        value = self.values.get(self.file.outputs[0]) if self.file.outputs else None
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


def _constant_result(node: Node) -> Value:
    """An operator on constants only: its numbers where they can be followed, else a constant of the first one's shape."""
    known = [value for value in node.given if isinstance(value, Numbers)]
    result = folded(node.operator, known, node.attributes) if len(known) == len(node.given) else None
    if result is not None:
        return result
    first = node.given[0]
    if not isinstance(first, Weight):
        return NO_CONSTANT
    return Weight(_turned(first.shape, node) if node.operator == "Transpose" else first.shape, first.trained)


def _turned(shape: Shape, node: Node) -> Shape:
    order = node.attributes.get("perm", list(range(len(shape)))[::-1])
    right = isinstance(order, list) and all(type(axis) is int for axis in order) and sorted(order) == list(range(len(shape)))
    return tuple(shape[axis] for axis in order) if right else shape


def _biases_of_products(file: OnnxFile, values: dict[str, Value]) -> dict[str, tuple[str, int]]:
    """Products with weights whose only use is a sum with a vector of weights, which linear layers are exported as.

    Gives, by the product's name, the sum's name and the vector's length.
    """
    uses = Counter(name for operator in file.operators for name in operator.inputs)
    widths: dict[str, int] = {}
    for operator in file.operators:
        factor = values.get(operator.inputs[1]) if operator.kind == "MatMul" and len(operator.inputs) == 2 else None
        if isinstance(factor, Weight) and len(factor.shape) == 2 and operator.outputs:
            widths[operator.outputs[0]] = factor.shape[1]
    found: dict[str, tuple[str, int]] = {}
    for operator in file.operators:
        if operator.kind == "Add" and len(operator.inputs) == 2 and operator.outputs:
            for product, other in (operator.inputs, operator.inputs[::-1]):
                value = values.get(other)
                if uses[product] == 1 and isinstance(value, Weight) and value.shape == (widths.get(product),):
                    found[product] = (operator.outputs[0], value.shape[0])
    return found
