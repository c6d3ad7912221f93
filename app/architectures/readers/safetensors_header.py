"""The header of a safetensors file, and the index of a model in several such files.

The format: eight bytes with the length of the header (little-endian), then the header, a JSON object of tensors by name. Its own package
opens whole files only, which nobody should have to send.
Source: safetensors 0.8, README and safetensors/src/tensor.rs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from app.architectures.readers.bounded_json import LARGEST_JSON, decode_object
from app.architectures.readers.tensor_table import MOST_TENSORS, StoredTensor, TensorTable, element_count, quoted, unreadable

LENGTH_BYTES = 8
LARGEST_HEADER = 100_000_000  # the format's own bound
LARGEST_DIMENSION = 2**44
BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64,
}  # fmt: skip

# What is no parameter: running statistics, tables that follow from the configuration, scales of packed weights.
NO_WEIGHTS = re.compile(
    r"(^|\.)(running_mean|running_var|num_batches_tracked|inv_freq|position_ids|masked_bias|relative_position_index|"
    r"qzeros|scales|g_idx|absmax|quant_map|nested_absmax|nested_quant_map|SCB|weight_format|weight_scale|weight_scale_inv|weight_scale_2|"
    r"input_scale|weight_shape)$|_scales$|quant_state|\.attn\.bias$"
)
# Weights in one element of a packed tensor, by the end of its name and its type.
PACKED = {("qweight", "I32"): 8, ("_blocks", "U8"): 2, ("weight_packed", "I32"): 8, ("weight_packed", "U8"): 2}
NF4_MARK = ".absmax"


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What `model.safetensors.index.json` says: bytes of all tensors, their names, and the number of parameters where it is given."""

    total_bytes: int
    names: tuple[str, ...]
    parameters: int | None


def read_header(content: bytes) -> TensorTable:
    """The tensors of a safetensors file, from its first bytes. Raises InvalidInput where the header is wrong or not all there."""
    if len(content) < LENGTH_BYTES:
        raise unreadable("the safetensors file is cut off before its header")
    length = int.from_bytes(content[:LENGTH_BYTES], "little")
    if length > LARGEST_HEADER:
        raise unreadable(f"the safetensors header claims {length:,} bytes, more than the format allows; is this a safetensors file?")
    if length > LARGEST_JSON:
        raise unreadable(f"the safetensors header has {length:,} bytes; at most {LARGEST_JSON:,} are read")
    if len(content) < LENGTH_BYTES + length:
        raise unreadable(f"the safetensors header is cut off: send the first {LENGTH_BYTES + length:,} bytes of the file")
    entries = decode_object(content[LENGTH_BYTES : LENGTH_BYTES + length], "safetensors header")
    entries.pop("__metadata__", None)
    return _table(entries)


def _table(entries: Mapping[str, Any]) -> TensorTable:
    if not entries:
        raise unreadable("the safetensors header lists no tensors")
    if len(entries) > MOST_TENSORS:
        raise unreadable(f"the safetensors header lists {len(entries):,} tensors; at most {MOST_TENSORS:,} are read")
    placed = sorted((_offsets(name, entry), name) for name, entry in entries.items())
    end = 0
    for (start, stop), name in placed:
        if start != end:
            raise unreadable(f"tensor {quoted(name)} starts at byte {start:,} where {end:,} is next; the header is damaged")
        end = stop
    return TensorTable(tuple(_tensor(name, entry, entries) for name, entry in entries.items()))


def _offsets(name: str, entry: Any) -> tuple[int, int]:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not _whole_numbers(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise unreadable(f"tensor {quoted(name)} has no valid data_offsets")
    return offsets[0], offsets[1]


def _whole_numbers(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and 0 <= value <= LARGEST_DIMENSION for value in values)


def _tensor(name: str, entry: Mapping[str, Any], all_entries: Mapping[str, Any]) -> StoredTensor:
    kind, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(kind, str) or kind not in BITS:
        raise unreadable(f"tensor {quoted(name)} has the unknown type {quoted(str(kind))}")
    if not _whole_numbers(shape):
        raise unreadable(f"the shape of tensor {quoted(name)} is no list of whole numbers")
    elements = element_count(name, tuple(shape))
    start, stop = entry["data_offsets"]
    if elements * BITS[kind] != 8 * (stop - start):
        raise unreadable(f"tensor {quoted(name)} takes {stop - start:,} bytes, which do not fit its shape and type")
    weights = elements * _weights_per_element(name, kind, all_entries)
    return StoredTensor(name=name, type=kind, shape=tuple(shape), bytes=stop - start, weights=weights)


def _weights_per_element(name: str, kind: str, entries: Mapping[str, Any]) -> int:
    if NO_WEIGHTS.search(name):
        return 0
    if kind == "U8" and f"{name}{NF4_MARK}" in entries:
        return 2
    return next((count for (end, packed), count in PACKED.items() if kind == packed and name.endswith(end)), 1)


def read_index(document: Mapping[str, Any]) -> Index:
    """The decoded `model.safetensors.index.json`. Raises InvalidInput where it does not name the total size."""
    names, metadata = document.get("weight_map"), document.get("metadata")
    if not isinstance(names, dict) or not names or len(names) > MOST_TENSORS:
        raise unreadable(f"weight_map must list from 1 to {MOST_TENSORS:,} tensors")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    if type(total) is float and total.is_integer():
        total = int(total)
    if type(total) is not int or not 1 <= total <= 8 * LARGEST_DIMENSION:
        raise unreadable("metadata.total_size must be the bytes of all tensors; without it upload one file's header, or config.json")
    parameters = metadata.get("total_parameters") if isinstance(metadata, dict) else None
    exact = parameters if type(parameters) is int and 1 <= parameters <= 8 * total else None
    return Index(total_bytes=total, names=tuple(map(str, names)), parameters=exact)
