"""HistGradientBoosting of scikit-learn 1.9.1: bins, histograms, and the copy that early stopping makes."""

from app.estimation.classical.inputs import SKLEARN, fitted
from app.estimation.classical.plan import Plan, fullest, present, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term

SOURCE = f"{SKLEARN}, ensemble/_hist_gradient_boosting"
EARLY_STOPPING_ROWS = 10_000  # gradient_boosting.py: early_stopping="auto" is on above
SAMPLED_ROWS = 200_000  # binning.py, subsample
HISTOGRAM_BYTES = 20  # common.pyx, HISTOGRAM_DTYPE: two doubles and a count
FILE_BYTES = 2500  # a pickle's frame and parameters
BINS = 256
BINNED_BYTES = 2  # uint8 bins and a mask of missing values
ROW_BYTES, CLASS_BYTES = 37, 16  # indices, targets, weights; gradient and hessian in single precision, raw predictions in double


def hist_gradient_boosting(task: Task) -> Plan:
    """The table is converted to double precision; early stopping, on by default above 10,000 rows, splits off a copy of it."""
    early = task.value("early_stopping")
    stops = task.rows > EARLY_STOPPING_ROWS if early in (None, "auto") else bool(early)
    double = task.rows if task.dtype != "float64" or task.column_major else 0
    inputs = present(
        product(
            "double_precision", "Table in double precision", f"{SOURCE}/common.pyx, X_DTYPE", rows=double, columns=task.columns, bytes=8
        ),
        product(
            "early_stopping_split",
            "Training and validation part",
            f"{SOURCE}/gradient_boosting.py, train_test_split",
            rows=task.rows if stops else 0,
            columns=task.columns,
            bytes=8,
        ),
    )
    trees = task.count("max_iter", 100) * task.outputs
    model = product(
        "tree_nodes",
        "Nodes of all trees",
        f"{SOURCE}/common.pyx, PREDICTOR_RECORD_DTYPE",
        trees=trees,
        nodes=2 * _leaves(task) - 1,
        bytes=64,
    )
    scores = product("scores", "Scores and probabilities", SKLEARN, rows=task.predicted_rows, classes=task.classes, copies=3, bytes=8)
    return fitted(
        "histogram_boosting",
        task,
        (*inputs, *fullest(_binning(task), _growing(task))),
        (scores,),
        model=(model,),
        model_file_bytes=FILE_BYTES + model.bytes + 8 * min(BINS, task.count("max_bins", 255) + 1) * task.columns,  # trees and bin edges
    )


def _leaves(task: Task) -> int:
    return min(task.rows, task.count("max_leaf_nodes", 31))


def _binning(task: Task) -> tuple[Term, ...]:
    """Finding bin edges on a sample of the rows."""
    sampled = SAMPLED_ROWS if task.rows > SAMPLED_ROWS else 0
    return present(
        product("bin_sample", "Sampled rows for the bin edges", f"{SOURCE}/binning.py", rows=sampled, columns=task.columns, bytes=8),
        product("missing_mask", "Mask of missing values", f"{SOURCE}/binning.py", rows=task.rows, columns=task.columns, bytes=1),
        product("row_vectors", "Targets and weights", SOURCE, rows=task.rows, bytes=ROW_BYTES // 2),
    )


def _growing(task: Task) -> tuple[Term, ...]:
    """Growing trees on the binned table: one histogram for each leaf that can still be split."""
    bins = min(BINS, task.count("max_bins", 255) + 1)
    return (
        product(
            "binned",
            "Binned table and mask",
            f"{SOURCE}/common.pyx, X_BINNED_DTYPE",
            rows=task.rows,
            columns=task.columns,
            bytes=BINNED_BYTES,
        ),
        product(
            "histograms",
            "Histograms of the leaves",
            f"{SOURCE}/histogram.pyx",
            leaves=_leaves(task),
            columns=task.columns,
            bins=bins,
            bytes=HISTOGRAM_BYTES,
        ),
        product("row_vectors", "Indices, targets, gradients", SOURCE, rows=task.rows, bytes=ROW_BYTES + CLASS_BYTES * task.outputs),
    )
