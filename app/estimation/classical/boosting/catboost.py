"""CatBoost 1.2 on the processor: columns in single precision and quantized, statistics of every leaf of an oblivious tree."""

from app.estimation.classical.plan import Plan, Spread, Step, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term

LIBRARY = "catboost 1.2.10"
CELL_BYTES = 6.4  # quantized and partly single-precision columns; measured on five shapes from 5 to 500 columns
ROW_BYTES, CLASS_BYTES = 170, 70  # approximations, derivatives, permutations; the same for each class beyond two
BUCKET_BYTES = 28
DEFAULT_BORDERS, DEFAULT_DEPTH, DEFAULT_TREES = 254, 6, 1000
MOST_DEPTH = 16  # catboost refuses more
LEAF_BYTES = 16
FILE_BYTES, COLUMN_BYTES, TREE_BYTES, VALUE_BYTES = 6400, 24, 106, 8  # of a model file; twenty files
STATISTICS = Spread(0.3, 1.3, "statistics are kept only for leaves that hold rows")


def boosting(task: Task) -> Plan:
    """CatBoostClassifier, CatBoostRegressor, CatBoostRanker and Pool with train."""
    depth = min(MOST_DEPTH, int(task.number("depth", DEFAULT_DEPTH, "max_depth")))
    borders = task.count("border_count", DEFAULT_BORDERS, "max_bin")
    outputs = task.classes if task.classes > 2 else 0
    trees = product(
        "trees",
        "Leaf values and splits",
        LIBRARY,
        trees=task.count("iterations", DEFAULT_TREES, "n_estimators", "num_boost_round"),
        leaves=2**depth,
        values=max(1, outputs),
        bytes=LEAF_BYTES,
    )
    fit = (
        product(
            "columns",
            "Columns, quantized and on the way",
            f"{LIBRARY}; measured on five shapes",
            rows=task.rows,
            columns=task.columns,
            bytes=CELL_BYTES,
        ),
        product(
            "row_vectors",
            "Approximations, derivatives, permutations",
            f"{LIBRARY}; measured",
            rows=task.rows,
            bytes=ROW_BYTES + CLASS_BYTES * outputs,
        ),
        product(
            "statistics",
            "Statistics of the leaves",
            f"{LIBRARY}, calc_score_cache",
            leaves=2 ** max(0, depth - 1),
            columns=task.columns,
            borders=borders + 1,
            bytes=BUCKET_BYTES,
        ),
    )
    step = Step(name="fit", transient=fit, retained=(trees,))
    return Plan(
        family="catboost",
        steps=(step,),
        model_file_bytes=_file_bytes(task, trees, 2**depth * max(1, outputs)),
        spreads={"statistics": STATISTICS},
    )


def _file_bytes(task: Task, trees: Term, values: int) -> int:
    """A .cbm file: of every tree its splits, a value for each leaf and output, and the weight of each leaf."""
    leaves = values // max(1, task.classes if task.classes > 2 else 1)
    each = TREE_BYTES + VALUE_BYTES * (values + leaves)
    return round(FILE_BYTES + COLUMN_BYTES * task.columns + int(trees.inputs["trees"]) * each)
