"""The ledger: an estimate as a list of named terms, each with its formula, inputs, source and interval. The total is their sum."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Basis = Literal["measured", "model", "size only"]
Input = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One named share of a need. `formula` has its numbers put in, so that a reader can check it by hand."""

    key: str
    label: str
    bytes: int
    formula: str
    source: str
    inputs: Mapping[str, Input] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The term as the contract spells it."""
        return {
            "key": self.key, "label": self.label, "bytes": self.bytes, "formula": self.formula,
            "inputs": dict(self.inputs), "source": self.source,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where the true figure lies with the stated coverage, and what that rests on."""

    low_bytes: int
    high_bytes: int
    basis: Basis
    coverage: float = 0.95

    def to_json(self) -> dict[str, Any]:
        """The interval as the contract spells it."""
        return {"low_bytes": self.low_bytes, "high_bytes": self.high_bytes, "coverage": self.coverage, "basis": self.basis}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Terms in the order they are shown."""

    terms: tuple[Term, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Sum of the terms."""
        return sum(term.bytes for term in self.terms)

    def bytes_of(self, *keys: str) -> int:
        """Sum of the terms with these keys."""
        return sum(term.bytes for term in self.terms if term.key in keys)

    def to_json(self) -> list[dict[str, Any]]:
        """The terms as the contract spells them."""
        return [term.to_json() for term in self.terms]
