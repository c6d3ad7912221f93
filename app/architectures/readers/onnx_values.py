"""Whole numbers that an ONNX graph computes from shapes, and the operators on them that exporters use.

A reshape's target is often worked out by a dozen operators from the shape of some tensor. They are followed here as far as they act on
short lists of whole numbers; anything else stays unknown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from app.tape.tensor import Shape

LONGEST_LIST = 256  # a list of lengths has as many entries as a tensor has dimensions
LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whole numbers known before the graph runs: a list, or a single one."""

    values: tuple[int, ...]
    scalar: bool = False

    @property
    def shape(self) -> Shape:
        """Its shape as a tensor."""
        return () if self.scalar else (len(self.values),)


@dataclass(frozen=True, slots=True)
class Weight:
    """A constant tensor of which only the shape matters."""

    shape: Shape
    trained: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """A value of the graph that the batch runs through."""

    index: int


Value = Numbers | Weight | Result
Attributes = Mapping[str, Any]
Fold = Callable[[Sequence[Numbers], Attributes], Numbers]


def _pairwise(combine: Callable[[int, int], int]) -> Fold:
    def fold(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
        a, b = given[:2]
        count = max(len(a.values), len(b.values))
        left, right = (n.values * count if len(n.values) == 1 else n.values for n in (a, b))
        return Numbers(tuple(combine(x, y) for x, y in zip(left, right, strict=True)), a.scalar and b.scalar)

    return fold


def _divided(a: int, b: int) -> int:
    return int(a / b) if abs(a) < 2**52 else a // b


def _same(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    return given[0]


def _gathered(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    data, wanted = given[:2]
    return Numbers(tuple(data.values[index] for index in wanted.values), wanted.scalar)


def _concatenated(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    return Numbers(tuple(value for numbers in given for value in numbers.values))


def _listed(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    return Numbers(given[0].values)


def _squeezed(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    return Numbers(given[0].values, len(given[0].values) == 1)


def _sliced(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    if len(given) > 1:
        start, end = given[1].values[0], given[2].values[0]
        step = given[4].values[0] if len(given) > 4 else 1
    else:
        start, end, step = attributes["starts"][0], attributes["ends"][0], 1
    return Numbers(given[0].values[start:end:step])


def _filled(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    return Numbers((0,) * _bounded(prod(given[0].values)))


def _ranged(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    start, end, step = (numbers.values[0] for numbers in given[:3])
    steps = range(start, end, step)
    return Numbers(tuple(steps[: LONGEST_LIST + 1]))


def _chosen(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    condition, left, right = given[:3]
    return Numbers(tuple(a if c else b for c, a, b in zip(condition.values, left.values, right.values, strict=True)), left.scalar)


def _product(given: Sequence[Numbers], attributes: Attributes) -> Numbers:
    return Numbers((prod(given[0].values),), not attributes.get("keepdims", 1))


def _bounded(count: int) -> int:
    if not 0 <= count <= LONGEST_LIST:
        raise ValueError(count)
    return count


FOLDS: dict[str, Fold] = {
    "Add": _pairwise(lambda a, b: a + b), "Sub": _pairwise(lambda a, b: a - b), "Mul": _pairwise(lambda a, b: a * b),
    "Div": _pairwise(_divided), "Mod": _pairwise(lambda a, b: a % b), "Max": _pairwise(max), "Min": _pairwise(min),
    "Equal": _pairwise(lambda a, b: int(a == b)), "Cast": _same, "Identity": _same, "Reshape": _listed, "Floor": _same, "Ceil": _same,
    "Gather": _gathered, "Concat": _concatenated, "Unsqueeze": _listed, "Squeeze": _squeezed, "Slice": _sliced,
    "ConstantOfShape": _filled, "Range": _ranged, "Where": _chosen, "ReduceProd": _product,
}  # fmt: skip


def folded(operator: str, given: Sequence[Numbers], attributes: Attributes) -> Numbers | None:
    """The result of an operator on known numbers, None where it is not followed or does not go through."""
    fold = FOLDS.get(operator)
    if fold is None or not given:
        return None
    try:
        result = fold(given, attributes)
    except (ValueError, IndexError, ZeroDivisionError, KeyError, TypeError, OverflowError):
        return None
    right = len(result.values) <= LONGEST_LIST and all(abs(value) <= LARGEST for value in result.values)
    return result if right else None
