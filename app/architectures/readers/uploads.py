"""An uploaded file, or its first bytes, turned into one of the model forms of a workload, with the exact bytes of its weights.

Everything in a file is somebody else's word: sizes are bounded before anything is done with them, nothing is executed, no path in it is
followed, and whatever is wrong with it ends in one sentence.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.architectures.build import build_network
from app.architectures.network import Network, Options
from app.architectures.readers import gguf_config, gguf_header, keras_json, onnx_graph, safetensors_header
from app.architectures.readers.bounded_json import decode_object
from app.architectures.readers.checkpoint_config import Recognized, by_size, preset_of, recognize
from app.architectures.readers.likeness import Unmodelled, too_unlike
from app.architectures.readers.read_model import ReadModel, assumed, doubtful, weighed
from app.architectures.readers.stored_formats import format_by_size, gguf_format, safetensors_format
from app.architectures.readers.tensor_table import unreadable
from app.units import format_decimal
from app.workloads.model import ModelReference

LARGEST_UPLOAD = 32 * 2**20  # bytes; GGUF headers with a vocabulary of 262,144 words have about 16 MB
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PART = re.compile(r"-(\d{5})-of-(\d{5})\.")
SIZE_TOLERANCE = 0.02  # share by which the network may differ from the file before that is said

# How files start that people send by mistake, and what to send instead.
MISTAKEN = (
    (b"PK\x03\x04", "is an archive (.pt, .bin, .keras, .npz); send config.json, the safetensors header or model.to_json() instead"),
    (b"\x89HDF", "is an HDF5 file; send the text of model.to_json() instead"),
    (b"\x80\x02", "is a Python pickle, which is never opened here; send config.json or a safetensors header instead"),
    (b"\x80\x04", "is a Python pickle, which is never opened here; send config.json or a safetensors header instead"),
    (b"\x1f\x8b", "is compressed; unpack it first"),
    (b"ggml", "is in the old GGML format; convert it to GGUF with a current llama.cpp"),
    (b"ggjt", "is in the old GGJT format; convert it to GGUF with a current llama.cpp"),
)  # fmt: skip
_REFERENCE: TypeAdapter[ModelReference] = TypeAdapter(ModelReference)


def read_upload(name: str, content: bytes) -> ReadModel:
    """The model in a file of this name. `content` is the file or, for GGUF and safetensors, as much of its start as holds the header.

    Raises InvalidInput with one clear sentence where the file is empty, too large, cut off, damaged or of a kind that is not read.
    """
    if not content:
        raise unreadable("the file is empty")
    if len(content) > LARGEST_UPLOAD:
        raise unreadable(
            f"{format_decimal(len(content))} are too much; send at most the first {LARGEST_UPLOAD // 2**20} MiB of the file, "
            "or for ONNX the graph saved with external data"
        )
    mistake = next((what for start, what in MISTAKEN if content.startswith(start)), None)
    if mistake:
        raise unreadable(f"this file {mistake}")
    return _checked(_reader(name, content)(name, content))


def _reader(name: str, content: bytes) -> Callable[[str, bytes], ReadModel]:
    if content.startswith(gguf_header.MAGIC):
        return _read_gguf
    suffix = name.lower().rpartition(".")[2]
    if suffix == "safetensors" or content[4:9] == b"\0\0\0\0{":
        return _read_safetensors
    if content[:64].removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"{"):
        return _read_json
    if suffix == "onnx":
        return _read_onnx
    if suffix == "gguf":
        raise unreadable("this is not a GGUF file: it does not start with the letters GGUF")
    raise unreadable("the kind of file is not known; GGUF, safetensors, ONNX, Keras JSON and config.json are read")


def _read_gguf(name: str, content: bytes) -> ReadModel:
    header = gguf_header.read_header(content)
    config, notes = gguf_config.config_of(header)
    findings = tuple(doubtful(note, "Weights are exact all the same.") for note in notes)
    parts = header.metadata.get("split.count", 1)
    weight_format = gguf_format(header.metadata, header.table)
    if isinstance(parts, int) and parts > 1:
        message = f"this is one of {parts} parts, so the weights are derived from the file type {weight_format} rather than listed"
        finding = assumed(message, "Merge the parts with llama-gguf-split for exact bytes.")
        return ReadModel(kind="gguf", model={"config": config}, weight_format=weight_format, findings=(*findings, finding))
    if not header.table.tensors:
        raise unreadable("the GGUF file holds no tensors, only a vocabulary; upload the model itself")
    count = header.table.bytes
    return ReadModel(
        kind="gguf", model=weighed({"config": config}, count, weight_format), weight_format=weight_format, exact_weight_bytes=count,
        table=header.table, findings=findings,
    )  # fmt: skip


def _read_safetensors(name: str, content: bytes) -> ReadModel:
    part = PART.search(name)
    if part and int(part[2]) > 1:
        raise unreadable(f"this is one of {int(part[2])} parts of a model; upload model.safetensors.index.json, which lists them all")
    table = safetensors_header.read_header(content)
    found, weight_format = recognize(table), safetensors_format(table)
    return ReadModel(
        kind="safetensors", model=weighed(found.model, table.bytes, weight_format), weight_format=weight_format,
        exact_weight_bytes=table.bytes, table=table, findings=_said(found),
    )  # fmt: skip


def _said(found: Recognized) -> tuple[Any, ...]:
    return (assumed(found.how, "" if found.certain else "Paste the model's config.json for its exact shape."),)


def _read_json(name: str, content: bytes) -> ReadModel:
    """A JSON file is told by its keys."""
    document = decode_object(content.removeprefix(BYTE_ORDER_MARK), "file")
    if "weight_map" in document:
        return _read_index(document)
    if "class_name" in document:
        return keras_json.read(document)
    if "model_type" in document or "_class_name" in document:
        return ReadModel(kind="config", model={"config": document})
    raise unreadable("this JSON is no config.json, no safetensors index and no Keras model: none of their keys is in it")


def _read_index(document: Mapping[str, Any]) -> ReadModel:
    index = safetensors_header.read_index(document)
    found, parameters = _recognized_by_index(index)
    weight_format = format_by_size(index.total_bytes / parameters)
    return ReadModel(
        kind="safetensors index", model=weighed(found.model, index.total_bytes, weight_format), weight_format=weight_format,
        exact_weight_bytes=index.total_bytes, findings=_said(found),
    )  # fmt: skip


def _recognized_by_index(index: safetensors_header.Index) -> tuple[Recognized, int]:
    """The library model of that many parameters, in 16 or 32 bits; else a size, at 16 bits unless the index says more."""
    guesses = (index.parameters,) if index.parameters else (index.total_bytes // 2, index.total_bytes // 4)
    known = next(((found, count) for count in guesses if count and (found := preset_of(count))), None)
    count = max(1, guesses[0])
    found = by_size(count, index.names)
    at_16_bits = found if index.parameters else replace(found, how=f"{found.how}, at two bytes each")
    return known or (at_16_bits, count)


def _read_onnx(name: str, content: bytes) -> ReadModel:
    return onnx_graph.read(content)


def _checked(read: ReadModel) -> ReadModel:
    """The model is built once, so that what is wrong with it is said now; what has no program becomes a size."""
    try:
        network = build_network(_REFERENCE.validate_python(read.model), Options())
    except ValidationError as error:
        raise unreadable(f"the model in this file is out of bounds: {error.errors(include_url=False)[0]['msg']}") from None
    except Unmodelled as unmodelled:
        return _as_size(read, unmodelled)
    if read.table and read.table.weights and too_unlike(network, read.table.weights):
        return _as_size(read, Unmodelled(str(network.taken_for).partition(" is not modelled")[0], read.table.weights))
    return _compared(read, network)


def _as_size(read: ReadModel, unmodelled: Unmodelled) -> ReadModel:
    """A network without a program, known by its size; the exact weights stay."""
    if read.table is None or not read.table.weights:
        if unmodelled.parameters is not None:
            return read
        raise unreadable(f"{unmodelled.what} is not modelled and the file does not tell its size; name its parameters instead")
    size = by_size(read.table.weights, read.table.shapes)
    family = "decoder" if read.kind == "gguf" else size.model["family"]
    model = {"parameters": read.table.weights, "family": family, "weights": read.model["weights"]}
    message = f"{unmodelled.what} is not modelled: weights are exact, everything else follows from its {read.table.weights:,} parameters"
    return replace(read, model=model).with_finding(doubtful(message, "Treat cache and activations as a guide."))


def _compared(read: ReadModel, network: Network) -> ReadModel:
    """Says where the network that will be traced is not as large as the file."""
    if read.table is None or not read.table.weights:
        return read
    derived, listed = network.parameter_count(), read.table.weights
    if abs(derived / listed - 1) <= SIZE_TOLERANCE:
        return read
    message = f"the file lists {listed:,} parameters where its description makes {derived:,}"
    return read.with_finding(doubtful(message, "Weights are exact; treat activations and cache as a guide."))
