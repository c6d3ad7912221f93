"""`model.to_json()` of Keras 2 and 3, Sequential and Functional, as a graph on the tape.

Keras has channels last; the graph has them first, which is the same in bytes and work. Nothing is executed: Lambda layers and custom
classes pass their input's shape on and are named in a finding.
Source: keras 3, src/models/{sequential,functional}.py and src/layers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.architectures.graph import Program
from app.architectures.readers.keras_layers import CannotConvert, Layer, channels_first, convert
from app.architectures.readers.read_model import ReadModel, assumed, doubtful
from app.architectures.readers.tensor_table import quoted, unreadable
from app.errors import InvalidInput
from app.workloads.model import LARGEST_GRAPH, GraphInput

MOST_LAYERS = 2_000
DEEPEST = 4  # models inside models
USUAL_LENGTH = 128  # taken for a dimension that is left open
USUAL_SIDE = 224
LARGEST_DIMENSION = 10**7
INDEX_TYPES = ("int32", "int64", "uint8")

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input of a layer comes from: the layer's name, which call of it, and which output."""

    name: str
    call: int = 0
    output: int = 0


def read(document: Config) -> ReadModel:
    """The network of a Keras model. Raises InvalidInput where the document is no model or cannot be built."""
    reader = _Reader()
    output = reader.model(document)
    nodes = reader.program.documents
    if not nodes:
        raise unreadable("the Keras model has no layers that compute anything")
    if len(nodes) > LARGEST_GRAPH:
        raise unreadable(f"the Keras model comes to {len(nodes):,} operators; at most {LARGEST_GRAPH:,} are traced")
    inputs = [given.model_dump(mode="json") for given in reader.program.inputs]
    findings = [assumed(message, "Set the input shape in Keras for exact activations.") for message in reader.assumed]
    if reader.unknown:
        names = ", ".join(quoted(name) for name in list(reader.unknown)[:6])
        findings.append(doubtful(f"layers that are not modelled pass their input's shape on: {names}", "Treat the result as a guide."))
    return ReadModel(kind="keras", model={"graph": {"inputs": inputs, "nodes": nodes, "output": output}}, findings=tuple(findings))


class _Reader:
    def __init__(self) -> None:
        self.program = Program(())
        self.unknown: dict[str, None] = {}
        self.assumed: dict[str, None] = {}
        self.shared: dict[str, str] = {}

    def model(self, document: Config) -> int:
        layers = _layers(document)
        if document.get("class_name") == "Sequential":
            return self._sequential(layers, self._declared_input(layers, _config(document)), 0)
        inputs = [layer for layer in layers if layer.kind == "InputLayer"]
        if not inputs:
            raise unreadable("the Keras model names no input")
        self.program = Program([self._input(layer.config) for layer in inputs])
        values = {layer.name: index for index, layer in enumerate(inputs)}
        return self._functional(layers, values, _config(document), 0)

    def _declared_input(self, layers: Sequence[Layer], config: Config) -> int:
        """A Sequential model says its input in its first layer, or in `build_input_shape`."""
        candidates = [*(layer.config for layer in layers[:1]), {"batch_input_shape": config.get("build_input_shape")}]
        shaped = next((given for given in candidates if _declared_shape(given) is not None), None)
        if shaped is None:
            raise unreadable("the Keras model does not say its input shape; build it, or add an Input layer, before to_json()")
        first = next((layer for layer in layers if layer.kind != "InputLayer"), None)
        indices = first is not None and first.kind == "Embedding"
        self.program = Program([self._input({**shaped, "dtype": "int32" if indices else "float32"})])
        return 0

    def _input(self, config: Config) -> GraphInput:
        lengths = _declared_shape(config)
        if lengths is None:
            raise unreadable("an input of the Keras model has no shape")
        usual = USUAL_SIDE if len(lengths) > 2 else USUAL_LENGTH
        if None in lengths:
            self.assumed[f"the model leaves dimensions of its input open; {usual} is taken for each"] = None
        known = [usual if length is None else length for length in lengths]
        shape = channels_first(known, config.get("data_format")) if len(known) > 1 else tuple(known)
        kind = config.get("dtype")
        return GraphInput(shape=shape, kind="indices" if isinstance(kind, str) and kind in INDEX_TYPES else "values")

    def _sequential(self, layers: Sequence[Layer], value: int, depth: int) -> int:
        for layer in layers:
            if layer.kind != "InputLayer":
                value = self._applied(layer, [value], depth)
        return value

    def _functional(self, layers: Sequence[Layer], values: dict[str, int], config: Config, depth: int) -> int:
        """Layers in an order in which every input is there; a file may list them in any."""
        waiting = [layer for layer in layers if layer.kind != "InputLayer"]
        sources = {layer.name: _sources(layer.inbound) for layer in waiting}
        for _ in range(len(waiting) + 1):
            ready = [layer for layer in waiting if all(source.name in values for source in sources[layer.name])]
            if not ready:
                break
            for layer in ready:
                values[layer.name] = self._applied(layer, [values[source.name] for source in sources[layer.name]], depth)
            waiting = [layer for layer in waiting if layer.name not in values]
        if waiting:
            raise unreadable(f"layer {quoted(waiting[0].name)} of the Keras model waits for an input that never comes")
        outputs = _sources(config.get("output_layers"))
        return values.get(outputs[0].name if outputs else "", len(self.program.shapes) - 1)

    def _applied(self, layer: Layer, given: list[int], depth: int) -> int:
        if not given:
            raise unreadable(f"layer {quoted(layer.name)} of the Keras model has no input")
        if len(self.program.documents) > LARGEST_GRAPH:
            raise unreadable(f"the Keras model comes to more than {LARGEST_GRAPH:,} operators")
        if "layers" in layer.config:
            return self._nested(layer, given, depth + 1)
        try:
            return convert(layer, self.program, given)
        except (CannotConvert, InvalidInput):
            self.unknown[layer.kind] = None
            return self.program.add("copy", given[:64])

    def _nested(self, layer: Layer, given: list[int], depth: int) -> int:
        """A model used as a layer, such as a backbone."""
        if depth > DEEPEST:
            raise unreadable(f"the Keras model holds models nested deeper than {DEEPEST}")
        document = {"class_name": layer.kind, "config": layer.config}
        layers = _layers(document)
        if layer.kind == "Sequential":
            return self._sequential(layers, given[0], depth)
        inputs = [inner.name for inner in layers if inner.kind == "InputLayer"]
        values = dict(zip(inputs, given, strict=False))
        return self._functional(layers, values, layer.config, depth)


def _config(document: Config) -> Config:
    config = document.get("config")
    if isinstance(config, list):  # Keras before 2.2.3
        return {"layers": config}
    if not isinstance(config, Mapping):
        raise unreadable("the Keras model has no config")
    return config


def _layers(document: Config) -> list[Layer]:
    listed = _config(document).get("layers")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_LAYERS:
        raise unreadable(f"the Keras model must list from 1 to {MOST_LAYERS:,} layers")
    return [_layer(entry, index) for index, entry in enumerate(listed)]


def _layer(entry: Any, index: int) -> Layer:
    config = entry.get("config") if isinstance(entry, Mapping) else None
    kind = entry.get("class_name") if isinstance(entry, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(kind, str):
        raise unreadable(f"layer {index} of the Keras model has no class_name or config")
    name = entry.get("name") or config.get("name") or f"layer {index}"
    return Layer(kind=kind, name=str(name), config=config, inbound=entry.get("inbound_nodes"))


def _declared_shape(config: Config) -> list[int | None] | None:
    """The input shape without the batch, None where it is not given. Raises InvalidInput for lengths that are no sizes."""
    listed = next((config[key] for key in ("batch_shape", "batch_input_shape") if config.get(key)), None)
    if listed is None:
        return None
    right = isinstance(listed, list) and 1 <= len(listed) <= 6
    if not right or not all(n is None or (type(n) is int and 1 <= n <= LARGEST_DIMENSION) for n in listed[1:]):
        raise unreadable(f"an input shape of the Keras model is no list of sizes from 1 to {LARGEST_DIMENSION:,}")
    return list(listed[1:])


def _sources(inbound: Any) -> list[Source]:
    """Where the inputs of the first call come from: Keras 2 writes [name, call, output, ...], Keras 3 a tensor with a `keras_history`."""
    found: list[Source] = []
    waiting = [inbound[0] if isinstance(inbound, list) and inbound and not _is_source(inbound) else inbound]
    while waiting and len(found) <= MOST_LAYERS:
        value = waiting.pop()
        if _is_source(value):
            found.append(Source(value[0]))
        elif isinstance(value, list):
            waiting += value[::-1]
        elif isinstance(value, Mapping):
            history = value.get("keras_history")
            waiting += [history] if history is not None else list(value.values())[::-1]
    return found


def _is_source(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and all(type(n) is int for n in value[1:3])
