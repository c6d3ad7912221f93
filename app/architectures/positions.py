"""Rotary positions: cosines and sines as transformers computes them once for all layers."""

from collections.abc import Mapping

from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.tensor import Tensor

Rotation = tuple[Tensor, Tensor]
Turns = Mapping[int | None, Rotation]  # by sliding window; None is full attention


def rotation(x: Tensor, size: int) -> Rotation:
    """Cosines and sines of all positions of the stream x, one row for all sequences: computed in fp32, kept in the type of x."""
    tape, shape = x.tape, (1, 1, x.shape[1], size)
    angles = tape.empty(shape, FP32)
    cos = op.cast(tape.empty(shape, FP32), x.dtype)
    sin = op.cast(tape.empty(shape, FP32), x.dtype)
    del angles
    return cos, sin
