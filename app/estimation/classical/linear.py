"""Linear models of scikit-learn 1.9.1, naive Bayes and liblinear: which copies of the table each solver makes."""

from app.estimation.classical.inputs import MODEL_OVERHEAD_BYTES, SKLEARN, fitted, float_copy, row_major_copy, sparse_slice, table_copy
from app.estimation.classical.plan import Plan, present, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term

BASE = f"{SKLEARN}, linear_model/_base.py, _preprocess_data(copy=True)"
LOGISTIC = f"{SKLEARN}, linear_model/_linear_loss.py; measured on twelve cases"
LIBLINEAR = "liblinear in scikit-learn: one feature_node {int, double} a value, two more a row"
STOCHASTIC = f"{SKLEARN}, linear_model/_stochastic_gradient.py; measured on six cases"

# Vectors as long as the table, in multiples of one floating-point number a row.
BINARY_VECTORS = 3.4  # raw prediction, gradient, loss, and a share of the line search's
CLASS_VECTORS = 2  # raw predictions and their gradients, one for each class
SPARSE_CLASS_VECTORS = 3.0  # the product with a sparse table is a new array each time
SAGA_BYTES_PER_ROW = 18
STOCHASTIC_BYTES_PER_ROW = 12  # float64 targets, sample weights
LIBLINEAR_NODE_BYTES = 16
LIBLINEAR_EXTRA_NODES = 2  # bias and end mark
LIBLINEAR_ROW_BYTES = 90
GRAM_COPIES = 3  # the Gram matrix, its factor, LAPACK's working copy


def linear_regression(task: Task) -> Plan:
    """Ordinary least squares: a centred copy, and the column-ordered copy that LAPACK's gelsd works in."""
    fit = present(
        table_copy(task, "centred", "Centred copy", BASE),
        table_copy(task, "lapack_copy", "Column-ordered copy for LAPACK", f"{SKLEARN}; scipy.linalg.lstsq"),
        product("row_vectors", "Centred targets", BASE, rows=task.rows, bytes=task.float_bytes),
    )
    return fitted("linear", task, fit, model_file_bytes=MODEL_OVERHEAD_BYTES + 2 * task.columns * task.float_bytes)  # and singular values


def ridge(task: Task) -> Plan:
    """Ridge regression: a centred copy and the Gram matrix of the shorter side; with solver="svd" LAPACK's copies instead."""
    if task.text("solver", "auto") == "svd":
        gram = table_copy(
            task, "svd_copies", "Copies and left singular vectors", f"{SKLEARN}, linear_model/_ridge.py, _solve_svd", copies=3
        )
    else:
        side = min(task.rows, task.columns)
        gram = product(
            "gram",
            "Gram matrix, its factor and a working copy",
            f"{SKLEARN}, linear_model/_ridge.py, _solve_cholesky",
            copies=GRAM_COPIES,
            entries=side * side,
            bytes=task.float_bytes,
        )
    return fitted("linear", task, present(table_copy(task, "centred", "Centred copy", BASE), gram))


def coordinate_descent(task: Task) -> Plan:
    """Lasso and elastic net: one column-ordered centred copy and the residual."""
    fit = present(
        table_copy(task, "centred", "Centred column-ordered copy", f"{SKLEARN}, linear_model/_coordinate_descent.py"),
        product("residual", "Residual", f"{SKLEARN}, linear_model/_cd_fast.pyx", rows=task.rows, bytes=task.float_bytes),
    )
    return fitted("linear", task, fit)


def logistic_regression(task: Task) -> Plan:
    """Logistic regression by the chosen solver. lbfgs, the default, works on the table in place."""
    solver = task.text("solver", "lbfgs")
    if solver == "liblinear":
        return liblinear(task)
    if solver in ("sag", "saga"):
        fit = present(product("row_vectors", "Gradient memory and weights", LOGISTIC, rows=task.rows, bytes=SAGA_BYTES_PER_ROW))
    elif solver == "newton-cholesky":
        fit = present(table_copy(task, "weighted", "Weighted copy for the Hessian", LOGISTIC), _row_vectors(task))
    else:
        fit = present(_row_vectors(task))
    return fitted("linear", task, (*fit, *row_major_copy(task), *float_copy(task)), _decision(task))


def _row_vectors(task: Task) -> Term:
    size = task.float_bytes
    if task.outputs == 1:
        return product("row_vectors", "Predictions, gradients and losses", LOGISTIC, rows=task.rows, vectors=BINARY_VECTORS, bytes=size)
    vectors = SPARSE_CLASS_VECTORS if task.is_sparse else CLASS_VECTORS
    return product(
        "row_vectors",
        "Predictions and gradients of each class",
        LOGISTIC,
        rows=task.rows,
        classes=task.classes,
        vectors=vectors,
        bytes=size,
    )


def _decision(task: Task) -> tuple[Term, ...]:
    scores = product(
        "scores", "Scores and probabilities", SKLEARN, rows=task.predicted_rows, classes=task.classes, copies=2, bytes=task.float_bytes
    )
    return (scores, *sparse_slice(task))


def liblinear(task: Task) -> Plan:
    """LinearSVC, LinearSVR and solver="liblinear": the table again as 16-byte nodes, and in double precision first."""
    nodes = task.values_per_row + LIBLINEAR_EXTRA_NODES
    double = product(
        "double_copy",
        "Copy in double precision",
        LIBLINEAR,
        rows=task.rows,
        values_per_row=task.values_per_row,
        bytes=8 if task.item_bytes != 8 else 0,
    )
    fit = present(
        product("nodes", "Values as nodes", LIBLINEAR, rows=task.rows, nodes=nodes, bytes=LIBLINEAR_NODE_BYTES),
        product("row_vectors", "Targets, dual variables, pointers", LIBLINEAR, rows=task.rows, bytes=LIBLINEAR_ROW_BYTES),
        double,
    )
    return fitted("linear", task, fit, sparse_slice(task))


def stochastic(task: Task) -> Plan:
    """SGDClassifier, SGDRegressor, Perceptron: one row at a time, nothing copied. A mapped file stays resident but is reclaimable."""
    vectors = product(
        "row_vectors",
        "Targets and weights",
        STOCHASTIC,
        rows=0 if "batch" in task.workload.hyperparameters else task.rows,
        bytes=STOCHASTIC_BYTES_PER_ROW,
    )
    return fitted("linear", task, (*present(vectors), *row_major_copy(task), *float_copy(task)), sparse_slice(task))


def naive_bayes(task: Task) -> Plan:
    """GaussianNB: numpy's variance makes one temporary as large as the table."""
    source = f"{SKLEARN}, naive_bayes.py: np.var(X, axis=0)"
    fit = present(
        table_copy(task, "deviations", "Deviations from the mean", source),
        product("row_vectors", "Class masks", source, rows=task.rows, bytes=4),
    )
    scores = product("scores", "Joint log-likelihoods", source, rows=task.predicted_rows, classes=task.classes, copies=2, bytes=8)
    return fitted("bayes", task, fit, (scores,))


def bernoulli_naive_bayes(task: Task) -> Plan:
    """BernoulliNB: a copy of zeros and ones in the table's type, beside the label matrix."""
    source = f"{SKLEARN}, naive_bayes.py: binarize"
    indicators = product("indicators", "Label indicators and counts", source, rows=task.rows, classes=task.classes, copies=4, bytes=8)
    return fitted("bayes", task, (table_copy(task, "binarized", "Copy of zeros and ones", source), indicators), sparse_slice(task))


def copying(copies: float, task: Task) -> Plan:
    """Estimators of which no more is known than how many full copies of the table their fit was measured to make."""
    return fitted("linear", task, (table_copy(task, "copies", "Full copies of the table", "measured on one or two tables", copies=copies),))


def counting_naive_bayes(task: Task) -> Plan:
    """MultinomialNB, BernoulliNB and their kind: the label matrix and counts."""
    source = f"{SKLEARN}, naive_bayes.py, _BaseDiscreteNB"
    indicators = product("indicators", "Label indicators", source, rows=task.rows, classes=task.classes, copies=2, bytes=8)
    return fitted("bayes", task, (indicators, *float_copy(task)), sparse_slice(task))
