"""The changes of a workload that may make it fit: for each kind of workload a table of options, none of them judged here.

An option says when it applies and which fields it sets to what. What it does to memory, time and price is for the estimator and the
search to say, so an option that helps nothing costs only time.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.adjustments.classical import CLASSICAL, CLASSICAL_RECIPES
from app.adjustments.data import DATA
from app.adjustments.inference import INFERENCE, INFERENCE_RECIPES
from app.adjustments.option import Needs, Option
from app.adjustments.training import TRAINING, TRAINING_RECIPES
from app.recommendation.advice import Change
from app.workloads import ClassicalWorkload, InferenceWorkload, TrainingWorkload, Workload, parse_workload


def changes_for(workload: Workload, needs: Needs) -> tuple[tuple[Change, ...], ...]:
    """Every single option that applies to the workload and may matter to a job with these needs, as changes of its fields."""
    return tuple(changes for option, changes in _applicable(workload) if option.may_matter(needs))


def recipes_for(workload: Workload) -> tuple[tuple[Change, ...], ...]:
    """The sets of two and more options that apply to the workload, each once."""
    applied = {option.key: changes for option, changes in _applicable(workload)}
    recipes = (TRAINING_RECIPES, INFERENCE_RECIPES, CLASSICAL_RECIPES)[_kind(workload)]
    chosen = (tuple(key for key in recipe if key in applied) for recipe in recipes)
    distinct = dict.fromkeys(keys for keys in chosen if len(keys) > 1)
    return tuple(tuple(change for key in keys for change in applied[key]) for keys in distinct)


def _kind(workload: Workload) -> int:
    return (TrainingWorkload, InferenceWorkload, ClassicalWorkload).index(type(workload))


def _applicable(workload: Workload) -> Iterator[tuple[Option[Any], tuple[Change, ...]]]:
    options: tuple[Option[Any], ...] = (*(TRAINING, INFERENCE, CLASSICAL)[_kind(workload)], *DATA)
    for option in options:
        if fields := option.fields(workload):
            yield option, _changes(option, fields)


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
