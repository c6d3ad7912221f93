"""Rows of blocks that carry two tensors on, a stream and its context, such as image and text tokens."""

from collections.abc import Callable, Sequence
from typing import cast

from app.tape.autograd import BlockBoundary
from app.tape.checkpointing import checkpoint
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
                x, context = checkpoint(function, x, context, *args) if checkpointed else function(x, context, *args)
            x = BlockBoundary.leave(x, period.times) if period.times > 1 else x
    return x, context
