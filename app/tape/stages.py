"""One stage of a pipeline: the network with only so many of its blocks, and what lies before and after them."""

from dataclasses import dataclass

from app.tape.modules import Blocks, Module, Period
from app.tape.tensor import Parameter

BEFORE_BLOCKS = ("wte", "wpe", "patch", "stem")  # beside every name with "embed" in it


@dataclass(frozen=True, slots=True)
class Ends:
    """Weights outside the row of blocks: those that only the first stage has, and those that only the last one has.

    A table that both use (tied embeddings) is in neither.
    """

    first: tuple[Parameter, ...]
    last: tuple[Parameter, ...]


def rows_of_blocks(network: Module) -> list[Blocks]:
    """The network's rows of blocks."""
    return [part for _, part in network.named_modules() if isinstance(part, Blocks)]


def ends(network: Module) -> Ends:
    """Which weights outside the blocks come before them (embeddings) and which after (norms and heads)."""
    inside = {id(p) for row in rows_of_blocks(network) for p in row.parameters()}
    before: dict[int, Parameter] = {}
    after: dict[int, Parameter] = {}
    for path, module in network.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Parameter) and id(value) not in inside:
                (before if is_embedding(f"{path}.{name}") else after)[id(value)] = value
    first = tuple(p for key, p in before.items() if key not in after)
    return Ends(first=first, last=tuple(p for key, p in after.items() if key not in before))


def is_embedding(path: str) -> bool:
    """Whether a dotted name is that of an embedding."""
    return any("embed" in step or step in BEFORE_BLOCKS for step in path.split("."))


def keep_blocks(row: Blocks, count: int) -> None:
    """Leaves the first `count` blocks of the row, traced as before: first and last blocks apart, the repeated ones for the rest."""
    kept: list[Period] = []
    left = count
    for period in row.periods:
        length = len(period.blocks)
        times = min(period.times, left // length)
        if 1 < times < period.times:
            times -= 1  # room for the last block, which is traced apart
        if times:
            kept.append(Period(period.start, period.blocks, times))
            left -= times * length
    last = row.periods[-1]
    if left and kept[-1].blocks is not last.blocks:
        kept.append(Period(last.start, last.blocks[:left], 1))
    row.periods, row.count = kept, count
