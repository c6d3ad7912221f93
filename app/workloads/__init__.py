"""What a person asks for. One document that the form, the API, the command line and a permalink all speak."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from app.errors import FieldError, InvalidInput
from app.workloads.classical import ClassicalWorkload
from app.workloads.fields import Document
from app.workloads.inference import InferenceWorkload
from app.workloads.limits import Limits
from app.workloads.training import TrainingWorkload

Workload = Annotated[TrainingWorkload | InferenceWorkload | ClassicalWorkload, Field(discriminator="kind")]


MOST_JOBS = 6  # on one machine


class AdviceRequest(Document):
    """A workload and the limits within which machines are sought."""

    workload: Workload
    limits: Limits = Limits()


class JointRequest(Document):
    """Several workloads for one machine, one at a time ("either") or all "at_once", and the limits within which it is sought."""

    workloads: Annotated[tuple[Workload, ...], Field(min_length=2, max_length=MOST_JOBS)]
    together: Literal["either", "at_once"] = "either"
    limits: Limits = Limits()


class WhyNotRequest(AdviceRequest):
    """A workload, its limits, and the part of the catalogue that is asked about, by id or by name."""

    part: Annotated[str, Field(min_length=1, max_length=120)]


class CapacityRequest(Document):
    """A workload and the cards whose room for it is wanted."""

    workload: Workload
    gpu: Annotated[str, Field(min_length=1, max_length=120)]
    gpus: Annotated[int, Field(ge=1, le=1024)] = 1
    ram_gb: Annotated[float, Field(gt=0, le=10**6)] | None = None  # of the machine, for layers that do not fit; None: as much as it takes


_WORKLOAD: TypeAdapter[Workload] = TypeAdapter(Workload)
NO_KIND = ("union_tag_not_found", "union_tag_invalid")  # pydantic's complaints about a workload of no known kind
# Steps of pydantic's error locations that name a union member or a type, not a field of the document.
_UNION_STEPS = {
    "training", "inference", "classical", "full", "lora", "qlora", "frozen",
    "PresetModel", "ConfigModel", "SizeModel", "LayerListModel", "GraphModel", "Parallelism", "LastLayers", "GpuLayers",
}  # fmt: skip


def parse_workload(document: object) -> Workload:
    """The workload of a decoded JSON document. Raises InvalidInput naming every wrong field."""
    try:
        return _WORKLOAD.validate_python(document)
    except ValidationError as error:
        raise invalid_document(error, document) from None


def parse_request(document: object) -> AdviceRequest:
    """The advice request of a decoded JSON document. Raises InvalidInput naming every wrong field."""
    try:
        return AdviceRequest.model_validate(document)
    except ValidationError as error:
        raise invalid_document(error, document) from None


def parse_joint_request(document: object) -> JointRequest:
    """The request for several jobs of a decoded JSON document. Raises InvalidInput naming every wrong field."""
    try:
        return JointRequest.model_validate(document)
    except ValidationError as error:
        raise invalid_document(error, document) from None


def parse_any_request(document: object) -> AdviceRequest | JointRequest:
    """The advice request of a decoded JSON document, for one job or for several. Raises InvalidInput naming every wrong field."""
    several = isinstance(document, Mapping) and "workloads" in document
    return parse_joint_request(document) if several else parse_request(document)


def parse_why_not_request(document: object) -> WhyNotRequest:
    """The question about a part of a decoded JSON document. Raises InvalidInput naming every wrong field."""
    try:
        return WhyNotRequest.model_validate(document)
    except ValidationError as error:
        raise invalid_document(error, document) from None


def parse_capacity_request(document: object) -> CapacityRequest:
    """The capacity request of a decoded JSON document. Raises InvalidInput naming every wrong field."""
    try:
        return CapacityRequest.model_validate(document)
    except ValidationError as error:
        raise invalid_document(error, document) from None


def invalid_document(error: ValidationError, document: object) -> InvalidInput:
    """Pydantic's complaint in the contract's words: paths of the document itself, a sentence each."""
    found = {_path(issue): _sentence(issue) for issue in _relevant(error, document)}
    return InvalidInput([FieldError(path=path, message=message) for path, message in found.items()])


def _relevant(error: ValidationError, document: object) -> list[Any]:
    """Where a field takes a word or an object, and a model several forms, keep only the complaints about the form that was meant."""
    issues = [issue for issue in error.errors(include_url=False, include_context=False) if not _of_another_form(issue)]
    model = _model_of(document)
    if not isinstance(model, Mapping):
        return issues
    meant = next((member for key, member in _MODEL_FORMS if key in model), "PresetModel")
    others = {member for _, member in _MODEL_FORMS} - {meant}
    return [issue for issue in issues if not others & {step for step in issue["loc"] if isinstance(step, str)}]


_MODEL_FORMS = (
    ("preset", "PresetModel"), ("config", "ConfigModel"), ("parameters", "SizeModel"), ("layers", "LayerListModel"),
    ("graph", "GraphModel"),
)  # fmt: skip


def _of_another_form(issue: Any) -> bool:
    """Whether this is only said of the words that a field takes, where an object or a list was given."""
    of_words = str(issue["loc"][-1] if issue["loc"] else "").startswith("literal[")
    return of_words and isinstance(issue["input"], (Mapping, list, tuple))


def _model_of(document: object) -> object:
    if not isinstance(document, Mapping):
        return None
    workload = document.get("workload", document)
    return workload.get("model") if isinstance(workload, Mapping) else None


def _path(issue: Any) -> str:
    location = (*issue["loc"], "kind") if issue["type"] in NO_KIND else issue["loc"]
    return ".".join(str(step) for step in location if str(step) not in _UNION_STEPS and "[" not in str(step))


def _sentence(issue: Any) -> str:
    if issue["type"] == "extra_forbidden":
        return "this field is not known here; remove it or check its spelling"
    if issue["type"] in NO_KIND:
        return "choose training, inference or classical"
    if issue["type"] == "missing":
        return "this field is needed"
    message = str(issue["msg"]).removeprefix("Value error, ")
    return message[0].lower() + message[1:]


__all__ = [
    "AdviceRequest", "CapacityRequest", "ClassicalWorkload", "InferenceWorkload", "Limits", "TrainingWorkload", "Workload",
    "parse_capacity_request", "parse_request", "parse_workload",
]  # fmt: skip
