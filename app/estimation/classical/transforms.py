"""Preparing tables: each operation is a step and the table that leaves it. They are algorithms by themselves and steps of a pipeline."""

from collections.abc import Callable
from dataclasses import replace
from math import comb

from app.estimation.classical.plan import Plan, Step, present, product
from app.estimation.classical.reading import PANDAS, TARGET_BYTES
from app.estimation.classical.task import ITEM_BYTES, Task

SKLEARN = "scikit-learn 1.9.1"
INDEX_BYTES = 8
TEST_SHARE = 0.2
DUMMY_TYPES = {**ITEM_BYTES, "boolean": 1}

# Working memory of OneHotEncoder, fitted on three measured shapes: integer codes, masks, flattened indices, pointers.
ENCODER_BYTES_PER_CELL, ENCODER_BYTES_PER_ROW = 81, 34
DENSE_ENCODER_BYTES_PER_CELL = 45
SORT_BYTES_PER_ROW = 36  # argsort, the key as an array, the new index
MERGE_BYTES_PER_ROW = 26  # two indexers and the hash table's answer
GROUP_BYTES_PER_ROW = 10
GROUP_BYTES_PER_VALUE, GROUP_BYTES_PER_KEY = 32, 32  # sums, counts, compensation and result of each group; its hash entry

Operation = Callable[[Task], tuple[Step, Task]]


def split(task: Task) -> tuple[Step, Task]:
    """train_test_split: both parts are copies, the original stays."""
    target = TARGET_BYTES if task.has_target or task.workload.source_format != "memory" else 0
    index = INDEX_BYTES if task.column_major or task.workload.container == "dataframe" else 0
    source = f"{SKLEARN}, model_selection/_split.py: fancy indexing copies"
    step = Step(
        name="split",
        retained=present(
            product(
                "split_parts",
                "Training and test part",
                source,
                rows=task.rows,
                values_per_row=task.values_per_row,
                bytes=task.stored_value_bytes,
            ),
            product("split_targets", "Their targets and row numbers", source, rows=task.rows, bytes=target + index),
        ),
    )
    share = task.number("test_size", TEST_SHARE)
    return step, task.with_rows(round(task.rows * (1 - share)) if share < 1 else task.rows - int(share))


def standard_scale(task: Task) -> tuple[Step, Task]:
    """StandardScaler.fit_transform: the result, and in fit a double-precision temporary with a mask of missing values."""
    source = f"{SKLEARN}, utils/extmath.py, _incremental_mean_and_var; measured on four tables"
    scaled = replace(task, dtype=task.dtype if task.dtype in ("float32", "float64") else "float64")
    temporary = max(0, 8 - scaled.item_bytes)
    step = Step(
        name="scale",
        transient=present(
            product(
                "deviations",
                "Deviations in double precision beyond the result",
                source,
                rows=task.rows,
                columns=task.columns,
                bytes=temporary,
            ),
            product("missing_mask", "Mask of missing values", source, rows=task.rows, columns=task.columns, bytes=1),
        ),
        retained=(product("scaled", "Scaled table", source, rows=task.rows, columns=task.columns, bytes=scaled.item_bytes),),
    )
    return step, scaled


def copy_transform(task: Task) -> tuple[Step, Task]:
    """A transformer that returns a changed copy: MinMaxScaler, MaxAbsScaler, SimpleImputer, Normalizer and their kind."""
    result = replace(task, dtype=task.dtype if task.dtype in ("float32", "float64") else "float64")
    step = Step(
        name="transform",
        transient=(product("missing_mask", "Mask of missing values", SKLEARN, rows=task.rows, columns=task.columns, bytes=1),),
        retained=(
            product(
                "transformed",
                "Transformed table",
                SKLEARN,
                rows=task.rows,
                values_per_row=task.values_per_row,
                bytes=task.float_bytes + (task.index_bytes if task.is_sparse else 0),
            ),
        ),
    )
    return step, result


def category_columns(task: Task) -> int:
    """Columns of categories."""
    types = task.workload.column_types
    return (types.category_text if types else 0) or task.columns


def get_dummies(task: Task) -> tuple[Step, Task]:
    """pandas.get_dummies: one column for every value of every category, built column by column and then joined."""
    columns, cardinality = category_columns(task), task.workload.cardinality
    size = DUMMY_TYPES.get(task.text("dtype", "bool"), 1)
    source = f"{PANDAS}, core/reshape/encoding.py; measured on seven tables"
    step = Step(
        name="one_hot",
        transient=(product("one_category", "Columns of the category in work", source, rows=task.rows, categories=cardinality, bytes=size),),
        retained=(product("dummies", "Indicator columns", source, rows=task.rows, columns=columns, categories=cardinality, bytes=size),),
    )
    return step, _widened(task, columns, cardinality, "float64" if size == 8 else "bool")


def one_hot_encode(task: Task) -> tuple[Step, Task]:
    """OneHotEncoder: sparse by default, 12 B for each row and category column, on the way several times that."""
    columns, cardinality = category_columns(task), task.workload.cardinality
    source = f"{SKLEARN}, preprocessing/_encoders.py; fitted on three sparse and two dense cases"
    if task.flag("sparse_output", default=True):
        result = product("encoded", "Sparse indicator matrix", source, rows=task.rows, columns=columns, bytes=12)
        step = Step(
            name="one_hot",
            transient=(
                product("encoding", "Codes, masks and indices", source, rows=task.rows, columns=columns, bytes=ENCODER_BYTES_PER_CELL - 12),
                product("encoding_rows", "Row pointers and masks", source, rows=task.rows, bytes=ENCODER_BYTES_PER_ROW),
            ),
            retained=(result,),
        )
        return step, task
    step = Step(
        name="one_hot",
        transient=(
            product(
                "encoding",
                "Codes, masks and the sparse matrix",
                source,
                rows=task.rows,
                columns=columns,
                bytes=DENSE_ENCODER_BYTES_PER_CELL,
            ),
        ),
        retained=(product("encoded", "Indicator matrix", source, rows=task.rows, columns=columns, categories=cardinality, bytes=8),),
    )
    return step, _widened(task, columns, cardinality, "float64")


def _widened(task: Task, encoded_columns: int, cardinality: int, dtype: str) -> Task:
    other = max(0, task.columns - encoded_columns)
    return replace(task, columns=other + encoded_columns * cardinality, dtype=dtype)


def polynomial_features(task: Task) -> tuple[Step, Task]:
    """PolynomialFeatures: every product of up to `degree` columns; the input is copied on the way."""
    degree = min(20, task.count("degree", 2))
    columns = comb(task.columns + degree, degree)
    source = f"{SKLEARN}, preprocessing/_polynomial.py; measured on two tables"
    result = replace(task, columns=columns)
    step = Step(
        name="transform",
        transient=(
            product("input_copy", "Column-ordered copy of the input", source, rows=task.rows, columns=task.columns, bytes=task.float_bytes),
        ),
        retained=(product("polynomials", "Polynomial columns", source, rows=task.rows, columns=columns, bytes=task.float_bytes),),
    )
    return step, result


def to_numpy(task: Task) -> tuple[Step, Task]:
    """DataFrame.to_numpy: a view where all columns have one type, else a copy in the type that holds them all."""
    mixed = task.flag("mixed", default=False) or _has_mixed_types(task)
    columns = task.columns + 1 if task.flag("mixed", default=False) else task.columns
    copy = product(
        "array",
        "Copy in double precision",
        f"{PANDAS}, core/internals/managers.py, as_array",
        rows=task.rows,
        columns=columns,
        bytes=8 if mixed else 0,
    )
    return Step(name="to_numpy", retained=present(copy)), replace(task, column_major=False)


def _has_mixed_types(task: Task) -> bool:
    types = task.workload.column_types
    return types is not None and sum(count > 0 for count in (types.float, types.int, types.category_text, types.string)) > 1


def sort_values(task: Task) -> tuple[Step, Task]:
    """DataFrame.sort_values: a sorted copy."""
    source = f"{PANDAS}; measured on two tables"
    step = Step(
        name="sort",
        transient=(product("order", "Sort order and index", source, rows=task.rows, bytes=SORT_BYTES_PER_ROW),),
        retained=(product("sorted", "Sorted copy", source, rows=task.rows, columns=task.columns, bytes=task.item_bytes),),
    )
    return step, task


def merge(task: Task) -> tuple[Step, Task]:
    """DataFrame.merge on one key: the left columns stay where they are if no row is dropped, the right ones are taken for every row."""
    right_rows, right_columns = task.count("right_rows", task.rows), task.count("right_cols", task.columns, "right_columns")
    source = f"{PANDAS}, copy on write; measured on two tables"
    step = Step(
        name="merge",
        transient=(product("indexers", "Row numbers on both sides", source, rows=task.rows, bytes=MERGE_BYTES_PER_ROW),),
        retained=(
            product("right_table", "Table on the right", source, rows=right_rows, columns=right_columns + 1, bytes=8),
            product("merged", "Columns from the right", source, rows=task.rows, columns=right_columns, bytes=8),
        ),
    )
    return step, replace(task, columns=task.columns + right_columns)


def groupby(task: Task) -> tuple[Step, Task]:
    """DataFrame.groupby with an aggregate: group numbers for every row, sums and counts for every group."""
    groups = min(task.rows, task.count("groups", task.workload.cardinality))
    source = f"{PANDAS}, _libs/groupby.pyx; fitted on two tables"
    step = Step(
        name="groupby",
        transient=(
            product("group_keys", "Group numbers and hash table", source, rows=task.rows, bytes=GROUP_BYTES_PER_ROW),
            product("group_values", "Sums, counts and results", source, groups=groups, columns=task.columns, bytes=GROUP_BYTES_PER_VALUE),
            product("group_index", "Keys", source, groups=groups, bytes=GROUP_BYTES_PER_KEY),
        ),
        retained=(product("key_column", "Key column", source, rows=task.rows, bytes=8),),
    )
    return step, task.with_rows(groups)


def as_plan(operation: Operation, family: str) -> Callable[[Task], Plan]:
    """An operation as an algorithm of its own."""

    def plan(task: Task) -> Plan:
        return Plan(family=family, steps=(operation(task)[0],))

    plan.__doc__ = operation.__doc__
    return plan
