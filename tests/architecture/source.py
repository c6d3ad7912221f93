"""What the architecture tests read: tracked files, syntax trees, functions and where they stand."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("app", "benchmarks", "migrations", "scripts", "tests")


@dataclass(frozen=True, slots=True)
class Function:
    """A function and how many lines it has, from `def` to its last line."""

    place: str
    lines: int


def python_files(*folders: str) -> list[Path]:
    """Every Python file below the folders, in order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(), filename=str(path))


def place(path: Path, node: ast.AST | None = None) -> str:
    """`app/money.py:12`: what an editor opens."""
    relative = path.relative_to(ROOT)
    return f"{relative}:{getattr(node, 'lineno', 1)}" if node else str(relative)


def functions(path: Path) -> Iterator[Function]:
    """Every function and method of a file, the inner ones too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(f"{place(path, node)} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)


def imported_modules(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """Every module that a file imports, with the statement."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node, node.module


@cache
def tracked_files() -> tuple[Path, ...]:
    """The files that git keeps and that still exist."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())
