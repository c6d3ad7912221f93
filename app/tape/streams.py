"""Rows of blocks that carry two tensors on, a stream and its context, such as image and text tokens."""

from collections.abc import Callable, Sequence
from typing import cast

from app.tape.autograd import BlockBoundary, Gradients, attach, checkpoint
from app.tape.modules import Blocks
from app.tape.tensor import Tensor

Pair = tuple[Tensor, Tensor]


def run_rows(rows: Sequence[Blocks], x: Tensor, context: Tensor, *args: object, checkpointed: bool = False) -> Pair:
    """Both tensors after the last block of the last row; each block takes and gives (stream, context).

    First inputs that nobody else holds are let go after the first block, as in loops written out.
    """
    for row in rows:
        for period in row.periods:
            x = BlockBoundary.enter(x, period.times) if period.times > 1 else x
            for block in period.blocks:
                function = cast("Callable[..., Pair]", block)
                x, context = checkpoint_pair(function, x, context, *args) if checkpointed else function(x, context, *args)
            x = BlockBoundary.leave(x, period.times) if period.times > 1 else x
    return x, context


def checkpoint_pair(function: Callable[..., Pair], x: Tensor, context: Tensor, *others: object) -> Pair:
    """Activation checkpointing of a function with two results: it runs again once the gradients of both have arrived."""
    tape = x.tape
    if not tape.recording:
        return function(x, context, *others)
    results: list[Tensor] = []
    arrived: dict[int, Tensor] = {}

    def bundled(*arguments: object) -> Tensor:
        pair = function(*arguments)
        if not tape.recording:
            results.extend(result.detach() for result in pair)
        return _bundle(pair, arrived)

    bundle = checkpoint(bundled, x, context, *others)
    first, second = (_member(bundle, result, index, arrived) for index, result in enumerate(results))
    return first, second


def _bundle(pair: Pair, arrived: dict[int, Tensor]) -> Tensor:
    """One node behind both results, which hands each the gradient that arrived for it."""

    tape, dtype = pair[0].tape, pair[0].dtype

    def backward(gradient: Tensor) -> Gradients:
        return [arrived.pop(0, None), arrived.pop(1, None)]

    return attach(Tensor(tape, (), dtype, None), pair, [], backward)


def _member(bundle: Tensor, result: Tensor, index: int, arrived: dict[int, Tensor]) -> Tensor:
    """One result of the bundle; its gradient waits until all have arrived."""

    def backward(gradient: Tensor) -> Gradients:
        arrived[index] = gradient
        return (Tensor(gradient.tape, (), gradient.dtype, None) if len(arrived) == 1 else None,)

    return attach(result, [bundle], [], backward)
