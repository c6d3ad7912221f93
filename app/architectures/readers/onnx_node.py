"""One operator of an ONNX graph on its way into a program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.architectures.graph import Program
from app.architectures.readers.onnx_values import Numbers, Result, Value, Weight
from app.tape.tensor import Shape


class CannotConvert(Exception):
    """This use of an operator is not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One ONNX operator: its inputs (None: left out), attributes, number of outputs.

    `bias` is the length of a bias that a following sum adds; `exported_batch` the batch size baked into the file.
    """

    operator: str
    given: Sequence[Value | None]
    attributes: Mapping[str, Any]
    outputs: int
    bias: int | None = None
    exported_batch: int = 1


class Conversion:
    """A node on its way into a program."""

    def __init__(self, node: Node, program: Program) -> None:
        self.node, self.program = node, program

    def result(self, place: int = 0) -> int:
        """The value that the batch runs through at this input."""
        value = self.at(place)
        if not isinstance(value, Result):
            raise CannotConvert
        return value.index

    def shape(self, place: int = 0) -> Shape:
        """Shape of that value for one sample."""
        return self.program.shapes[self.result(place)]

    def at(self, place: int) -> Value | None:
        """The input at this place, None where it is left out."""
        return self.node.given[place] if place < len(self.node.given) else None

    def weight(self, place: int) -> Shape:
        """Shape of the constant at this input."""
        value = self.at(place)
        if not isinstance(value, Weight):
            raise CannotConvert
        return value.shape

    def numbers(self, place: int, attribute: str) -> tuple[int, ...] | None:
        """Whole numbers given as an input (newer files) or as an attribute (older ones)."""
        value = self.at(place)
        if isinstance(value, Numbers):
            return value.values
        if value is not None:
            raise CannotConvert
        return None if self.node.attributes.get(attribute) is None else tuple(self.integers(attribute))

    def add(self, operator: str, *sources: int, **attributes: Any) -> int:
        """Adds an operator to the program."""
        return self.program.add(operator, sources, attributes)

    def integer(self, name: str, default: int) -> int:
        """An attribute that is a whole number."""
        value = self.node.attributes.get(name)
        if value is None:
            return default
        if type(value) is not int:
            raise CannotConvert
        return value

    def integers(self, name: str, default: Sequence[int] | None = None) -> list[int]:
        """An attribute that is a list of whole numbers."""
        value = self.node.attributes.get(name, default)
        if not isinstance(value, (list, tuple)) or not all(type(number) is int for number in value):
            raise CannotConvert
        return list(value)

    def word(self, name: str, default: str) -> str:
        """An attribute that is a text."""
        value = self.node.attributes.get(name)
        return value if isinstance(value, str) else default

    def axis(self, default: int, rank: int) -> int:
        """The attribute `axis`, counted from the front."""
        axis = self.integer("axis", default)
        if not -rank <= axis < rank:
            raise CannotConvert
        return axis % rank
