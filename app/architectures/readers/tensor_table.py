"""The tensors of a file as its header lists them: names, types, shapes and exact bytes. No weights are ever read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

from app.errors import InvalidInput

MOST_TENSORS = 200_000  # DeepSeek-V3 lists 91,991
MOST_DIMENSIONS = 8
LARGEST_TENSOR = 2**44  # elements; a trillion-parameter model as a single matrix has 2^40
LONGEST_QUOTE = 60  # characters of a name in the file that an error repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """One tensor: its shape with rows first (the last dimension is contiguous), its bytes, and the weights that it stands for.

    `weights` is the number of elements, more where several are packed in one, and 0 for scales, statistics and tables.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    bytes: int
    weights: int


@dataclass(frozen=True)
class TensorTable:
    """All tensors of a file."""

    tensors: tuple[StoredTensor, ...]

    @cached_property
    def bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.bytes for tensor in self.tensors)

    @cached_property
    def weights(self) -> int:
        """Weights of all tensors: the parameters of the model."""
        return sum(tensor.weights for tensor in self.tensors)

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each tensor by its name."""
        return {tensor.name: tensor.shape for tensor in self.tensors}

    @cached_property
    def bytes_by_type(self) -> Mapping[str, int]:
        """Bytes of each type, the largest first."""
        counts: Counter[str] = Counter()
        for tensor in self.tensors:
            counts[tensor.type] += tensor.bytes
        return dict(counts.most_common())

    @property
    def main_type(self) -> str:
        """The type that most bytes are in, an empty word where there is no tensor."""
        return next(iter(self.bytes_by_type), "")


def unreadable(message: str) -> InvalidInput:
    """The error for a file that cannot be used."""
    return InvalidInput(message, path="model.file")


def quoted(name: str) -> str:
    """A name from the file, shortened, for an error."""
    return f"'{name[:LONGEST_QUOTE]}'"


def element_count(name: str, shape: tuple[int, ...]) -> int:
    """Elements of a tensor. Raises InvalidInput where its shape is absurd."""
    if len(shape) > MOST_DIMENSIONS:
        raise unreadable(f"tensor {quoted(name)} has {len(shape)} dimensions; at most {MOST_DIMENSIONS} are usual")
    count = prod(shape)
    if count > LARGEST_TENSOR:
        raise unreadable(f"tensor {quoted(name)} claims {count:,} elements, more than any model has")
    return count
