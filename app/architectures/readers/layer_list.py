"""A network as a list of layers, such as a tutorial shows it.

Each layer works on the result of the one before it, or on what `from` names: other layers by their `name` or number, or "input".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.architectures.graph import GraphNetwork, Program
from app.architectures.graph_attributes import Attributes
from app.architectures.network import Network, Options
from app.architectures.readers.layer_types import COMMON, JOINING, TYPES, Entry
from app.errors import FieldError, InvalidInput
from app.workloads.fields import invalid_field
from app.workloads.model import Graph, GraphInput

PATH = "model.layers"
INPUT = "input"


def build(shape: Sequence[int], layers: Sequence[Mapping[str, Any]], options: Options) -> Network:
    """The network of a layer list. Raises InvalidInput naming the layer that is not understood."""
    indices = _kind(layers[0]) == "embedding"
    given = GraphInput(shape=tuple(shape), kind="indices" if indices else "values")
    reader = _Reader(Program([given]))
    for number, layer in enumerate(layers):
        reader.add(layer, number)
    if not reader.program.documents:
        raise invalid_field(PATH, "nothing is computed in it")
    return GraphNetwork(Graph(inputs=(given,), nodes=tuple(reader.program.documents), output=reader.latest), options)


class _Reader:
    """Adds layers to a program and remembers which value each one gave."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.latest = 0
        self.numbers: list[int] = []
        self.names: dict[str, int] = {INPUT: 0}

    def add(self, layer: Mapping[str, Any], number: int) -> None:
        """One layer. Raises InvalidInput naming it and what does not fit."""
        path = f"{PATH}.{number}"
        kind, name = _kind(layer), layer.get("name")
        if kind not in TYPES:
            known = ", ".join(COMMON)
            raise invalid_field(f"{path}.type", f"'{str(layer.get('type', ''))[:40]}' is not a known layer; known are {known}")
        entry = Entry(Attributes(layer, path), self.program, self._sources(layer, kind, path))
        try:
            self.latest = TYPES[kind](entry)
        except InvalidInput as error:
            raise InvalidInput([_moved(found, path, layer) for found in error.errors]) from error
        unknown = next((setting for setting in layer if setting not in entry.read), None)
        if unknown is not None:
            known = ", ".join(sorted(entry.read - {"type"}))
            raise invalid_field(f"{path}.{unknown[:40]}", f"is not a setting of {layer['type']}; known are {known}")
        self.numbers.append(self.latest)
        if isinstance(name, str):
            self.names[name] = self.latest

    def _sources(self, layer: Mapping[str, Any], kind: str, path: str) -> list[int]:
        named = layer.get("from")
        if named is None:
            return [self.latest]
        several = named if isinstance(named, (list, tuple)) else [named]
        found = [self._value(reference, path) for reference in several]
        return [self.latest, *found] if kind in JOINING and not isinstance(named, (list, tuple)) else found or [self.latest]

    def _value(self, reference: Any, path: str) -> int:
        if isinstance(reference, str) and reference in self.names:
            return self.names[reference]
        if type(reference) is int and 0 <= reference < len(self.numbers):
            return self.numbers[reference]
        raise invalid_field(f"{path}.from", f"'{str(reference)[:40]}' is not the name or number of an earlier layer")


def _kind(layer: Mapping[str, Any]) -> str:
    return str(layer.get("type", "")).lower().replace("_", "").replace("-", "")


def _moved(error: FieldError, path: str, layer: Mapping[str, Any]) -> FieldError:
    """An error as one of the layer: of a setting where the layer has it or lacks it, of the whole layer where its input does not fit."""
    setting = error.path.rpartition(".")[2]
    of_setting = setting != "type" and (error.path.startswith(path) or (setting in layer and setting != "from"))
    return FieldError(path=f"{path}.{setting}" if of_setting else path, message=error.message)
