"""XGBoost 3.2 on the processor (hist): quantile sketches, binned pages, histograms of every node.

Sources are files of dmlc/xgboost 3.2.0. Coefficients marked measured come from cases with two threads.
"""

import math

from app.estimation.baselines import NATIVE_CUDA_BYTES
from app.estimation.classical.plan import Plan, Spread, Step, fullest, present, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term
from app.units import MB

LIBRARY = "xgboost 3.2.0"
ENTRY_BYTES = 8  # include/xgboost/data.h, Entry: column number and single-precision value
HISTOGRAM_BYTES = 16  # GradientPairPrecise, two doubles
DEFAULT_BINS, DEFAULT_DEPTH, DEFAULT_TREES = 256, 6, 100
MOST_DEPTH = 24
CACHED_NODES = 65_536  # tree/hist/hist_param.h, max_cached_hist_node
ROW_BYTES, OUTPUT_BYTES = 35, 16  # row numbers, partitions; gradient pairs and margins for each output; measured, 1 to 20 classes
SPARSE_BYTES = 23  # index, row and column pages of one stored value; measured on six sparse tables
RUNTIME_BYTES = 8 * MB
TREE_NODE_BYTES = 76
FILE_BYTES, FILE_NODE_BYTES, SMALLEST_LEAF_ROWS = 840, 39, 30  # of a model file; fifty files of depths 3 to 14
LEAF_NODES = 2.5  # histograms for each leaf when growing by loss: every node has one; one case
SKETCH_FACTOR, SKETCH_ENTRY_BYTES = 8, 16  # common/quantile.h, kFactor and Entry
SKETCH_ARRAYS = 2  # for each level: its summary, and its share of queues and buffers; measured on sketches of one to seven levels
GRADIENT_ROW_BYTES = 16  # gradient pairs, margins and labels, which are there before the first tree
SMALLEST_NODE_ROWS, FULLNESS = 12, 1.5  # deep trees are not full: nodes are a smooth minimum of 2^depth and rows / 12; six depths
EXACT_BYTES = 8  # sorted columns of tree_method="exact"
LABEL_BYTES = 8

NODES = Spread(0.5, 1.3, "how full deep trees are depends on the data")


def external_matrix(task: Task) -> Plan:
    """DMatrix: the table again as (column, value) entries, binned when training starts."""
    return _plan(task, entries=True)


def quantile_matrix(task: Task) -> Plan:
    """QuantileDMatrix, and XGBClassifier, XGBRegressor, XGBRanker, which build one: binned at once, no entries."""
    return _plan(task, entries=False)


def on_gpu(task: Task) -> bool:
    """Whether the hyper-parameters ask XGBoost for a GPU."""
    device, method = task.text("device", "cpu"), task.text("tree_method", "hist")
    return task.workload.library == "xgboost" and (device.startswith(("cuda", "gpu")) or method == "gpu_hist")


def _plan(task: Task, *, entries: bool) -> Plan:
    pages = product(
        "entries",
        "Column numbers and values",
        f"{LIBRARY}, SparsePage",
        rows=task.rows,
        values_per_row=task.values_per_row,
        bytes=ENTRY_BYTES,
    )
    labels = product("labels", "Labels and weights", f"{LIBRARY}, MetaInfo", rows=task.rows, bytes=LABEL_BYTES)
    matrix = Step(name="matrix", retained=present(pages if entries else None, labels))
    model = _trees(task)
    growing = (_cuda_runtime(),) if on_gpu(task) else fullest(_sketching(task), _growing(task))
    train = Step(name="fit", transient=growing, retained=(model,))
    return Plan(
        family="xgboost",
        steps=(matrix, train),
        model_file_bytes=_file_bytes(task, model),
        spreads={"histograms": NODES} if depth_of(task) > 8 else {},
    )


def _file_bytes(task: Task, model: Term) -> int:
    """A binary JSON file. Of deep trees only the nodes that enough rows reach exist."""
    leaves: float = 1 / (1 / 2.0 ** depth_of(task) + SMALLEST_LEAF_ROWS / task.rows)
    nodes = 2 * min(leaves, _max_leaves(task)) - 1
    return round(FILE_BYTES + int(model.inputs["trees"]) * nodes * FILE_NODE_BYTES)


def _cuda_runtime() -> Term:
    """Bins, gradients and histograms lie on the card; the process has the CUDA runtime beside the table."""
    return product("cuda_runtime", "CUDA runtime", "a native process that links the CUDA driver", bytes=NATIVE_CUDA_BYTES)


def depth_of(task: Task) -> int:
    """The depth that trees may reach."""
    depth = int(task.number("max_depth", DEFAULT_DEPTH))
    return min(MOST_DEPTH, depth) if depth else MOST_DEPTH


def bins_of(task: Task) -> int:
    """Bins of one column."""
    return max(2, int(task.number("max_bin", DEFAULT_BINS)))


def _trees(task: Task) -> Term:
    nodes = min(2 ** (depth_of(task) + 1) - 1, 2 * task.rows)
    return product(
        "trees",
        "Trees",
        f"{LIBRARY}, RegTree",
        trees=task.count("n_estimators", DEFAULT_TREES, "num_boost_round") * task.outputs,
        nodes=min(nodes, 2 * _max_leaves(task) - 1),
        bytes=TREE_NODE_BYTES,
    )


def _max_leaves(task: Task) -> int:
    leaves = int(task.number("max_leaves", 0))
    return leaves or 2**MOST_DEPTH


def sketch_bytes_per_column(values: int, bins: int) -> int:
    """Quantile sketch of one column of `values` values: common/quantile.h, LimitSizeLevel."""
    if not values:
        return 0
    precision, level = SKETCH_FACTOR * bins, 1
    limit = min(values, precision + 1)
    while 2**level * limit < values:
        level += 1
        limit = min(values, level * precision + 1)
    return SKETCH_ARRAYS * level * limit * SKETCH_ENTRY_BYTES


def _sketching(task: Task) -> tuple[Term, ...]:
    """Finding the bins: a quantile sketch for every column beside the gradients."""
    values = math.ceil(task.rows * task.values_per_row / task.columns)
    sketch = sketch_bytes_per_column(values, bins_of(task))
    return (
        product("sketches", "Quantile sketches", f"{LIBRARY}, common/quantile.h", columns=task.columns, bytes=sketch),
        product("gradients", "Gradients and margins", f"{LIBRARY}, GradientPair", rows=task.rows, bytes=GRADIENT_ROW_BYTES * task.outputs),
    )


def _row_vectors(task: Task) -> Term:
    return product(
        "row_vectors",
        "Gradients, margins, row numbers",
        f"{LIBRARY}, tree/common_row_partitioner.h; measured",
        rows=task.rows,
        bytes=ROW_BYTES + OUTPUT_BYTES * task.outputs,
    )


def _growing(task: Task) -> tuple[Term, ...]:
    """Growing trees: bins by row and by column, and a histogram of each node."""
    runtime = product("runtime", "Threads and buffers", "measured on four cases", bytes=RUNTIME_BYTES)
    return (*_pages(task), _row_vectors(task), *_histograms(task), runtime)


def _pages(task: Task) -> tuple[Term, ...]:
    if task.text("tree_method", "hist") == "exact":
        return (
            product(
                "sorted_columns",
                "Sorted columns",
                f"{LIBRARY}, SortedCSCPage",
                rows=task.rows,
                values_per_row=task.values_per_row,
                bytes=EXACT_BYTES,
            ),
        )
    if task.is_sparse:
        return (
            product(
                "binned",
                "Bins of the stored values, by row and by column",
                f"{LIBRARY}, data/gradient_index.h; measured",
                rows=task.rows,
                values_per_row=task.values_per_row,
                bytes=SPARSE_BYTES,
            ),
        )
    size = 1 if bins_of(task) <= 256 else 2
    return (
        product(
            "binned",
            "Bins by row and by column",
            f"{LIBRARY}, data/gradient_index.h, common/column_matrix.h",
            copies=2,
            rows=task.rows,
            columns=task.columns,
            bytes=size,
        ),
    )


def histogram_nodes(task: Task) -> int:
    """Nodes that hold a histogram: all inner nodes of a full tree, or of one whose splits peel a sparse column's few rows off each time."""
    if task.text("grow_policy", "depthwise") == "lossguide" or task.value("max_leaves"):
        return min(CACHED_NODES, round(LEAF_NODES * min(_max_leaves(task), 1 << depth_of(task))))
    depth = depth_of(task)
    if not task.is_sparse:
        fullness = math.pow(2, -FULLNESS * depth) + math.pow(max(1.0, task.rows / SMALLEST_NODE_ROWS), -FULLNESS)
        return min(CACHED_NODES, round(math.pow(fullness, -1 / FULLNESS)))
    density = task.values_per_row / task.columns
    peels = next((k for k in range(depth + 1) if task.rows * density**k < 1), depth + 1)
    return min(CACHED_NODES, sum(sum(math.comb(level, k) for k in range(min(peels, level + 1))) for level in range(depth)))


def _histograms(task: Task) -> tuple[Term, ...]:
    if task.text("tree_method", "hist") == "exact":
        return ()
    return (
        product(
            "histograms",
            "Histograms of the nodes",
            f"{LIBRARY}, tree/hist/hist_cache.h",
            nodes=histogram_nodes(task),
            columns=task.columns,
            bins=bins_of(task),
            bytes=HISTOGRAM_BYTES,
        ),
    )
