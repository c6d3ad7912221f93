"""Cross-validation and searches over hyper-parameters: folds are copies, and workers are processes of their own."""

from collections.abc import Callable
from typing import Any

from app.estimation.classical.inputs import SKLEARN
from app.estimation.classical.plan import Plan, Step, present, product, total
from app.estimation.classical.reading import TARGET_BYTES
from app.estimation.classical.task import Task
from app.units import MB

SOURCE = f"{SKLEARN}, model_selection; joblib 1.6.0 (loky)"
DEFAULT_FOLDS = 5
WORKER_BYTES = 140 * MB  # interpreter and libraries of a worker, beyond pages shared with the others; seven cases with two workers
PARENT_BYTES = 20 * MB

# Short names of estimators that are searched over, beside scikit-learn's own class names.
BASES: dict[str, tuple[str, dict[str, Any]]] = {
    "logreg": ("LogisticRegression", {}),
    "hgb": ("HistGradientBoostingClassifier", {}),
    "rf": ("RandomForestClassifier", {}),
    "rf_d8": ("RandomForestClassifier", {"n_estimators": 20, "max_depth": 8}),
}
DEFAULT_BASE = "logreg"


def cross_validation(task: Task, plan_of: Callable[[Task], Plan]) -> Plan:
    """cross_val_score, GridSearchCV and their kind. `plan_of` gives the plan of the estimator inside.

    In one process a fold's training and test part lie beside the table. With more, the table is written to a shared mapping, and every
    worker holds its interpreter, its fold and what its fit needs.
    """
    folds = max(2, task.count("cv", DEFAULT_FOLDS))
    inner = _inner(task)
    plan = plan_of(inner.with_rows(task.rows * (folds - 1) // folds))
    fit = max(total((*step.transient, *step.retained)) for step in plan.steps)
    workers = task.jobs
    fold = (
        product(
            "folds",
            "Training and test part of a fold",
            SOURCE,
            workers=workers,
            rows=task.rows,
            values_per_row=task.values_per_row,
            bytes=task.stored_value_bytes,
        ),
        product("fold_targets", "Their targets", SOURCE, workers=workers, rows=task.rows, bytes=TARGET_BYTES),
        product("inner_fit", "Fitting the estimator", SOURCE, workers=workers, bytes=fit),
    )
    beside = (
        ()
        if workers == 1
        else (
            product(
                "shared_table",
                "Table mapped for all workers",
                SOURCE,
                rows=task.rows,
                values_per_row=task.values_per_row,
                bytes=task.stored_value_bytes,
            ),
            product("worker_processes", "Worker processes", SOURCE, workers=workers, bytes=WORKER_BYTES),
            product("parent", "Queue and results", SOURCE, bytes=PARENT_BYTES),
        )
    )
    return Plan(
        family="validation",
        steps=(Step(name="fit", transient=present(*fold, *beside)),),
        model_file_bytes=plan.model_file_bytes,
        spreads={},
    )


def _inner(task: Task) -> Task:
    """The estimator inside, with its own hyper-parameters and one thread."""
    named = task.text("base", task.text("estimator", DEFAULT_BASE))
    algorithm, hyperparameters = BASES.get(named, (named, {}))
    update = {"algorithm": algorithm, "hyperparameters": hyperparameters, "n_jobs": 1}
    return Task(
        workload=task.workload.model_copy(update=update),
        rows=task.rows,
        columns=task.columns,
        dtype=task.dtype,
        column_major=task.column_major,
    )
