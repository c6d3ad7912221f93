"""An ONNX file taken apart: its operators, the shapes of its constants, its inputs and outputs.

The file is one protobuf message. Decoded in one go, small files can fill gigabytes (8 MiB of empty operators become 0.6 GiB), so the outer
messages are walked here, counted and bounded, and the `onnx` package decodes one operator, constant or input at a time. Data of tensors
is never decoded but for short lists of whole numbers, and nothing outside the file is opened.
Source: onnx/onnx.proto (field numbers); the protobuf encoding.
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.architectures.readers.onnx_values import LONGEST_LIST, Numbers
from app.architectures.readers.tensor_table import LONGEST_QUOTE, StoredTensor, element_count, quoted, unreadable
from app.tape.tensor import Shape

MOST_NODES = 20_000
MOST_CONSTANTS = 50_000
MOST_ARGUMENTS = 1_024  # inputs, outputs or attributes of one operator
LARGEST_NODE = 2**20  # bytes; exporters put weights into initializers
KEPT_FIELD, LARGEST_KEPT = 4_096, 2**16  # bytes of a constant's fields; longer ones are data and are passed over

GRAPH = 7  # in ModelProto
NODE, INITIALIZER, INPUT, OUTPUT = 1, 5, 11, 12  # in GraphProto
VARINT, DELIMITED = 0, 2  # wire types
FIXED = {1: 8, 5: 4}  # wire type -> bytes
LONGEST_VARINT = 10
MOST_FIELDS = 600_000  # of all messages together, which bounds the time that reading takes

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
ATTRIBUTES = {1: "f", 2: "i", 3: "s", 6: "floats", 7: "ints"}  # AttributeProto.AttributeType -> the field that holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A constant tensor; `numbers` are its values where it is a short list of whole numbers, `trained` tells weights from indices."""

    tensor: StoredTensor
    numbers: Numbers | None
    trained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One node of the graph: names of its inputs ("" where one is left out) and outputs, attributes that are numbers or texts."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphInputInfo:
    """An input as declared: its dimensions, 0 where one is left open."""

    name: str
    dimensions: Shape
    indices: bool


@dataclass(slots=True)
class OnnxFile:
    """What the graph holds, in file order."""

    operators: list[Operator] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    inputs: list[GraphInputInfo] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


class Piece(NamedTuple):
    """A delimited field: its number, where its tag begins, and where its content begins and ends."""

    number: int
    tag: int
    start: int
    end: int


def decode(content: bytes) -> OnnxFile:
    """The graph of an ONNX file. Raises InvalidInput where it is cut off, damaged, too large, or the `onnx` package is missing."""
    decoder = _Decoder(content)
    walker = decoder.walker
    for outer in walker.pieces(0, len(content)):
        if outer.number == GRAPH:
            for piece in walker.pieces(outer.start, outer.end):
                decoder.take(piece)
    if not decoder.file.operators:
        raise unreadable("the ONNX file holds no graph; it is damaged or of another kind")
    return decoder.file


class Walker:
    """Walks protobuf messages field by field, within a budget for the whole file."""

    def __init__(self, content: bytes) -> None:
        self.content, self.left = content, MOST_FIELDS

    def spend(self, count: int) -> None:
        """Counts what is looked at."""
        self.left -= count
        if self.left < 0:
            raise unreadable("the ONNX file has more parts than any real one")

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """The delimited fields of a message; numbers between them are passed over."""
        position = start
        while position < end:
            self.spend(1)
            begin = position
            tag, position = self._varint(position, end)
            kind = tag & 7
            if kind == DELIMITED:
                length, position = self._varint(position, end)
                if length > end - position:
                    raise unreadable("the ONNX file is cut off or damaged; with external data even large models have small files")
                yield Piece(tag >> 3, begin, position, position + length)
                position += length
            elif kind == VARINT:
                _, position = self._varint(position, end)
            elif kind in FIXED:
                position += FIXED[kind]
            else:
                raise unreadable("the ONNX file is damaged or of another kind")

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = 0
        for index, byte in enumerate(self.content[position : min(end, position + LONGEST_VARINT)]):
            value |= (byte & 127) << 7 * index
            if byte < 128:
                return value, position + index + 1
        raise unreadable("the ONNX file is cut off or damaged")


class _Decoder:
    """Decodes one piece after the other into plain values."""

    def __init__(self, content: bytes) -> None:
        try:
            self.onnx: Any = importlib.import_module("onnx")
            self.error: Any = importlib.import_module("google.protobuf.message").DecodeError
        except ImportError:
            raise unreadable("reading ONNX files needs the onnx package: install Rigwise with its extra, rigwise[files]") from None
        self.content, self.file, self.walker = content, OnnxFile(), Walker(content)

    def take(self, piece: Piece) -> None:
        """One field of the graph."""
        if piece.number == NODE:
            self._operator(piece)
        elif piece.number == INITIALIZER:
            self._constant("", self._message("TensorProto", self._without_data(piece)))
        elif piece.number in (INPUT, OUTPUT):
            self._declared(piece)

    def _message(self, kind: str, content: bytes) -> Any:
        try:
            return getattr(self.onnx, kind).FromString(content)
        except self.error:
            raise unreadable("the ONNX file is damaged: a part of its graph cannot be decoded") from None

    def _without_data(self, constant: Piece) -> bytes:
        """A constant's message without its long fields."""
        kept, done = bytearray(), constant.start
        for piece in self.walker.pieces(constant.start, constant.end):
            if piece.end - piece.start > KEPT_FIELD:
                kept += self.content[done : piece.tag]
                done = piece.end
        kept += self.content[done : constant.end]
        if len(kept) > LARGEST_KEPT:
            raise unreadable("a constant of the ONNX file is described at absurd length")
        return bytes(kept)

    def _declared(self, piece: Piece) -> None:
        if piece.end - piece.start > LARGEST_KEPT or len(self.file.inputs) + len(self.file.outputs) > MOST_CONSTANTS:
            raise unreadable("the inputs and outputs of the ONNX file are described at absurd length")
        message = self._message("ValueInfoProto", self.content[piece.start : piece.end])
        if piece.number == OUTPUT:
            self.file.outputs.append(message.name)
            return
        kind = message.type.tensor_type
        dimensions = tuple(max(0, dimension.dim_value) for dimension in kind.shape.dim)
        self.file.inputs.append(GraphInputInfo(name=message.name, dimensions=dimensions, indices=kind.elem_type in INDEX_TYPES))

    def _operator(self, piece: Piece) -> None:
        if len(self.file.operators) >= MOST_NODES:
            raise unreadable(f"the ONNX graph has more than {MOST_NODES:,} operators")
        if piece.end - piece.start > LARGEST_NODE:
            raise unreadable("an operator of the ONNX file holds over a megabyte itself; export the model with its weights as initializers")
        message = self._message("NodeProto", self.content[piece.start : piece.end])
        self.walker.spend(len(message.input) + len(message.output) + len(message.attribute))
        if max(len(message.input), len(message.output), len(message.attribute)) > MOST_ARGUMENTS:
            raise unreadable(f"an operator of the ONNX file has more than {MOST_ARGUMENTS:,} inputs, outputs or attributes")
        for attribute in message.attribute:
            if message.op_type == "Constant" and attribute.HasField("t") and message.output:
                self._constant(message.output[0], attribute.t)
        attributes = {attribute.name: value for attribute in message.attribute if (value := _plain(attribute)) is not None}
        names = (tuple(message.input), tuple(message.output))
        self.file.operators.append(Operator(kind=message.op_type, inputs=names[0], outputs=names[1], attributes=attributes))

    def _constant(self, name: str, message: Any) -> None:
        if len(self.file.constants) >= MOST_CONSTANTS:
            raise unreadable(f"the ONNX file holds more than {MOST_CONSTANTS:,} tensors")
        name = name or message.name
        if message.data_type not in TYPES:
            raise unreadable(f"tensor {quoted(name)} has the unknown type {message.data_type}")
        shape, (kind, bits) = tuple(message.dims), TYPES[message.data_type]
        if any(length < 0 for length in shape):
            raise unreadable(f"tensor {quoted(name)} has a dimension below zero")
        elements, trained = element_count(name, shape), message.data_type not in INDEX_TYPES
        weights = elements if trained else 0
        tensor = StoredTensor(name=name, type=kind, shape=shape, bytes=-(-elements * bits // 8), weights=weights)
        self.file.constants[name] = Constant(tensor=tensor, numbers=_numbers(message, shape, elements), trained=trained)


def _plain(attribute: Any) -> Any:
    """An attribute's value where it is a number, a text or a short list of numbers, else None."""
    name = ATTRIBUTES.get(attribute.type)
    if name is None:
        return None
    value = getattr(attribute, name)
    if name == "s":
        return value[:LONGEST_QUOTE].decode("utf-8", "replace")
    return value if name in ("f", "i") else list(value) if len(value) <= LONGEST_LIST else None


def _numbers(message: Any, shape: Shape, count: int) -> Numbers | None:
    """The whole numbers of a short constant, None where it is another tensor or its data is not here."""
    if message.data_type not in (INT32, INT64) or len(shape) > 1 or count > LONGEST_LIST:
        return None
    size = TYPES[message.data_type][1] // 8
    listed: Iterable[int] = message.int64_data if message.data_type == INT64 else message.int32_data
    raw = message.raw_data
    if raw:
        listed = (int.from_bytes(raw[at : at + size], "little", signed=True) for at in range(0, len(raw), size))
    known = tuple(listed)
    return Numbers(known, not shape) if len(known) == count else None
