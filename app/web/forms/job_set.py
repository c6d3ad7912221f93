"""Several jobs on one machine, in one form: one of them is in the fields, the others are carried beside it as query strings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from app.errors import FieldError, InvalidInput
from app.web.forms.documents import Names, entry_of_document, read_request
from app.web.forms.entry import ONE_AT_A_TIME, Entry, entry_of
from app.workloads import MOST_JOBS, AdviceRequest, JointRequest, parse_joint_request


def jobs_of(entry: Entry) -> tuple[Entry, ...]:
    """Every job of the set in its order, each with the budget and the parts of the form."""
    jobs = [_beside(text, entry) for text in entry.beside]
    jobs.insert(entry.place, entry.alone)
    return tuple(jobs)


def with_another(entry: Entry) -> Entry:
    """The set with one more job in the fields: who trains a model also runs one, and the other way round."""
    fresh = entry_of([("task", "train" if entry.tab.name == "run" else "run")])
    return _set([*jobs_of(entry), _with_limits_of(entry, fresh)], len(entry.beside) + 1, entry.together)


def at_job(entry: Entry, place: int) -> Entry:
    """The set with the job of that place in the fields."""
    return _set(jobs_of(entry), place, entry.together)


def without_job(entry: Entry, place: int) -> Entry:
    """The set without the job of that place."""
    jobs = list(jobs_of(entry))
    if place < len(jobs) > 1:
        del jobs[place]
    return _set(jobs, min(entry.place - (place < entry.place), len(jobs) - 1), entry.together)


def read_jobs(entry: Entry, names: Names) -> AdviceRequest | JointRequest:
    """The request for every job of the set. Raises InvalidInput that names every wrong field, those of a set as `workloads.1.rows`."""
    if not entry.beside:
        return read_request(entry, names)
    if len(entry.beside) >= MOST_JOBS:
        raise InvalidInput(f"one machine is sought for at most {MOST_JOBS} jobs; remove one", "with")
    read, errors = _read_each(jobs_of(entry), names, entry.place)
    if errors:
        raise InvalidInput(errors)
    together = {"together": entry.together} if entry.together else {}
    limits = read[entry.place].limits.model_dump(mode="json")
    return parse_joint_request({"workloads": [one.workload.model_dump(mode="json") for one in read], "limits": limits, **together})


def entry_of_jobs(request: Mapping[str, Any], names: Names) -> Entry:
    """The form's state for the request document of one job or of several."""
    if "workloads" not in request:
        return entry_of_document(request, names)
    jobs = [entry_of_document({"workload": workload, "limits": request["limits"]}, names) for workload in request["workloads"]]
    return _set(jobs, 0, request["together"].removeprefix(ONE_AT_A_TIME))


def job_of_error(error: FieldError, entry: Entry) -> tuple[int, FieldError]:
    """The place of the job that an error of the set belongs to, and the error as that job alone would have it."""
    root, _, rest = error.path.partition(".")
    number, _, path = rest.partition(".")
    if root != "workloads" or not number.isdigit():
        return entry.place, error
    return int(number), FieldError(path=path, message=error.message)


def _read_each(jobs: Sequence[Entry], names: Names, at_hand: int) -> tuple[list[AdviceRequest], list[FieldError]]:
    """What can be read, and every error; budget and parts are those of all jobs, and are wrong only once."""
    read, errors = [], []
    for place, job in enumerate(jobs):
        try:
            read.append(read_request(job, names))
        except InvalidInput as refused:
            own = [error for error in refused.errors if place == at_hand or not error.path.startswith("limits.")]
            errors += [_in_set(error, place) for error in own]
    return read, errors


def _in_set(error: FieldError, place: int) -> FieldError:
    if error.path.startswith("limits."):
        return error
    return FieldError(path=f"workloads.{place}.{error.path.removeprefix('workload.')}", message=error.message)


def _set(jobs: Sequence[Entry], place: int, together: str) -> Entry:
    beside = tuple(_query(job) for index, job in enumerate(jobs) if index != place)
    return replace(jobs[place], beside=beside, place=place, together=together) if beside else jobs[place].alone


def _query(job: Entry) -> str:
    """The job without budget and parts, which the form has once for all."""
    own = {field.name: field.default for field in job.tab.fields if field.path.startswith("limits.")}
    return job.alone.changed(own).query() or urlencode({"task": job.tab.name})


def _beside(text: str, entry: Entry) -> Entry:
    return _with_limits_of(entry, entry_of(parse_qsl(text, keep_blank_values=True)).alone)


def _with_limits_of(entry: Entry, job: Entry) -> Entry:
    """The job within the budget and with the parts of the form."""
    shared = {name: value for name, value in entry.values.items() if (field := entry.tab.field(name)) and field.path.startswith("limits.")}
    return job.changed({name: value for name, value in shared.items() if job.tab.field(name)})
