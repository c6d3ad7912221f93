"""What the program says about itself: each module with its docstring, its formulas, its constants and where they are known from."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

COMMENT = "#"
NEXT_PARAGRAPH = re.compile(r"\n\n|\n(?=\d+\. )")
SHORTEST_SOURCE = 12  # characters; a shorter text is a name, not a source


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A function or a class and what its docstring says."""

    name: str
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A number of the formulas: its name, its value as written, and the comment beside or above it."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One module."""

    name: str
    text: tuple[str, ...]
    formulas: tuple[Formula, ...]
    constants: tuple[Constant, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """The modules of one subject."""

    id: str
    title: str
    summary: str
    packages: tuple[str, ...]
    without: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[Note, ...]:
        """Every module, in the order of the folder."""
        return tuple(_note(name) for name in _modules(self.packages, self.without))


CHAPTERS = (
    Chapter(
        id="step",
        title="A step on the tape",
        summary="What each operator keeps, what autograd saves and frees, what the optimizer adds: the peak of a step of eager PyTorch.",
        packages=("app.tape",),
    ),
    Chapter(
        id="memory",
        title="From a step to what a machine must have",
        summary="Weights in every format, caches, runtimes, sharding, contexts and workspaces, system RAM, disks, intervals.",
        packages=("app.estimation",),
        without=("app.estimation.classical", "app.estimation.speed"),
    ),
    Chapter(
        id="classical",
        title="Classical machine learning",
        summary="One formula for each algorithm of scikit-learn, XGBoost, LightGBM, CatBoost, pandas and statsmodels.",
        packages=("app.estimation.classical",),
    ),
    Chapter(
        id="speed",
        title="Speed",
        summary="Bandwidth, arithmetic, launches, links and loaders; which shares of a card's peaks software reaches.",
        packages=("app.estimation.speed",),
    ),
    Chapter(
        id="machines",
        title="Choosing machines",
        summary="The exact search over the catalogue, the rules that forbid a machine, picks, budget ladder, rent.",
        packages=("app.recommendation",),
    ),
)


def chapter_named(name: str) -> Chapter | None:
    """The chapter of that id, None where there is none."""
    return next((chapter for chapter in CHAPTERS if chapter.id == name), None)


def paragraphs(documented: object) -> tuple[str, ...]:
    """The paragraphs of a docstring, and the points of a numbered list each on its own."""
    text = inspect.cleandoc(getattr(documented, "__doc__", None) or "")
    return tuple(" ".join(part.split()) for part in NEXT_PARAGRAPH.split(text) if part.strip())


def _modules(packages: tuple[str, ...], without: tuple[str, ...]) -> Iterator[str]:
    for package in packages:
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not module.name.startswith(without) and not module.ispkg:
                yield module.name


@cache
def _note(name: str) -> Note:
    module = importlib.import_module(name)
    constants, sources = _constants(module)
    return Note(
        name=name.removeprefix("app.").removeprefix("estimation."),
        text=paragraphs(module),
        formulas=tuple(Formula(name=one.__name__, text=paragraphs(one)) for one in _public(module)),
        constants=constants,
        sources=sources,
    )


def _public(module: ModuleType) -> list[Callable[..., Any]]:
    """Functions and classes of the module's own that have a docstring, in the order in which they are written."""
    own = [one for name, one in vars(module).items() if not name.startswith("_") and getattr(one, "__module__", "") == module.__name__]
    return [one for one in own if inspect.isroutine(one) or inspect.isclass(one) if one.__doc__]


def _constants(module: ModuleType) -> tuple[tuple[Constant, ...], tuple[str, ...]]:
    """The module's named numbers with their comments, and its named sources."""
    text = inspect.getsource(module)
    lines, numbers, sources = text.splitlines(), [], []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name) or not node.targets[0].id.isupper():
            continue
        name = node.targets[0].id
        value = getattr(module, name)
        if isinstance(value, str) and len(value) >= SHORTEST_SOURCE and " " in value:
            sources.append(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers.append(Constant(name=name, value=ast.unparse(node.value), note=_comment(lines, node)))
    return tuple(numbers), tuple(sources)


def _comment(lines: list[str], node: ast.stmt) -> str:
    """The comment at the end of the line, else the one above it."""
    _, beside, after = lines[(node.end_lineno or node.lineno) - 1].partition(f"  {COMMENT} ")
    if beside:
        return after
    above: list[str] = []
    for line in reversed(lines[: node.lineno - 1]):
        if not line.startswith(COMMENT):
            break
        above.insert(0, line.lstrip("# "))
    return " ".join(above)
