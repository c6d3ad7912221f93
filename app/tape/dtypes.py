"""Element types of tensors and their sizes in bytes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DType:
    """An element type: its name and the bytes of one element."""

    name: str
    bytes: int
    floating: bool = True

    @property
    def half(self) -> bool:
        """Whether it is one of the 16-bit floating-point types."""
        return self.floating and self.bytes == 2


FP64 = DType("fp64", 8)
FP32 = DType("fp32", 4)
FP16 = DType("fp16", 2)
BF16 = DType("bf16", 2)
INT64 = DType("int64", 8, floating=False)
INT32 = DType("int32", 4, floating=False)
UINT8 = DType("uint8", 1, floating=False)
BOOL = DType("bool", 1, floating=False)

BY_NAME = {dtype.name: dtype for dtype in (FP64, FP32, FP16, BF16, INT64, INT32, UINT8, BOOL)}


def wider(a: DType, b: DType) -> DType:
    """Type promotion of two operands: floating beats integer, then the larger, then fp32 for fp16 with bf16."""
    if a.floating != b.floating:
        return a if a.floating else b
    if a.bytes == b.bytes and a is not b and a.half:
        return FP32
    return a if a.bytes >= b.bytes else b
