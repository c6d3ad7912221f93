"""A job in steps, each with what is alive only while it runs and what stays from then on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from app.estimation.ledger import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of a job: `transient` terms end with it, `retained` terms stay until the process ends."""

    name: str
    transient: tuple[Term, ...] = ()
    retained: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a quantity that depends on the data may lie from its usual value, as factors of the term."""

    low: float
    high: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an algorithm does after the data is in memory, the file it leaves, and how sure that is.

    `family` names the group whose measured residuals give the interval; `spreads` widens it for the terms with these keys.
    """

    family: str
    steps: tuple[Step, ...]
    model_file_bytes: int = 0
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    measured: bool = True  # False: taken to work like a measured algorithm


def product(key: str, label: str, source: str, /, **quantities: float) -> Term:
    """A term that is the product of named quantities, which its formula shows: `rows=9, columns=2` reads "9 rows x 2 columns"."""
    return Term(
        key=key,
        label=label,
        bytes=round(prod(quantities.values())),
        formula=" x ".join(f"{_shown(value)} {name.replace('_', ' ')}" for name, value in quantities.items()),
        source=source,
        inputs=quantities,
    )


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def total(terms: tuple[Term, ...]) -> int:
    """Sum of the terms in bytes."""
    return sum(term.bytes for term in terms)


def fullest(*moments: tuple[Term, ...]) -> tuple[Term, ...]:
    """Of several moments within one step, the one that holds most."""
    return max(moments, key=total)


def present(*terms: Term | None) -> tuple[Term, ...]:
    """The terms that there are: those given and above zero."""
    return tuple(term for term in terms if term is not None and term.bytes > 0)
