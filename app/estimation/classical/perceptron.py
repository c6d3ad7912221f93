"""Multi-layer perceptrons of scikit-learn 1.9.1, which predict all rows in one pass."""

from itertools import pairwise

from app.estimation.classical.inputs import SKLEARN, fitted, float_copy, row_major_copy, table_copy
from app.estimation.classical.plan import Plan, present, product
from app.estimation.classical.task import Task

SOURCE = f"{SKLEARN}, neural_network/_multilayer_perceptron.py"
PARAMETER_ARRAYS = 8  # weights, gradients, two moments, the moments' update; measured on 3 million parameters


def multi_layer_perceptron(task: Task) -> Plan:
    """MLPClassifier and MLPRegressor: activations of a batch in fit, of every row at once in predict; early stopping splits the table."""
    hidden = task.sizes("hidden_layer_sizes", (100,))
    widths = (task.values_per_row if not task.is_sparse else task.columns, *hidden, task.outputs)
    parameters = sum((before + 1) * after for before, after in pairwise(widths))
    batch = min(task.rows, task.count("batch_size", 200)) if task.text("batch_size", "") != "auto" else min(200, task.rows)
    size, units = task.float_bytes, sum(hidden)
    states = product(
        "parameters", "Weights, gradients and Adam's moments", SOURCE, arrays=PARAMETER_ARRAYS, parameters=parameters, bytes=size
    )
    fit = present(
        product("activations", "Activations and deltas of a batch", SOURCE, batch=batch, units=units, arrays=2, bytes=size),
        table_copy(
            task,
            "early_stopping_split",
            "Training and validation part",
            SOURCE,
            copies=1 if task.flag("early_stopping", default=False) else 0,
        ),
        *row_major_copy(task),
        *float_copy(task),
    )
    predict = product(
        "predict_activations",
        "Activations of every predicted row",
        f"{SOURCE}, _forward_pass_fast",
        rows=task.predicted_rows,
        units=units,
        bytes=size,
    )
    return fitted("perceptron", task, fit, (predict,), model=(states,), model_file_bytes=4 * parameters * size)
