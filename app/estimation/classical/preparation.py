"""The steps between reading and fitting that a workload lists."""

from app.estimation.classical import transforms
from app.estimation.classical.plan import Step
from app.estimation.classical.task import Task
from app.estimation.classical.transforms import Operation

OPERATIONS: dict[str, Operation] = {
    "split": transforms.split,
    "train_test_split": transforms.split,
    "scale": transforms.standard_scale,
    "standard_scale": transforms.standard_scale,
    "min_max_scale": transforms.copy_transform,
    "normalize": transforms.copy_transform,
    "impute": transforms.copy_transform,
    "encode": transforms.copy_transform,
    "get_dummies": transforms.get_dummies,
    "one_hot": transforms.get_dummies,
    "one_hot_encode": transforms.one_hot_encode,
    "polynomial": transforms.polynomial_features,
    "to_numpy": transforms.to_numpy,
    "sort": transforms.sort_values,
    "merge": transforms.merge,
    "groupby": transforms.groupby,
}
ELSEWHERE = frozenset({"read", "load", "fit", "train", "predict", "score", "evaluate", "save", "select"})


def prepared(task: Task) -> tuple[tuple[Step, ...], Task, tuple[str, ...]]:
    """The preparation steps in their order, the task that they leave, and the names that are not known."""
    steps, unknown = [], []
    for name in task.workload.steps:
        operation = OPERATIONS.get(name)
        if operation is not None:
            step, task = operation(task)
            steps.append(step)
        elif name not in ELSEWHERE:
            unknown.append(name)
    return tuple(steps), task, tuple(unknown)
