"""Principal components and truncated singular values of scikit-learn 1.9.1, by solver."""

from app.estimation.classical.inputs import SKLEARN, fitted, sparse_slice, table_copy
from app.estimation.classical.plan import Plan, present, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term

PCA_SOURCE = f"{SKLEARN}, decomposition/_pca.py"
RANDOMIZED = f"{SKLEARN}, utils/extmath.py, randomized_svd"
OVERSAMPLES = 10
COVARIANCE_COLUMNS, COVARIANCE_ROWS = 1000, 10  # _pca.py: "auto" takes the covariance up to 1000 columns and from 10 rows a column
SMALL_SIDE, RANDOMIZED_SHARE = 500, 0.8
ROW_FACTORS, COLUMN_FACTORS = 3, 2  # arrays of rows (columns) x (components + 10) alive in the power iterations; eight cases
COVARIANCE_COPIES = 2.5


def pca(task: Task) -> Plan:
    """PCA by the solver that is chosen or that "auto" chooses."""
    components = _components(task)
    copy = table_copy(task, "centred", "Centred copy", f"{PCA_SOURCE}: copy=True")
    solver = _solver(task, components)
    if solver == "covariance_eigh":
        fit: tuple[Term, ...] = (
            product(
                "covariance",
                "Covariance and its eigenvectors",
                PCA_SOURCE,
                copies=COVARIANCE_COPIES,
                entries=task.columns * task.columns,
                bytes=task.float_bytes,
            ),
        )
    elif solver == "full":
        fit = (
            copy,
            table_copy(task, "singular_vectors", "Left singular vectors and LAPACK's copy", f"{PCA_SOURCE}; scipy.linalg.svd", copies=2),
            _workspace(task),
        )
    elif solver == "arpack":
        fit = (copy, _factor(task, "rows", task.rows, components, 1))
    else:
        fit = (copy, _factor(task, "rows", task.rows, components + OVERSAMPLES, ROW_FACTORS))
    return _projection(task, present(*fit), components)


def _workspace(task: Task) -> Term:
    """LAPACK's gesdd: four squares of the shorter side."""
    side = min(task.rows, task.columns)
    return product("workspace", "LAPACK's workspace", "LAPACK gesdd", squares=4, entries=side * side, bytes=task.float_bytes)


def _components(task: Task) -> int:
    most = min(task.rows, task.columns)
    asked = task.number("n_components", most)
    return min(most, int(asked)) if asked >= 1 else most


def _solver(task: Task, components: int) -> str:
    """_pca.py, PCA._fit: the choice that svd_solver="auto" makes."""
    solver = task.text("svd_solver", "auto")
    if solver != "auto":
        return solver
    if task.columns <= COVARIANCE_COLUMNS and task.rows >= COVARIANCE_ROWS * task.columns:
        return "covariance_eigh"
    if max(task.rows, task.columns) <= SMALL_SIDE:
        return "full"
    return "randomized" if components < RANDOMIZED_SHARE * min(task.rows, task.columns) else "full"


def _factor(task: Task, side: str, length: int, width: int, arrays: float) -> Term:
    return product(
        f"{side}_factors",
        f"Factors along the {side}",
        RANDOMIZED,
        arrays=arrays,
        **{side: length},
        components=width,
        bytes=task.float_bytes,
    )


def _projection(task: Task, fit: tuple[Term, ...], components: int) -> Plan:
    projected = product("projected", "Projected rows", SKLEARN, rows=task.predicted_rows, components=components, bytes=task.float_bytes)
    file_bytes = (components + 2) * task.columns * task.float_bytes
    return fitted("decomposition", task, fit, (projected, *sparse_slice(task)), model_file_bytes=file_bytes)


def incremental_pca(task: Task) -> Plan:
    """IncrementalPCA: a copy of the table, then batch by batch."""
    copy = table_copy(task, "copy", "Copy of the table", f"{SKLEARN}, decomposition/_incremental_pca.py: copy=True")
    return _projection(task, (copy,), _components(task))


def truncated_svd(task: Task) -> Plan:
    """TruncatedSVD of a sparse or dense table: only factors, the table is used in place."""
    components = min(task.count("n_components", 2), task.columns)
    if task.text("algorithm", "randomized") == "arpack":
        width, rows, columns = components, 4.0, 4.0
    else:
        width, rows, columns = components + OVERSAMPLES, float(ROW_FACTORS), float(COLUMN_FACTORS)
    fit = (_factor(task, "rows", task.rows, width, rows), _factor(task, "columns", task.columns, width, columns))
    return _projection(task, fit, components)


def factorization(task: Task) -> Plan:
    """NMF, FastICA, factor analysis and their kind: a working copy, and factors along both sides."""
    components = _components(task)
    copy = table_copy(task, "working_copy", "Working copies", f"{SKLEARN}, decomposition", copies=2)
    return _projection(
        task, (copy, _factor(task, "rows", task.rows, components, 4), _factor(task, "columns", task.columns, components, 4)), components
    )
