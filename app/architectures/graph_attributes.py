"""Reading the attributes of a graph's node: bounded, with a clear sentence naming the node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidInput
from app.tape.tensor import Shape
from app.workloads.fields import invalid_field

LARGEST_NUMBER = 10**7
MOST_DIMENSIONS = 8

# What a node may leave out; each stands for every dimension.
DEFAULTS: Mapping[str, object] = {
    "stride": 1, "dilation": 1, "groups": 1, "pads": 0, "padding": 0, "output_padding": 0, "ceil": False, "bias": True, "transposed": False,
    "second_bias": True, "bidirectional": False,
}  # fmt: skip


def without_defaults(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that say something: documents are kept and sent around."""
    return {name: value for name, value in attributes.items() if name not in DEFAULTS or _differs(value, DEFAULTS[name])}


def _differs(value: Any, default: object) -> bool:
    return any(entry != default for entry in value) if isinstance(value, (list, tuple)) else value != default


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of one node, read with bounds; errors name the node."""

    values: Mapping[str, Any]
    path: str

    def wrong(self, name: str, message: str) -> InvalidInput:
        """The error for one attribute."""
        return invalid_field(f"{self.path}.{name}", message)

    def number(self, name: str, default: int | None = None, *, least: int = 1, largest: int = LARGEST_NUMBER) -> int:
        """A whole number within bounds."""
        value = self.values.get(name, default)
        if type(value) is not int or not least <= value <= largest:
            raise self.wrong(name, f"must be a whole number from {least} to {largest:,}")
        return value

    def numbers(self, name: str, count: int, default: Sequence[int] | None = None, *, least: int = 1) -> tuple[int, ...]:
        """So many whole numbers; one number stands for all."""
        value = self.values.get(name, default)
        listed = [value] * count if type(value) is int else value
        right = isinstance(listed, (list, tuple)) and len(listed) == count
        if not right or not all(type(n) is int and least <= n <= LARGEST_NUMBER for n in listed):
            raise self.wrong(name, f"must be {count} whole numbers from {least} to {LARGEST_NUMBER:,}")
        return tuple(listed)

    def shape(self, name: str = "shape") -> Shape:
        """A shape of one sample."""
        value = self.values.get(name)
        if not isinstance(value, (list, tuple)) or len(value) > MOST_DIMENSIONS:
            raise self.wrong(name, f"must be a list of at most {MOST_DIMENSIONS} whole numbers")
        return self.numbers(name, len(value), least=0)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, "must be true or false")
        return value

    def share(self, name: str, default: float = 0.0) -> float:
        """A number from 0 to 1."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise self.wrong(name, "must be a number from 0 to 1")
        return float(value)

    def word(self, name: str, allowed: frozenset[str]) -> str:
        """One of some words."""
        value = self.values.get(name)
        if not isinstance(value, str) or value not in allowed:
            raise self.wrong(name, f"must be one of {', '.join(sorted(allowed))}")
        return value
