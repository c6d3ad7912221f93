"""Time is asked for in one place; money never passes through a float."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, place, python_files, tree

CLOCK = ROOT / "app" / "clock.py"
CLOCK_READINGS = {"now", "today", "utcnow"}
CLOCK_OWNERS = {"date", "datetime"}
MONEY_FIELDS = {"amount", "minor"}


def reads_the_clock(node: ast.AST) -> bool:
    """`datetime.now(...)`, `date.today()`, also through the module: `datetime.datetime.now()`."""
    match node:
        case ast.Attribute(attr=reading, value=ast.Name(id=owner) | ast.Attribute(attr=owner)):
            return reading in CLOCK_READINGS and owner in CLOCK_OWNERS
    return False


def _mentions_money(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr in MONEY_FIELDS for part in ast.walk(node))


def _is_float(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def makes_money_a_float(node: ast.AST) -> bool:
    """`float(price.minor)`, `price.minor * 1.2`, `price.minor / 100`."""
    match node:
        case ast.Call(func=ast.Name(id="float"), args=[argument]):
            return _mentions_money(argument)
        case ast.BinOp(left=left, op=operator, right=right):
            minor = any(isinstance(side, ast.Attribute) and side.attr == "minor" for side in (left, right))
            money = any(isinstance(side, ast.Attribute) and side.attr in MONEY_FIELDS for side in (left, right))
            return (minor and isinstance(operator, ast.Div)) or (money and (_is_float(left) or _is_float(right)))
    return False


def _expression(source: str) -> ast.AST:
    return ast.parse(source, mode="eval").body


def _nodes(paths: list[Path]) -> Iterator[tuple[Path, ast.AST]]:
    return ((path, node) for path in paths for node in ast.walk(tree(path)))


def test_only_the_clock_reads_the_time() -> None:
    offenders = [place(path, node) for path, node in _nodes(python_files("app")) if path != CLOCK and reads_the_clock(node)]
    assert not offenders, "use app.clock:\n" + "\n".join(offenders)


def test_money_never_becomes_a_float() -> None:
    offenders = [place(path, node) for path, node in _nodes(python_files("app")) if makes_money_a_float(node)]
    assert not offenders, "\n".join(offenders)


def test_the_money_module_has_no_float_at_all() -> None:
    nodes = _nodes([ROOT / "app" / "money.py"])
    offenders = [place(path, node) for path, node in nodes if _is_float(node) or (isinstance(node, ast.Name) and node.id == "float")]
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize("source", ["datetime.now(UTC)", "date.today()", "datetime.datetime.utcnow()"])
def test_a_reading_of_the_clock_is_recognised(source: str) -> None:
    assert any(reads_the_clock(node) for node in ast.walk(_expression(source)))


@pytest.mark.parametrize("source", ["float(price.minor)", "float(total.amount + fee)", "price.minor / 100", "1.2 * price.minor"])
def test_money_as_a_float_is_recognised(source: str) -> None:
    assert makes_money_a_float(_expression(source))


@pytest.mark.parametrize(
    "source", ["price.minor * 3", "price.minor // 100", "price.amount / other.amount", "float(gpu.power_w)", "clock.now()"]
)
def test_honest_arithmetic_is_left_alone(source: str) -> None:
    assert not makes_money_a_float(_expression(source))
    assert not reads_the_clock(_expression(source))
