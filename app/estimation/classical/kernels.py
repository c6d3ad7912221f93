"""Support vector machines and kernel methods: kernel rows, cached or complete."""

import math

from app.estimation.classical.inputs import SKLEARN, fitted, float_copy, row_major_copy
from app.estimation.classical.plan import Plan, Spread, product
from app.estimation.classical.task import Task
from app.estimation.classical.trees import wrong_labels
from app.units import MIB

LIBSVM = f"{SKLEARN}, svm/src/libsvm/svm.cpp"
QFLOAT_BYTES = 4
NODE_BYTES = 16
EXTRA_NODES = 2
DEFAULT_CACHE_MIB = 200
CACHED_PER_SUPPORT_VECTOR = 1.08  # rows asked for beyond those that end as support vectors; 13 machines
MARGIN_FACTOR, MARGIN_EXPONENT = 1.85, 0.45  # correctly labelled rows within the margin: 1.85 (columns / rows)^0.45; seven shapes
CROWDED_SHARE = 0.85  # of the rows, for regression and for pairs of several classes
SUPPORT = Spread(0.5, 1.6, "how many rows become support vectors depends on how far the classes overlap")


def support_share(task: Task) -> float:
    """Share of the rows that become support vectors: wrong labels on both sides of the boundary, and the margin around it."""
    if task.classes != 2:
        return CROWDED_SHARE
    return min(1.0, 2 * wrong_labels(task) + MARGIN_FACTOR * math.pow(task.columns / task.rows, MARGIN_EXPONENT))


def support_vector_machine(task: Task) -> Plan:
    """SVC, SVR and their kind (libsvm): the rows as nodes, and kernel rows in single precision up to `cache_size`.

    Several classes are trained in pairs, one after the other, on the rows of both classes.
    """
    rows = max(2, 2 * task.rows // task.classes) if task.classes > 2 else task.rows
    share = min(1.0, CACHED_PER_SUPPORT_VECTOR * support_share(task))
    cache_rows = task.number("cache_size", DEFAULT_CACHE_MIB) * MIB / (QFLOAT_BYTES * rows)
    cached = product(
        "kernel_cache", "Kernel rows in the cache", LIBSVM, kernel_rows=min(share * rows, cache_rows), rows=rows, bytes=QFLOAT_BYTES
    )
    nodes = product("nodes", "Rows as nodes", LIBSVM, rows=task.rows, nodes=task.values_per_row + EXTRA_NODES, bytes=NODE_BYTES)
    vectors = support_share(task) * task.rows
    model = product(
        "support_vectors", "Support vectors and their weights", LIBSVM, vectors=vectors, values=task.values_per_row + task.classes, bytes=8
    )
    fit = (nodes, cached, *row_major_copy(task), *float_copy(task))
    return fitted("kernels", task, fit, model=(model,), model_file_bytes=model.bytes, spreads={"kernel_cache": SUPPORT})


def complete_kernel(matrices: int, task: Task) -> Plan:
    """KernelRidge holds the complete kernel, its factor and a temporary; Gaussian processes also its gradients: nine matrices in all."""
    kernel = product("kernel", "Kernel matrix, its factor, temporaries", SKLEARN, matrices=matrices, entries=task.rows * task.rows, bytes=8)
    model = product("training_rows", "Training rows", SKLEARN, rows=task.rows, columns=task.columns, bytes=8)
    return fitted("kernels", task, (kernel,), model=(model,), model_file_bytes=model.bytes)


def pairwise_distances(task: Task) -> Plan:
    """sklearn.metrics.pairwise_distances: the full matrix."""
    matrix = product(
        "distances", "Distance matrix", f"{SKLEARN}, metrics/pairwise.py", entries=task.rows * task.rows, bytes=task.float_bytes
    )
    return fitted("kernels", task, (matrix,), model_file_bytes=0)
