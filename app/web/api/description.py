"""The OpenAPI description, with the request documents that the routes read themselves."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from app.web.api.schemas import Problem
from app.web.errors import PROBLEM_TYPE
from app.workloads import AdviceRequest, CapacityRequest, JointRequest, WhyNotRequest, Workload

_REFERENCE = "#/components/schemas/{model}"
_ABOUT = "One document, the workload, is what the site's form, this API, the command line and every shared link speak."

_DOCUMENTS: dict[str, TypeAdapter[Any]] = {
    "WorkloadDocument": TypeAdapter(Workload),
    "AdviseDocument": TypeAdapter(AdviceRequest | JointRequest),
    "WhyNotRequestDocument": TypeAdapter(WhyNotRequest),
    "CapacityRequestDocument": TypeAdapter(CapacityRequest),
}

ResponseTable = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> ResponseTable:
    """The description of errors with these statuses."""
    words = {
        304: "Not changed since the ETag that was sent",
        400: "The body is not JSON",
        404: "There is no such thing",
        413: "The body is too large",
        415: "The body is not announced as JSON",
        422: "A field is wrong; `errors` names each one",
        429: "Too many; see Retry-After",
        503: "Busy; see Retry-After",
    }
    return {status: {"description": words[status], **({} if status == 304 else {"content": _problem()})} for status in statuses}


def takes(name: str) -> dict[str, Any]:
    """The description of a JSON body of that name."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of the whole API, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(_request_schemas())
        schemas["Problem"] = Problem.model_json_schema(ref_template=_REFERENCE)
        schemas.update(schemas["Problem"].pop("$defs", {}))
        app.openapi_schema = made
    return app.openapi_schema


def _request_schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for name, kind in _DOCUMENTS.items():
        schema = kind.json_schema(ref_template=_REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        schemas[name] = schema
    return schemas


def _problem() -> dict[str, Any]:
    return {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
