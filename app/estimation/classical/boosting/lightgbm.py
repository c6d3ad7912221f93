"""LightGBM 4.7 on the processor: the sample for bin edges, the binned table, histograms of the leaves."""

from app.estimation.classical.plan import Plan, Step, fullest, present, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term

LIBRARY = "lightgbm 4.7.0"
SAMPLED_ROWS = 200_000  # bin_construct_sample_cnt
DENSE_SAMPLE_BYTES = 14  # a double and a row number, in vectors that have grown
SPARSE_SAMPLE_BYTES = 12
COLUMN_BYTES = 7_000  # bin mapper and feature metadata
STORED_BYTES = 1.5  # a stored value of a sparse table, once binned
HISTOGRAM_BYTES = 16  # sums of gradients and Hessians in double precision; histogram_pool_size is unlimited by default
DEFAULT_BINS, DEFAULT_LEAVES, DEFAULT_TREES = 255, 31, 100
FILE_CHARACTERS, LEAF_CHARACTERS, COLUMN_CHARACTERS, SPARSE_COLUMN_CHARACTERS = 2900, 110, 50, 36  # of a model file; thirty files
BIN_VALUES = 3  # min_data_in_bin
ROW_BYTES, OUTPUT_BYTES = 27, 20  # row numbers, partitions, gradients and scores for each output
REUSED_SAMPLE, REUSED_HISTOGRAMS = 0.45, 0.5  # histograms are allocated by two threads; one of them can reuse what the sample left
TREE_LEAF_BYTES = 120
SAMPLE_SOURCE = f"{LIBRARY}, src/c_api.cpp, bin_construct_sample_cnt=200000"


def boosting(task: Task) -> Plan:
    """Dataset with train, LGBMClassifier, LGBMRegressor and LGBMRanker."""
    model = _trees(task)
    dataset, sample = _dataset(task), _sample(task)
    reused = min(REUSED_SAMPLE * sample.bytes, REUSED_HISTOGRAMS * _histograms(task).bytes)
    histograms = product(
        "histograms",
        "Histograms of the leaves beyond reused memory",
        f"{LIBRARY}, feature_histogram.hpp",
        bytes=_histograms(task).bytes - reused,
    )
    fit = fullest((*dataset, sample, histograms), _training(task))
    return Plan(family="lightgbm", steps=(Step(name="fit", transient=fit, retained=(model,)),), model_file_bytes=_file_bytes(task))


def _sample(task: Task) -> Term:
    size = SPARSE_SAMPLE_BYTES if task.is_sparse else DENSE_SAMPLE_BYTES
    return product(
        "bin_sample",
        "Sampled values for the bin edges",
        SAMPLE_SOURCE,
        rows=min(task.rows, SAMPLED_ROWS),
        values_per_row=task.values_per_row,
        bytes=size,
    )


def _dataset(task: Task) -> tuple[Term, ...]:
    """The binned table and the labels."""
    size = STORED_BYTES if task.is_sparse else _bin_bytes(task)
    return (
        product(
            "binned", "Binned table", f"{LIBRARY}, src/io/dense_bin.hpp", rows=task.rows, values_per_row=task.values_per_row, bytes=size
        ),
        product(
            "columns",
            "Bin edges of the columns",
            f"{LIBRARY}, src/io/bin.cpp; measured on 10,000 columns",
            columns=task.columns,
            bytes=COLUMN_BYTES,
        ),
        product("labels", "Labels", f"{LIBRARY}, src/io/metadata.cpp", rows=task.rows, bytes=4),
    )


def _max_bin(task: Task) -> int:
    return max(2, int(task.number("max_bin", DEFAULT_BINS)))


def _bin_bytes(task: Task) -> int:
    return 1 if _max_bin(task) <= 256 else 2


def _leaves(task: Task) -> int:
    return min(task.count("num_leaves", DEFAULT_LEAVES, "max_leaves"), max(2, task.rows // 20))


def _histograms(task: Task) -> Term:
    """One histogram for each leaf; sparse columns have no more bins than a third of their values."""
    values = task.rows * task.values_per_row // task.columns
    bins = min(_max_bin(task), max(2, values // BIN_VALUES))
    return product(
        "histograms",
        "Histograms of the leaves",
        f"{LIBRARY}, feature_histogram.hpp",
        leaves=_leaves(task),
        columns=task.columns,
        bins=bins,
        bytes=HISTOGRAM_BYTES,
    )


def _training(task: Task) -> tuple[Term, ...]:
    """Training: bins by column and by row, vectors, histograms."""
    if task.is_sparse:
        return ()
    size = _bin_bytes(task)
    return present(
        product(
            "binned",
            "Bins by column and by row",
            f"{LIBRARY}, src/io/multi_val_dense_bin.hpp",
            copies=2,
            rows=task.rows,
            columns=task.columns,
            bytes=size,
        ),
        product(
            "row_vectors",
            "Row numbers, gradients, scores",
            f"{LIBRARY}; measured, 1 to 20 classes",
            rows=task.rows,
            bytes=ROW_BYTES + OUTPUT_BYTES * task.outputs,
        ),
        _histograms(task),
    )


def _trees(task: Task) -> Term:
    trees = task.count("n_estimators", DEFAULT_TREES, "num_boost_round", "num_iterations") * task.outputs
    return product("trees", "Trees", f"{LIBRARY}, src/io/tree.cpp", trees=trees, leaves=_leaves(task), bytes=TREE_LEAF_BYTES)


def _file_bytes(task: Task) -> int:
    """A text file: 110 characters a leaf, name and range of every column, parameters."""
    trees = _trees(task)
    column = SPARSE_COLUMN_CHARACTERS if task.is_sparse else COLUMN_CHARACTERS
    return round(FILE_CHARACTERS + column * task.columns + LEAF_CHARACTERS * int(trees.inputs["trees"]) * int(trees.inputs["leaves"]))
