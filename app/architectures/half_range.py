"""Some networks keep sums within what 16-bit floats can hold."""

from app.tape import operators as op
from app.tape.dtypes import FP16
from app.tape.tensor import Tensor


def within_half_range(x: Tensor) -> Tensor:
    """x clamped where it is fp16, so that training does not meet infinities; itself in other types."""
    return op.clamp(x) if x.dtype is FP16 else x
