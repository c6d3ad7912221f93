"""Modules: named weights and the layers made of them, so that an architecture file reads like the model it describes."""

from collections.abc import Callable, Iterator, Sequence

from app.tape import operators as op
from app.tape.autograd import BlockBoundary
from app.tape.checkpointing import checkpoint
from app.tape.tensor import Parameter, Tensor

PLAIN = frozenset({int, float, str, bool, type(None)})  # attributes that hold no weights, passed over without a closer look


class Module:
    """A part of a network. Its parameters and parts are its attributes; lists of parts are allowed."""

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """Direct parts with their names; parts in lists are numbered."""
        for name, value in vars(self).items():
            if type(value) in PLAIN:
                continue
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, (list, tuple)):
                yield from ((f"{name}.{i}", part) for i, part in enumerate(value) if isinstance(part, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module and all parts below it, with dotted names."""
        ahead: list[tuple[str, Module]] = [(prefix, self)]
        while ahead:
            path, module = ahead.pop()
            yield path, module
            ahead += reversed([(f"{path}.{name}" if path else name, child) for name, child in module.children()])

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All weights, each once even where two modules share it (tied embeddings)."""
        found: dict[int, tuple[str, Parameter]] = {}
        self._collect("", found)
        yield from found.values()

    def _collect(self, prefix: str, found: dict[int, tuple[str, Parameter]]) -> None:
        """Adds the weights here and below: in one pass, because every estimate asks for them several times."""
        parts: list[tuple[str, Module]] = []
        for name, value in vars(self).items():
            if type(value) in PLAIN:
                continue
            if isinstance(value, Parameter):
                found.setdefault(id(value), (prefix + name, value))
            elif isinstance(value, Module):
                parts.append((f"{prefix}{name}.", value))
            elif isinstance(value, (list, tuple)):
                parts += [(f"{prefix}{name}.{i}.", part) for i, part in enumerate(value) if isinstance(part, Module)]
        for path, part in parts:
            part._collect(path, found)  # noqa: SLF001 - of its own class

    def parameters(self) -> Iterator[Parameter]:
        """All weights and buffers."""
        return (parameter for _, parameter in self.named_parameters())


class Linear(Module):
    """y = x W^T + b, with W of [outputs, inputs]."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        self.weight = Parameter(outputs, inputs)
        self.bias = Parameter(outputs) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        return op.linear(x, self.weight, self.bias)


class Embedding(Module):
    """Rows of a table by index. `opens`: gradients are wanted as far as the rows, even where the table is frozen."""

    def __init__(self, count: int, size: int) -> None:
        self.weight = Parameter(count, size)
        self.weight.table = True
        self.opens = False

    def __call__(self, indices: Tensor) -> Tensor:
        rows = op.embedding(indices, self.weight)
        rows.requires_grad = rows.requires_grad or (self.opens and rows.tape.recording)
        return rows


class LayerNorm(Module):
    """Layer normalization with scale and shift (torch.nn.LayerNorm)."""

    def __init__(self, size: int, *, affine: bool = True, bias: bool = True) -> None:
        self.weight = Parameter(size) if affine else None
        self.bias = Parameter(size) if affine and bias else None

    def __call__(self, x: Tensor) -> Tensor:
        return op.layer_norm(x, self.weight, self.bias)


class RMSNorm(Module):
    """Root-mean-square normalization as transformers' LlamaRMSNorm computes it: in fp32, cast back, then scaled."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(size)

    def __call__(self, x: Tensor) -> Tensor:
        return op.rms_norm(x, self.weight)


class Blocks(Module):
    """`count` blocks one after the other, of which equal ones are traced once.

    `kinds` names the kind of each block; `build(kind)` makes one. Stretches in which the kinds repeat with a short period are
    kept as first, middle and last period, the middle one standing for all others.
    """

    def __init__(self, kinds: Sequence[object], build: Callable[[int], Module]) -> None:
        self.count = len(kinds)
        self.periods: list[Period] = [
            Period(start, [build(index) for index in range(start, start + length)], times) for start, length, times in plan(kinds)
        ]

    def traced(self) -> Iterator[tuple[int, int]]:
        """Index of each block that is run, and how many equal blocks it stands for."""
        for period in self.periods:
            yield from ((period.start + offset, period.times) for offset in range(len(period.blocks)))

    def __call__(self, x: Tensor, *args: object, checkpointed: bool = False) -> Tensor:
        return self.run(x, *args, checkpointed=checkpointed)

    def run(self, x: Tensor, *args: object, checkpointed: bool = False) -> Tensor:
        """As calling it, but a first input that nobody else holds is let go after the first block, as in a loop written out."""
        for period in self.periods:
            x = BlockBoundary.enter(x, period.times) if period.times > 1 else x
            for block in period.blocks:
                x = checkpoint(block, x, *args) if checkpointed else block(x, *args)  # type: ignore[arg-type, operator]
            x = BlockBoundary.leave(x, period.times) if period.times > 1 else x
        return x


class Period(Module):
    """Blocks from index `start` on that stand for `times` equal periods of blocks."""

    @property
    def end(self) -> int:
        """Index after the last block that this period stands for."""
        return self.start + len(self.blocks) * self.times

    def __init__(self, start: int, blocks: list[Module], times: int) -> None:
        self.start, self.blocks, self.times = start, blocks, times
        for block in blocks:
            for parameter in block.parameters():
                parameter.times = times


LONGEST_PERIOD = 12


def plan(kinds: Sequence[object]) -> list[tuple[int, int, int]]:
    """How to trace a row of blocks: (index of the first block, blocks in the period, times), in order.

    The first and the last block of a stretch that repeats itself are traced apart: what comes before and after it differs.

    >>> plan("aaaaa")
    [(0, 1, 1), (1, 1, 3), (4, 1, 1)]
    """
    planned: list[tuple[int, int, int]] = []
    start = 0
    while start < len(kinds):
        planned.append((start, 1, 1))
        start += 1
        length, times = _longest_repeat(kinds, start - 1)
        if times > 1:
            planned.append((start, length, times))
            start += length * times
    return planned


def _longest_repeat(kinds: Sequence[object], first: int) -> tuple[int, int]:
    """The period, and how often it repeats after the block `first` and before the last of the stretch, that spares most blocks."""
    best = (1, 1)
    for length in range(1, min(LONGEST_PERIOD, len(kinds) - first) + 1):
        end = first + length
        while end < len(kinds) and kinds[end] == kinds[end - length]:
            end += 1
        times = (end - first - 2) // length
        if length * (times - 1) > best[0] * (best[1] - 1):
            best = (length, times)
    return best
