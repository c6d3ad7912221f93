"""The changes of a workload that may make it fit: for each kind of workload a table of options, none of them judged here.

An option says when it applies and which fields it sets to what. What it does to memory, time and price is for the estimator and the
search to say, so an option that helps nothing costs only time. Which options belong together is for the search of sets to find.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.adjustments.classical import CLASSICAL
from app.adjustments.data import DATA
from app.adjustments.inference import INFERENCE
from app.adjustments.option import Adjustment, Option
from app.adjustments.training import TRAINING
from app.recommendation.advice import Change
from app.workloads import ClassicalWorkload, InferenceWorkload, TrainingWorkload, Workload, parse_workload


def adjustments_for(workload: Workload) -> tuple[Adjustment, ...]:
    """Every single option that applies to the workload, as changes of its fields."""
    options: tuple[Option[Any], ...] = (*(TRAINING, INFERENCE, CLASSICAL)[_kind(workload)], *DATA)
    applied = ((option, option.fields(workload)) for option in options)
    return tuple(
        Adjustment(changes=_changes(option, fields), lowers=option.lowers, harm=option.harm) for option, fields in applied if fields
    )


def _kind(workload: Workload) -> int:
    return (TrainingWorkload, InferenceWorkload, ClassicalWorkload).index(type(workload))


def _changes(option: Option[Any], fields: Mapping[str, object]) -> tuple[Change, ...]:
    (path, value), *others = fields.items()
    first = Change(path=path, value=value, label=option.label.format(value))
    return (first, *(Change(path=path, value=value, label=_plain(path, value)) for path, value in others))


def _plain(path: str, value: object) -> str:
    """The label of a field that an option sets besides its first."""
    words = path.replace("_", " ").replace(".", " ")
    return f"{words} at their defaults" if isinstance(value, dict) else f"{words} {value}"


def changed(workload: Workload, changes: Sequence[Change]) -> Workload:
    """The workload with the changes made. Raises InvalidInput where they do not go together."""
    document = workload.model_dump(mode="json", exclude_unset=True)  # what was left open stays open
    for change in changes:
        *parents, last = change.path.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = change.value
    return parse_workload(document)
