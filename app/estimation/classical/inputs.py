"""What scikit-learn's estimators do with their input before they start, and the common shape of fit and predict."""

from app.estimation.classical.plan import Plan, Spread, Step, present, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term

SKLEARN = "scikit-learn 1.9.1"
VALIDATION = f"{SKLEARN}, utils/validation.py, check_array"
SPARSE_SLICE_BYTES = 20  # a row slice of a CSR matrix: value, index, and the index again while it is checked
MODEL_OVERHEAD_BYTES = 750  # a pickle's frame and parameters: 420 to 1110 B in thirty files of linear models


def table_copy(task: Task, key: str, label: str, source: str, *, copies: float = 1) -> Term:
    """Full copies of the table in the type that the estimator computes in."""
    size = task.float_bytes + (task.index_bytes if task.is_sparse else 0)
    return product(key, label, source, copies=copies, rows=task.rows, values_per_row=task.values_per_row, bytes=size)


def row_major_copy(task: Task) -> tuple[Term, ...]:
    """Frames hold columns; estimators that walk along rows copy them. Whole numbers are converted in the same copy."""
    if not task.column_major:
        return ()
    return (product("row_major", "Row-ordered copy", VALIDATION, rows=task.rows, columns=task.columns, bytes=task.float_bytes),)


def float_copy(task: Task) -> tuple[Term, ...]:
    """Whole numbers become double precision first; floating-point tables are used as they are."""
    if task.column_major or (task.item_bytes == task.float_bytes == 8 and task.dtype == "float64") or task.dtype == "float32":
        return ()
    return (product("float_copy", "Copy in double precision", VALIDATION, rows=task.rows, values_per_row=task.values_per_row, bytes=8),)


def sparse_slice(task: Task) -> tuple[Term, ...]:
    """Rows taken from a sparse table for prediction."""
    if not task.is_sparse:
        return ()
    return (
        product(
            "sparse_slice",
            "Rows taken from the sparse table",
            "scipy.sparse; measured on four cases",
            rows=task.predicted_rows,
            values_per_row=task.values_per_row,
            bytes=SPARSE_SLICE_BYTES,
        ),
    )


def fitted(
    family: str,
    task: Task,
    fit: tuple[Term, ...],
    predict: tuple[Term, ...] = (),
    *,
    model: tuple[Term, ...] = (),
    model_file_bytes: int | None = None,
    spreads: dict[str, Spread] | None = None,
) -> Plan:
    """A plan of fit and predict. `model` stays after fit; a linear model, where none is given, is one weight for each column and class."""
    weights = MODEL_OVERHEAD_BYTES + task.columns * task.outputs * task.float_bytes
    return Plan(
        family=family,
        steps=(Step(name="fit", transient=present(*fit), retained=present(*model)), Step(name="predict", transient=present(*predict))),
        model_file_bytes=weights if model_file_bytes is None else model_file_bytes,
        spreads=spreads or {},
    )
