"""What routes take out of a request: form fields as pairs, a JSON document."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from app.errors import InvalidInput, RigwiseError
from app.web.json_body import decode_json

MOST_FIELDS = 300


class NotJson(RigwiseError):
    """The body is not announced as JSON."""

    title = "Unsupported media type"
    status = 415


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as it was sent: its name and its bytes, or as many of them as the sender sent."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it was sent: its fields as pairs, and the file that came with it."""

    pairs: list[tuple[str, str]]
    file: UploadedFile | None = None


async def _form(request: Request) -> Form:
    try:
        async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:
            sent = [value for _, value in form.multi_items() if isinstance(value, UploadFile) and value.filename]
            file = UploadedFile(sent[0].filename or "", await sent[0].read()) if sent else None
            return Form([(name, value) for name, value in form.multi_items() if isinstance(value, str)], file)
    except MultiPartException as error:
        raise InvalidInput(f"the form cannot be read: {error.message}") from None


async def _form_pairs(request: Request) -> list[tuple[str, str]]:
    return (await _form(request)).pairs


async def _json_document(request: Request) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise NotJson("send the document as JSON, with the header Content-Type: application/json")
    return decode_json(await request.body())


FormWithFile = Annotated[Form, Depends(_form)]
FormPairs = Annotated[list[tuple[str, str]], Depends(_form_pairs)]
JsonDocument = Annotated[Any, Depends(_json_document)]
