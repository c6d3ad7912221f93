"""A classical workload in the quantities that formulas use: rows, columns, bytes per value, hyper-parameters with their defaults."""

from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any

from app.errors import InvalidInput
from app.workloads.classical import ClassicalWorkload

ITEM_BYTES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "float16": 2, "int16": 2, "int8": 1, "uint8": 1, "bool": 1}
FLOATS = ("float64", "float32")
LARGEST_HYPERPARAMETER = 1e12
ALL_PROCESSORS = 8  # what n_jobs=-1 is taken for: eight cores, as usual desktop processors have
PREDICTED_ROWS = 50_000  # rows handed to predict at once where nothing else is said
INT32_LIMIT = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What an algorithm works on. Rows, columns and type change as preparation steps go by; the workload stays."""

    workload: ClassicalWorkload
    rows: int
    columns: int
    dtype: str
    column_major: bool = False  # a frame holds each column in one piece; algorithms that want rows copy it

    @classmethod
    def of(cls, workload: ClassicalWorkload) -> "Task":
        """The task as the workload states it."""
        columns = prod(workload.image_shape) if workload.image_shape else workload.columns
        return cls(workload=workload, rows=workload.rows, columns=columns, dtype=workload.dtype)

    def with_rows(self, rows: int) -> "Task":
        """The same on another number of rows."""
        return replace(self, rows=max(1, rows))

    @property
    def item_bytes(self) -> int:
        """Bytes of one value."""
        return ITEM_BYTES[self.dtype]

    @property
    def float_bytes(self) -> int:
        """Bytes of one value once it is a floating-point number, as most algorithms demand."""
        return self.item_bytes if self.dtype in FLOATS else 8

    @property
    def cells(self) -> int:
        """Rows x columns."""
        return self.rows * self.columns

    @property
    def is_sparse(self) -> bool:
        """Whether the table is a compressed sparse row matrix."""
        return self.workload.container == "csr"

    @property
    def values_per_row(self) -> int:
        """Stored values of one row."""
        return max(1, round(self.columns * self.workload.density)) if self.is_sparse else self.columns

    @property
    def stored_values(self) -> int:
        """Values held in memory."""
        return self.rows * self.values_per_row

    @property
    def index_bytes(self) -> int:
        """Bytes of one column index of a sparse matrix: scipy takes 64 bits from 2^31 values on."""
        return 4 if self.stored_values < INT32_LIMIT else 8

    @property
    def stored_value_bytes(self) -> int:
        """Bytes of one stored value with its index."""
        return self.item_bytes + (self.index_bytes if self.is_sparse else 0)

    @property
    def has_target(self) -> bool:
        """Whether there are labels or target values."""
        return self.workload.task != "none"

    @property
    def classes(self) -> int:
        """Number of classes; 1 for regression and where there is no target."""
        return max(2, self.workload.classes) if self.workload.task == "classification" else 1

    @property
    def outputs(self) -> int:
        """Score columns of a classifier: one decides between two classes."""
        return self.classes if self.classes > 2 else 1

    @property
    def predicted_rows(self) -> int:
        """Rows handed to predict at once."""
        return min(self.workload.predict_rows or min(PREDICTED_ROWS, self.rows), max(self.rows, self.workload.predict_rows or 0))

    @property
    def jobs(self) -> int:
        """Parallel workers; n_jobs=-1 stands for all processors."""
        asked = int(self.number("n_jobs", self.workload.n_jobs, minimum=-1))
        return ALL_PROCESSORS if asked < 1 else asked

    def value(self, *names: str) -> Any:
        """The first of these hyper-parameters that is given, else None."""
        given = self.workload.hyperparameters
        return next((given[name] for name in names if given.get(name) is not None), None)

    def number(self, name: str, default: float, *aliases: str, minimum: float = 0) -> float:
        """A numeric hyper-parameter. Raises InvalidInput where it is not a number within bounds."""
        value = self.value(name, *aliases)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInput("must be a number", path=f"hyperparameters.{name}")
        if not minimum <= value <= LARGEST_HYPERPARAMETER:
            raise InvalidInput(f"must lie between {minimum:g} and {LARGEST_HYPERPARAMETER:g}", path=f"hyperparameters.{name}")
        return value

    def count(self, name: str, default: int, *aliases: str) -> int:
        """A hyper-parameter that counts something; at least 1."""
        return max(1, int(self.number(name, default, *aliases)))

    def share_or_count(self, name: str, whole: int, default: int) -> int:
        """A hyper-parameter of scikit-learn that is a count, or below 1 a share of `whole`."""
        value = self.number(name, default)
        is_share = isinstance(self.value(name), float) and value <= 1
        return max(1, ceil(value * whole) if is_share else int(value))

    def text(self, name: str, default: str) -> str:
        """A hyper-parameter that names a choice."""
        value = self.value(name)
        return value if isinstance(value, str) else default

    def flag(self, name: str, default: bool) -> bool:
        """A hyper-parameter that is on or off."""
        value = self.value(name)
        return value if isinstance(value, bool) else default

    def sizes(self, name: str, default: tuple[int, ...], *aliases: str) -> tuple[int, ...]:
        """A hyper-parameter that is one size or a list of sizes. Raises InvalidInput where it is neither."""
        value = self.value(name, *aliases)
        if value is None:
            return default
        sizes = value if isinstance(value, list | tuple) else [value]
        if len(sizes) > 1000 or not all(isinstance(size, int) and 0 < size <= 10**9 for size in sizes):
            raise InvalidInput("must be a list of positive whole numbers", path=f"hyperparameters.{name}")
        return tuple(sizes)
