"""Nearest neighbours of scikit-learn 1.9.1."""

from dataclasses import replace

from app.estimation.classical.inputs import MODEL_OVERHEAD_BYTES, SKLEARN, fitted, float_copy
from app.estimation.classical.plan import Plan, Step, present, product
from app.estimation.classical.task import Task

SOURCE = f"{SKLEARN}, neighbors"
BRUTE_FROM_COLUMNS = 16  # neighbors/_base.py: algorithm="auto" searches exhaustively above 15 columns
TREE_ROW_BYTES = 21  # row numbers, bounds of the nodes, classes
NEIGHBOUR_BYTES = 50  # distances and row numbers, sorted copies, reachabilities; two cases
CLASS_ROW_BYTES = 40  # sorting the labels to number the classes


def nearest_neighbours(task: Task) -> Plan:
    """KNeighbors: a tree refers to a table in double precision, and copies any other. Its file holds the table twice."""
    algorithm = task.text("algorithm", "auto")
    brute = algorithm == "brute" or task.is_sparse or (algorithm == "auto" and task.columns >= BRUTE_FROM_COLUMNS)
    rows = task.rows
    if brute:
        file_bytes = MODEL_OVERHEAD_BYTES + task.stored_values * task.stored_value_bytes + rows * 8
        return fitted("neighbours", task, float_copy(task), model_file_bytes=file_bytes)
    double = task.dtype != "float64" or task.column_major
    model = present(
        product(
            "double_precision",
            "Table in double precision",
            f"{SOURCE}/_kd_tree.pyx",
            rows=rows if double else 0,
            columns=task.columns,
            bytes=8,
        ),
        product(
            "tree", "Tree: row numbers and bounds", f"{SOURCE}/_binary_tree.pxi.tp; measured on five trees", rows=rows, bytes=TREE_ROW_BYTES
        ),
    )
    classes = product("classes", "Encoded classes", SOURCE, rows=rows if task.classes > 1 else 0, bytes=CLASS_ROW_BYTES)
    file_bytes = MODEL_OVERHEAD_BYTES + rows * (task.columns * (8 + task.item_bytes) + 28)
    plan = fitted("neighbours", task, (), model=model, model_file_bytes=file_bytes)
    return replace(plan, steps=(Step(name="encode", transient=present(classes)), *plan.steps))


def all_neighbour_lists(usual: int, task: Task) -> Plan:
    """LocalOutlierFactor, t-SNE and others that keep the nearest neighbours of every row; `usual` is how many they take by default."""
    neighbours = task.count("n_neighbors", usual)
    lists = product("neighbour_lists", "Neighbours of every row", SOURCE, rows=task.rows, neighbours=neighbours, bytes=NEIGHBOUR_BYTES)
    file_bytes = task.rows * neighbours * 16 + task.cells * task.item_bytes
    return fitted("neighbours", task, (lists, *float_copy(task)), model_file_bytes=file_bytes)
