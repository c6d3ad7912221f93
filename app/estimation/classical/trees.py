"""Decision trees and forests of scikit-learn 1.9.1: how many nodes a tree grows, and what growing takes."""

import math
from dataclasses import dataclass

from app.estimation.classical.inputs import SKLEARN, fitted
from app.estimation.classical.plan import Plan, Spread, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term
from app.units import MB

NODE_BYTES = 64  # tree/_tree.pxd, struct Node
VALUE_BYTES = 8  # one float64 for each class or output of a node
FLOAT32_BYTES = 4
NODE_SOURCE = f"{SKLEARN}, tree/_tree.pxd: Node 64 B, values 8 B a class"
GROWING = 0.8  # arrays double while a tree grows and are cut to size at the end; measured on five regressors
HEAP_WASTE, HEAP_WASTE_LARGE = 0.11, 0.04  # between the arrays of many trees; medians of fourteen forests of small and large trees
LARGE_TREE_BYTES = 4 * MB

UNIQUE_SHARE = 0.632  # of the rows that a bootstrap sample of the same size holds, 1 - 1/e
USUAL_NOISE = 0.5  # standard deviation of the label noise over that of the signal: 15 % wrong labels for two classes
MOST_DEPTH = 60  # beyond this 2^depth says nothing
GROWTH_PER_LEVEL, GROWTH_FACTOR, GROWTH_EXPONENT = 1.89, 1.07, 0.65  # leaves of classifiers cut at depths 8 to 18
REGRESSION_EXPONENT = 0.7  # leaves of regressors cut at depths 10 to 18, where every level doubles them at first
LEAF_FILL = 1.25  # rows of a leaf over min_samples_leaf
SPLIT_FILL = 3  # min_samples_split acts like a third of itself as min_samples_leaf

NODES = Spread(0.35, 2.2, "how far trees grow depends on how noisy the labels are")
HEAP = Spread(0.0, 5.0, "the heap between many arrays is as full as their order of growth left it")
REGRESSION_NODES = Spread(0.5, 1.1, "repeated target values end branches early")


@dataclass(frozen=True, slots=True)
class Grower:
    """How one kind of tree grows. Exponents: leaves = rows x (1 - classes ^ -exponent), and exponent = base + slope x wrong labels."""

    bootstrap: bool
    base_two: float  # two classes
    slope_two: float
    base_many: float  # three classes and more
    slope_many: float
    trees: int
    family: str = "trees"


# Fitted on 17 forests of 20,000 to 500,000 rows, 2 to 50 classes, label noise of 0 to 2 standard deviations.
RANDOM_FOREST = Grower(bootstrap=True, base_two=0.13, slope_two=0.95, base_many=0.25, slope_many=0.35, trees=100)
EXTRA_TREES = Grower(bootstrap=False, base_two=0.41, slope_two=1.0, base_many=0.41, slope_many=1.0, trees=100)
SINGLE_TREE = Grower(bootstrap=False, base_two=0.05, slope_two=0.65, base_many=0.2, slope_many=0.3, trees=1)


def wrong_labels(task: Task) -> float:
    """Share of labels that noise puts on the wrong side of a boundary. `noise` is its standard deviation over the signal's."""
    noise = USUAL_NOISE if task.workload.noise is None else task.workload.noise
    return math.atan(noise) / math.pi


def leaves(task: Task, grower: Grower) -> int:
    """Leaves of one tree that the hyper-parameters allow, on data of usual noise."""
    grown = task.share_or_count("max_samples", task.rows, task.rows)
    distinct = max(1.0, min(grown, task.rows) * (UNIQUE_SHARE if grower.bootstrap and task.flag("bootstrap", default=True) else 1.0))
    free = distinct if task.classes == 1 else distinct * _impure_share(task, grower)
    count = _limited_by_leaf_size(task, free, distinct)
    count = _limited_by_depth(task, count)
    return max(1, round(min(count, task.number("max_leaf_nodes", count))))


def _impure_share(task: Task, grower: Grower) -> float:
    """Share of the rows that end in a leaf of their own."""
    base, slope = (grower.base_two, grower.slope_two) if task.classes == 2 else (grower.base_many, grower.slope_many)
    return 1.0 - math.pow(task.classes, -(base + slope * wrong_labels(task)))


def _limited_by_leaf_size(task: Task, free: float, distinct: float) -> float:
    smallest = max(
        task.share_or_count("min_samples_leaf", task.rows, 1), task.share_or_count("min_samples_split", task.rows, 2) / SPLIT_FILL
    )
    if smallest <= 1:
        return free
    most = distinct / (LEAF_FILL * smallest)
    return min(free, most) if task.classes == 1 else 1 / (1 / free + 1 / most)


def _limited_by_depth(task: Task, count: float) -> float:
    depth = min(MOST_DEPTH, task.number("max_depth", MOST_DEPTH))
    if depth == MOST_DEPTH:
        return count
    if task.classes == 1:
        return _smaller(math.pow(2, depth), count, REGRESSION_EXPONENT)
    return _smaller(GROWTH_FACTOR * math.pow(GROWTH_PER_LEVEL, depth), count, GROWTH_EXPONENT)


def _smaller(first: float, second: float, exponent: float) -> float:
    """A smooth minimum: the less of both, and less still where they are alike."""
    return math.pow(math.pow(first, -exponent) + math.pow(second, -exponent), -1 / exponent)


def forest(grower: Grower, task: Task) -> Plan:
    """A forest: the table in single precision, all trees, those being grown, and vectors for every worker.

    Workers are threads that share the table. Predicting holds the class probabilities once for each worker and their sum.
    """
    trees, node = task.count("n_estimators", grower.trees), NODE_BYTES + VALUE_BYTES * task.classes
    nodes = 2 * leaves(task, grower) - 1
    workers = min(task.jobs, trees)
    waste = HEAP_WASTE if nodes * node < LARGE_TREE_BYTES else HEAP_WASTE_LARGE
    model = (
        product("tree_nodes", "Nodes of all trees", NODE_SOURCE, trees=trees, nodes=nodes, bytes=node),
        product("tree_heap", "Heap between the trees", "measured on fourteen forests", share=waste, trees=trees, nodes=nodes, bytes=node),
    )
    fit = (
        *single_precision(task),
        product(
            "trees_growing",
            "Trees being grown",
            "arrays double in size as they grow",
            share=GROWING,
            workers=workers,
            nodes=nodes,
            bytes=node,
        ),
        _row_vectors(task, workers) if grower.trees > 1 else _tree_vectors(task),
    )
    spread = NODES if task.classes > 1 else REGRESSION_NODES
    return fitted(
        grower.family,
        task,
        fit,
        _predicting(task, workers),
        model=model,
        model_file_bytes=trees * nodes * node,
        spreads={"tree_nodes": spread, "tree_heap": HEAP},
    )


def _predicting(task: Task, workers: int) -> tuple[Term, ...]:
    return (
        product(
            "probabilities",
            "Predictions of each worker and their sum",
            f"{SKLEARN}, ensemble/_forest.py",
            rows=task.predicted_rows,
            classes=task.classes,
            arrays=workers + 1,
            bytes=8,
        ),
        product(
            "predict_copy",
            "Rows in single precision",
            f"{SKLEARN}, ensemble/_forest.py",
            rows=task.predicted_rows,
            columns=task.columns,
            bytes=FLOAT32_BYTES if task.item_bytes != FLOAT32_BYTES else 0,
        ),
    )


def single_precision(task: Task) -> tuple[Term, ...]:
    """The table in single precision, which the tree code works on; nothing where it is that already."""
    if task.dtype == "float32" and not task.column_major:
        return ()
    size = FLOAT32_BYTES + (task.index_bytes if task.is_sparse else 0)
    return (
        product(
            "single_precision",
            "Table in single precision",
            f"{SKLEARN}, ensemble/_forest.py: X converted to float32",
            rows=task.rows,
            values_per_row=task.values_per_row,
            bytes=size,
        ),
    )


def _row_vectors(task: Task, workers: int) -> Term:
    """Targets and encoded classes once; sample indices, weights and sorted values for each worker."""
    shared, own = (40, 48) if task.classes > 1 else (20, 25)
    return product(
        "row_vectors",
        "Targets, sample indices and weights",
        "measured on ten forests, one and two workers",
        rows=task.rows,
        bytes=shared + own * workers,
    )


def _tree_vectors(task: Task) -> Term:
    return product("row_vectors", "Sample indices and sorted values", f"{SKLEARN}, tree/_splitter.pyx", rows=task.rows, bytes=16)


def isolation_forest(task: Task) -> Plan:
    """IsolationForest: trees of 256 sampled rows each; the table in single precision is what counts."""
    sample = task.share_or_count("max_samples", task.rows, min(256, task.rows))
    trees = task.count("n_estimators", 100)
    nodes = product(
        "tree_nodes", "Nodes of all trees", NODE_SOURCE, trees=trees, nodes=2 * min(sample, task.rows) - 1, bytes=NODE_BYTES + 8
    )
    scores = product("row_vectors", "Path lengths", SKLEARN, rows=task.rows, bytes=8)
    return fitted("trees", task, (*single_precision(task), scores), model=(nodes,), model_file_bytes=nodes.bytes)


def gradient_boosting(task: Task) -> Plan:
    """GradientBoostingClassifier and -Regressor: the table in single precision, and gradients for each class."""
    depth = min(MOST_DEPTH, task.number("max_depth", 3))
    trees = task.count("n_estimators", 100) * task.outputs
    nodes = round(min(2.0 ** (depth + 1) - 1, 2.0 * task.rows))
    model = product("tree_nodes", "Nodes of all trees", NODE_SOURCE, trees=trees, nodes=nodes, bytes=NODE_BYTES + VALUE_BYTES)
    vectors = product(
        "row_vectors", "Predictions, gradients and samples", "measured on four cases", rows=task.rows, bytes=30 + 22 * task.outputs
    )
    scores = product("scores", "Scores and probabilities", SKLEARN, rows=task.predicted_rows, classes=task.classes, copies=3, bytes=8)
    return fitted("trees", task, (*single_precision(task), vectors), (scores,), model=(model,), model_file_bytes=model.bytes)
