"""The header of a GGUF file: its metadata and its tensor table, from the first megabytes of the file.

The format (GGUF 2 and 3, little-endian): magic, version, counts, then typed key-value pairs, then name, shape, type and offset of each
tensor. It is read here rather than by the `gguf` package, whose reader needs the whole file and follows every length it finds
(docs/adr/0004); the package is the oracle of the tests.
Source: ggml/docs/gguf.md; gguf 0.19, gguf_reader.py.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.architectures.readers.ggml_types import TYPES
from app.architectures.readers.tensor_table import MOST_TENSORS, StoredTensor, TensorTable, element_count, quoted, unreadable

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_KEYS = 10_000  # real files have some fifty
MOST_DIMENSIONS = 4  # GGML_MAX_DIMS
LONGEST_NAME = 65_535  # bytes; the format's own bound for keys
MOST_STRINGS = 2_000_000  # of one array; Gemma's vocabulary has 262,144
KEPT_ELEMENTS = 2_048  # longer arrays are only counted: none of them shapes the network

STRING, ARRAY = 8, 9
SCALARS = {
    number: struct.Struct(f"<{code}")
    for number, code in {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}.items()
}
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class LongArray:
    """An array that was only counted."""

    length: int


Value = int | float | bool | str | tuple[int | float | bool, ...] | LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """Metadata by key, and the tensors, whose shapes have rows first."""

    metadata: Mapping[str, Value]
    table: TensorTable


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    @property
    def left(self) -> int:
        return len(self.content) - self.position

    def skip(self, count: int) -> int:
        """Moves on by so many bytes; gives where they start."""
        if count > self.left:
            raise unreadable(f"the GGUF header is cut off after {len(self.content):,} bytes: send a longer piece from the file's start")
        start = self.position
        self.position += count
        return start

    def number(self, kind: struct.Struct) -> int | float | bool:
        value: int | float | bool = kind.unpack_from(self.content, self.skip(kind.size))[0]
        return value

    def u32(self) -> int:
        return int(self.number(_U32))

    def u64(self) -> int:
        return int(self.number(_U64))

    def text(self, longest: int) -> str:
        length = self.u64()
        if length > longest:
            raise unreadable(f"a text in the GGUF header claims {length:,} bytes; the file is damaged")
        start = self.skip(length)
        return self.content[start : self.position].decode("utf-8", errors="replace")


def read_header(content: bytes) -> GgufHeader:
    """Metadata and tensors of a GGUF file. Raises InvalidInput where the header is damaged, not all there, or of another version."""
    cursor = _Cursor(content)
    if content[: cursor.skip(len(MAGIC)) + len(MAGIC)] != MAGIC:
        raise unreadable("this is not a GGUF file: it does not start with the letters GGUF")
    _check_version(cursor.u32())
    tensor_count, key_count = cursor.u64(), cursor.u64()
    if tensor_count > MOST_TENSORS or key_count > MOST_KEYS:
        raise unreadable(f"the GGUF header claims {tensor_count:,} tensors and {key_count:,} keys; the file is damaged")
    metadata: dict[str, Value] = {}
    for _ in range(key_count):
        key = cursor.text(LONGEST_NAME)
        if key in metadata:
            raise unreadable(f"the key {quoted(key)} is in the GGUF header twice")
        metadata[key] = _value(cursor, cursor.u32())
    tensors = tuple(_tensor(cursor) for _ in range(tensor_count))
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise unreadable("two tensors of the GGUF file have the same name")
    return GgufHeader(metadata=MappingProxyType(metadata), table=TensorTable(tensors))


def _check_version(version: int) -> None:
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        why = "is written for big-endian machines" if swapped in VERSIONS else f"has version {version}"
        raise unreadable(f"this GGUF file {why}; versions 2 and 3 in little-endian order are read. Convert it with a current llama.cpp")


def _value(cursor: _Cursor, kind: int) -> Value:
    if kind in SCALARS:
        return cursor.number(SCALARS[kind])
    if kind == STRING:
        return cursor.text(cursor.left)
    if kind == ARRAY:
        return _array(cursor)
    raise unreadable(f"the GGUF header has a value of the unknown type {kind}; the file is damaged")


def _array(cursor: _Cursor) -> Value:
    kind, length = cursor.u32(), cursor.u64()
    if kind == STRING:
        return _skipped_strings(cursor, length)
    if kind not in SCALARS:
        raise unreadable(f"the GGUF header has an array of the type {kind}, which is not known or nested; the file is damaged")
    scalar = SCALARS[kind]
    start = cursor.skip(scalar.size * length)
    if length > KEPT_ELEMENTS:
        return LongArray(length)
    return tuple(scalar.unpack_from(cursor.content, start + index * scalar.size)[0] for index in range(length))


def _skipped_strings(cursor: _Cursor, count: int) -> LongArray:
    if count > MOST_STRINGS:
        raise unreadable(f"the GGUF header has a list of {count:,} texts; at most {MOST_STRINGS:,} are read")
    for _ in range(count):
        cursor.skip(cursor.u64())
    return LongArray(count)


def _tensor(cursor: _Cursor) -> StoredTensor:
    name = cursor.text(LONGEST_NAME)
    dimensions = cursor.u32()
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise unreadable(f"tensor {quoted(name)} claims {dimensions:,} dimensions; GGUF allows 1 to {MOST_DIMENSIONS}")
    shape = tuple(cursor.u64() for _ in range(dimensions))
    number = cursor.u32()
    cursor.u64()  # where its data lies
    if number not in TYPES:
        raise unreadable(f"tensor {quoted(name)} has the unknown type {number}; the file is damaged or newer than this reader")
    kind = TYPES[number]
    elements = element_count(name, shape)
    if shape[0] % kind.block:
        raise unreadable(f"tensor {quoted(name)} has rows of {shape[0]:,}, no multiple of the {kind.block} that {kind.name} packs together")
    weights = 0 if name.startswith("rope_") else elements
    return StoredTensor(name=name, type=kind.name, shape=shape[::-1], bytes=elements // kind.block * kind.bytes, weights=weights)
