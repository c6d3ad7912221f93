"""From the form's state to the request document and back, without loss in either direction."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import FieldError, InvalidInput
from app.units import parse_count
from app.web.forms.entry import Entry
from app.web.forms.field import Field, Tab
from app.web.forms.tabs import TABS, tab_named
from app.web.json_body import decode_json
from app.workloads import AdviceRequest, parse_request

Document = dict[str, Any]
_MODEL_FORMS = {"preset", "config", "parameters", "layers", "graph"}
_ONLY_A_SIZE = re.compile(r"\d+(\.\d+)?\s*(k|m|b|bn|t)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How names that people use become names of the library and the catalogue, and back. Unknown names stay as they are."""

    model_id: Callable[[str], str]
    model_name: Callable[[str], str]
    owned_parts: Callable[[str], list[dict[str, Any]]]
    owned_text: Callable[[list[dict[str, Any]]], str]
    is_image_model: Callable[[str], bool]


def read_request(entry: Entry, names: Names) -> AdviceRequest:
    """The request that the form describes. Raises InvalidInput that names every wrong field at once."""
    errors: list[FieldError] = [_unknown(name) for name in entry.unknown]
    document = _document(entry, names, errors)
    request = None
    try:
        request = parse_request(document)
    except InvalidInput as refused:
        known = {error.path for error in errors}
        errors += [error for error in refused.errors if error.path not in known]
    if errors or request is None:
        raise InvalidInput(errors)
    return request


def read_document(entry: Entry, names: Names) -> Document:
    """The request document that the form describes, not validated. Raises InvalidInput for every text that is no value of its field."""
    errors: list[FieldError] = []
    document = _document(entry, names, errors)
    if errors:
        raise InvalidInput(errors)
    return document


def carries_model(entry: Entry) -> bool:
    """Whether the model came from a file or an interface, as one that no field can hold."""
    return bool(entry.extra) and _brings_model(_extra(entry, []), entry)


def config_on_one_line(text: str) -> str:
    """A pasted config.json without its white space. Raises InvalidInput at `paste` where it is not a JSON object."""
    try:
        value = decode_json(text.encode())
    except InvalidInput as error:
        raise InvalidInput(f"this is not a config.json: {error.errors[0].message}", "paste") from None
    if not isinstance(value, dict) or not value:
        raise InvalidInput("this is not a config.json: it must be a JSON object, { ... }", "paste")
    return json.dumps(value, separators=(",", ":"))


def entry_of_document(document: Mapping[str, Any], names: Names) -> Entry:
    """The form's state for a request document. What no field can hold is kept in `extra`."""
    full = _full(document)
    tab = _tab_for(full, names)
    values = {field.name: _shown(full, field, names) for field in tab.fields}
    model, config, family = _model_texts(full, names)
    if family:
        values["family"] = family
    entry = Entry(tab=tab, values=values, model=model, config=config)
    extra = _beyond(full, _full(_document(entry, names, [])))
    return entry.changed({"extra": json.dumps(extra, separators=(",", ":"))}) if extra else entry


def _unknown(name: str) -> FieldError:
    return FieldError(path=name[:60], message=f"'{name[:60]}' is not a field of this form; remove it from the address")


def _document(entry: Entry, names: Names, errors: list[FieldError]) -> Document:
    document: Document = {"workload": {"kind": entry.tab.kind(entry.values)}, "limits": {}}
    for field in entry.tab.fields:
        text = entry.values[field.name].strip()
        if not (text and field.path and field.applies(entry.values)):
            continue
        try:
            value = names.owned_parts(text) if field.name == "owned" else field.codec.read(text)
        except ValueError as error:
            errors.append(FieldError(path=field.path, message=str(error)))
            continue
        if value is not None:
            _put(document, field.path, value)
    extra = _extra(entry, errors)
    if entry.tab.has_model and not _brings_model(extra, entry):
        document["workload"]["model"] = _model_reference(entry, names, errors)
    _merge(document, extra)
    return document


def _brings_model(extra: Document, entry: Entry) -> bool:
    """Whether the model is one that no field can hold (a list of layers, a graph, the weights of a file); one that is typed wins."""
    workload = extra.get("workload")
    model = workload.get("model") if isinstance(workload, dict) else None
    if not (isinstance(workload, dict) and isinstance(model, dict) and _MODEL_FORMS & model.keys()):
        return False
    if entry.model or entry.config:
        del workload["model"]
    return not (entry.model or entry.config)


def _model_reference(entry: Entry, names: Names, errors: list[FieldError]) -> Document:
    if entry.config:
        return {"config": _decoded(entry.config, "config", errors)}
    if not entry.model:
        errors.append(FieldError(path="workload.model", message="name a model, or its size such as 7B"))
    if _ONLY_A_SIZE.fullmatch(entry.model):
        return {"parameters": parse_count(entry.model), "family": entry.values["family"]}
    return {"preset": names.model_id(entry.model) or "?"}


def _extra(entry: Entry, errors: list[FieldError]) -> Document:
    return _decoded(entry.extra, "extra", errors) if entry.extra else {}


def _decoded(text: str, path: str, errors: list[FieldError]) -> Document:
    try:
        value = decode_json(text.encode())
    except InvalidInput as error:
        errors.append(FieldError(path=path, message=error.errors[0].message))
        return {}
    return value if isinstance(value, dict) else {}


def _put(document: Document, path: str, value: object) -> None:
    *parents, last = path.split(".")
    inner = document
    for step in parents:
        inner = inner.setdefault(step, {})
    inner[last] = value


def _merge(document: Document, more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(document.get(key), dict):
            _merge(document[key], value)
        else:
            document[key] = value


def _full(document: Mapping[str, Any]) -> Document:
    """The document with every default written out."""
    return parse_request(document).model_dump(mode="json")


def _tab_for(full: Document, names: Names) -> Tab:
    workload = full["workload"]
    if workload["kind"] == "classical":
        return tab_named("tabular")
    preset = workload["model"].get("preset", "")
    if workload.get("image_size") or workload.get("frames") or (preset and names.is_image_model(preset)):
        return tab_named("images")
    return tab_named("run") if workload["kind"] == "inference" else TABS[0]


def _shown(full: Document, field: Field, names: Names) -> str:
    if field.name == "method" and full["workload"]["kind"] == "inference":
        return "run"
    found, value = _at(full, field.path)
    if not (field.path and found):
        return field.default
    if value is None:
        return ""
    return names.owned_text(value) if field.name == "owned" else field.codec.show(value)


def _at(document: Document, path: str) -> tuple[bool, Any]:
    value: Any = document
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            return False, None
        value = value[step]
    return True, value


def _model_texts(full: Document, names: Names) -> tuple[str, str, str]:
    model = full["workload"].get("model", {})
    if model.get("weights"):
        return "", "", ""
    if "config" in model:
        return "", json.dumps(model["config"], separators=(",", ":")), ""
    if "parameters" in model:
        return _short_size(model["parameters"]), "", model["family"]
    return names.model_name(model.get("preset", "")), "", ""


def _short_size(parameters: int) -> str:
    for size, suffix in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        text = f"{parameters / size:.12g}{suffix}"
        if parameters >= size and parse_count(text) == parameters:
            return text
    return f"{parameters / 1000:.15g}k"


def _beyond(wanted: Document, got: Document) -> Document:
    """What `wanted` says that `got` does not, as a nested document."""
    different: Document = {}
    for key, value in wanted.items():
        if isinstance(value, dict) and isinstance(got.get(key), dict) and key != "config":
            if inner := _beyond(value, got[key]):
                different[key] = inner
        elif key not in got or got[key] != value:
            different[key] = value
    return different
