"""Tensors that have a shape and a type but no data.

A storage counts itself in when it is made and out when Python drops its last holder: local variables of the forward function,
saved tensors of the autograd graph, gradients. Lifetimes therefore come out as they do in eager PyTorch, without a separate analysis.
"""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING, NamedTuple, Protocol

from app.tape.dtypes import FP32, DType
from app.tape.frameworks import EAGER_PYTORCH, ExecutionRule
from app.tape.recorder import Category, Phase, Recorder, rounded

if TYPE_CHECKING:
    from app.tape.autograd import Node

Shape = tuple[int, ...]

_CATEGORY_OF_PHASE = {
    Phase.SETUP: Category.INPUTS,
    Phase.FORWARD: Category.ACTIVATIONS,
    Phase.BACKWARD: Category.TEMPORARIES,
    Phase.RECOMPUTE: Category.RECOMPUTED,
    Phase.OPTIMIZER: Category.OPTIMIZER_TEMPORARIES,
}


class Storage:
    """Bytes that live as long as somebody holds this object. `times` > 1 stands for one storage in each of so many equal blocks."""

    __slots__ = ("bytes", "category", "record", "times")

    def __init__(self, record: Recorder, count: int, category: Category, times: int = 1) -> None:
        self.record = record
        self.bytes = rounded(count)
        self.category = category
        self.times = times
        record.allocated(self.bytes * times, category)

    def __del__(self) -> None:
        inside = self.record.open_segment is not None
        self.record.allocated(-self.bytes * (1 if inside else self.times), self.category)

    def take_back(self) -> None:
        """As if the operator that made it had not run."""
        self.record.take_back(self.bytes * self.times)
        self.bytes = 0

    def becomes(self, category: Category) -> None:
        """The same bytes are now held for another purpose (a temporary that becomes a gradient)."""
        self.record.allocated(-self.bytes, self.category)
        self.record.allocated(self.bytes, category)
        self.category = category


class Deferred(Storage):
    """The result of an operator that takes no memory until somebody needs it written; until then it keeps its sources.

    `in_place`: it is then written over a source that nobody else needs.
    """

    __slots__ = ("in_place", "sources")

    def __init__(self, record: Recorder, count: int, category: Category, sources: tuple[Storage, ...], *, in_place: bool) -> None:
        self.record = record
        self.bytes = rounded(count)
        self.category = category
        self.times = 1
        self.sources: tuple[Storage, ...] | None = sources
        self.in_place = in_place

    def __del__(self) -> None:
        if self.sources is None:
            super().__del__()

    def write(self) -> None:
        """Takes memory and lets go of the sources."""
        if self.sources is None:
            return
        if self.in_place:
            self.sources = None
        self.record.allocated(self.bytes, self.category)
        self.sources = None

    def becomes(self, category: Category) -> None:
        """Written, and held for another purpose."""
        self.write()
        super().becomes(category)

    def roots(self) -> set[Storage]:
        """What is in memory that the result would be worked out from."""
        found: set[Storage] = set()
        for source in self.sources or ():
            found |= source.roots() if isinstance(source, Deferred) and source.sources is not None else {source}
        return found

    def is_prologue(self) -> bool:
        """Whether a matrix product can work the result out as it loads it: from one large tensor, element by element."""
        if self.sources is None or not self.in_place or _large(self.roots(), self.bytes) > 1:
            return False
        return all(source.sources is None or source.in_place for source in self.sources if isinstance(source, Deferred))


class Keeper(Protocol):
    """Decides what a node holds of the storages that its operator saves. `holds`: whether it holds any."""

    holds: bool

    def keep(self, saved: Sequence[Storage | None], out: "Tensor") -> "Sequence[Storage | None] | Callable[[], Sequence[Storage | None]]":
        """What the node behind `out` holds: the storages, or the way to get at them later."""


class Tape:
    """One run: the record, the autocast type and its cache of weight casts, whether autograd records, and the rule of the framework.

    `reading` holds the saved tensors of the operator that is gone back through; `keeper` says what nodes hold instead of what their
    operators save, in a checkpointed function. `updating`: weights are updated during the backward pass.
    """

    __slots__ = ("autocast", "casts", "execution", "keeper", "reading", "record", "recording", "sequence", "training", "updating")

    def __init__(
        self,
        *,
        autocast: DType | None = None,
        training: bool = False,
        vocabulary: int | None = None,
        execution: ExecutionRule = EAGER_PYTORCH,
    ) -> None:
        self.record = Recorder(vocabulary=vocabulary)
        self.autocast = autocast
        self.execution = execution
        self.reading: Sequence[Storage | None] = ()
        self.keeper: Keeper | None = None
        self.updating = False
        self.casts: dict[int, Tensor] = {}
        self.training = training
        self.recording = training
        self.sequence = 0

    @property
    def keeps(self) -> bool:
        """Whether what operators save now is kept for the backward pass."""
        return self.recording and (self.keeper is None or self.keeper.holds)

    def empty(self, shape: Shape, dtype: DType, category: Category | None = None) -> "Tensor":
        """A new tensor; its category follows from the phase unless one is given."""
        kind = self._category(shape) if category is None else category
        return Tensor(self, shape, dtype, Storage(self.record, prod(shape) * dtype.bytes, kind))

    def _category(self, shape: Shape) -> Category:
        record = self.record
        of_vocabulary = record.vocabulary is not None and len(shape) > 1 and shape[-1] == record.vocabulary
        return Category.LOGITS if of_vocabulary else _CATEGORY_OF_PHASE[record.phase]

    def elementwise(self, shape: Shape, dtype: DType, *read: "Tensor", category: Category | None = None, rowwise: bool = False) -> "Tensor":
        """The result of an element-wise operator that reads these tensors (and, going back, what it saved).

        In new memory, or deferred where the framework's rule allows it. `rowwise`: whole rows are read for each element, as a softmax
        does, so that a fused kernel cannot write over what it reads.
        """
        rule = self.execution
        if not rule.defers:
            return self.empty(shape, dtype, category)
        sources = [storage for storage in (*(t.storage for t in read), *self.reading) if storage is not None]
        if not rule.fuses:
            _write_all(sources)
        kind = self._category(shape) if category is None else category
        in_place = not (rowwise and rule.fuses)
        return Tensor(self, shape, dtype, Deferred(self.record, prod(shape) * dtype.bytes, kind, tuple(sources), in_place=in_place))

    def like(self, meta: "Meta", category: Category | None = None) -> "Tensor":
        """A new tensor of a remembered shape and type."""
        return self.empty(meta.shape, meta.dtype, category)

    def elementwise_like(self, meta: "Meta", *read: "Tensor") -> "Tensor":
        """The result of an element-wise operator, of a remembered shape and type."""
        return self.elementwise(meta.shape, meta.dtype, *read)


def _write_all(storages: Iterable[Storage]) -> None:
    for storage in storages:
        if isinstance(storage, Deferred):
            storage.write()


class Meta(NamedTuple):
    """Shape and type of a tensor, without holding it alive."""

    shape: Shape
    dtype: DType

    @property
    def bytes(self) -> int:
        """Bytes of its elements."""
        return prod(self.shape) * self.dtype.bytes


class Tensor:
    """A shape, a type, a storage that may be shared with views, and the autograd node that made it."""

    __slots__ = ("dtype", "grad", "node", "requires_grad", "shape", "storage", "tape")

    storage: Storage | None

    def __init__(self, tape: Tape, shape: Shape, dtype: DType, storage: Storage | None) -> None:
        self.tape = tape
        self.shape = shape
        self.dtype = dtype
        self.storage = storage
        self.node: Node | None = None
        self.requires_grad = False
        self.grad: Tensor | None = None

    @property
    def meta(self) -> Meta:
        """Shape and type alone."""
        return Meta(self.shape, self.dtype)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of its elements."""
        return prod(self.shape) * self.dtype.bytes

    def view(self, *shape: int) -> "Tensor":
        """The same storage seen in another shape; one dimension may be -1. Gradients pass through unchanged."""
        if -1 in shape:
            known = -prod(shape)
            shape = tuple(self.size // known if length == -1 else length for length in shape)
        seen = Tensor(self.tape, shape, self.dtype, self.storage)
        seen.node, seen.requires_grad = self.node, self.requires_grad
        return seen

    def transpose(self, a: int, b: int) -> "Tensor":
        """Two dimensions exchanged, as a view."""
        shape = list(self.shape)
        shape[a], shape[b] = shape[b], shape[a]
        return self.view(*shape)

    def flatten(self, start: int = 0, end: int = -1) -> "Tensor":
        """Dimensions start to end folded into one, as a view."""
        stop = end % len(self.shape)
        return self.view(*self.shape[:start], prod(self.shape[start : stop + 1]), *self.shape[stop + 1 :])

    def written(self) -> "Tensor":
        """This tensor, in memory: what convolutions and attention kernels read."""
        if isinstance(self.storage, Deferred):
            self.storage.write()
        return self

    def multiplied(self) -> "Tensor":
        """This tensor as a matrix product reads it: in memory, unless a fused product works it out as it loads it."""
        storage = self.storage
        if isinstance(storage, Deferred) and not (self.tape.execution.fuses and storage.is_prologue()):
            storage.write()
        return self

    def reduced(self) -> "Tensor":
        """This tensor as a normalization or another reduction reads it: written where working it out takes more than one tensor."""
        storage = self.storage
        if isinstance(storage, Deferred) and (not self.tape.execution.fuses or _large(storage.roots(), storage.bytes) > 1):
            storage.write()
        return self

    def detach(self) -> "Tensor":
        """The same storage outside the autograd graph."""
        return Tensor(self.tape, self.shape, self.dtype, self.storage)


def _large(storages: Iterable[Storage], count: int) -> int:
    """How many of the storages are of about this size; smaller ones (rows, biases) cost a fused reader nothing."""
    return sum(2 * storage.bytes >= count for storage in storages)


class Parameter(Tensor):
    """A weight of a module. It has no storage of its own in the record: weights are persistent and counted by the trace.

    `times` is how many equal blocks it stands for.
    """

    __slots__ = ("buffer", "own_dtype", "packed_bytes", "table", "times")

    def __init__(self, *shape: int, buffer: bool = False) -> None:
        super().__init__(_UNBOUND, shape, FP32, None)
        self.requires_grad = not buffer
        self.buffer = buffer
        self.table = False  # rows looked up by index
        self.times = 1
        self.own_dtype: DType | None = None  # kept whatever the type of the network (adapters, quantized weights)
        self.packed_bytes: int | None = None  # of a quantized weight; None: size x type

    @property
    def stored_bytes(self) -> int:
        """Bytes that the allocator holds for this weight, in one block."""
        return rounded(self.bytes if self.packed_bytes is None else self.packed_bytes)


_UNBOUND = Tape()
