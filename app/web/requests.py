"""What routes take out of a request: form fields as pairs, a JSON document."""

from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.formparsers import MultiPartException

from app.errors import InvalidInput, RigwiseError
from app.web.json_body import decode_json

MOST_FIELDS = 300


class NotJson(RigwiseError):
    """The body is not announced as JSON."""

    title = "Unsupported media type"
    status = 415


async def _form_pairs(request: Request) -> list[tuple[str, str]]:
    try:
        form = await request.form(max_fields=MOST_FIELDS, max_files=0)
    except MultiPartException as error:
        raise InvalidInput(f"the form cannot be read: {error.message}") from None
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


async def _json_document(request: Request) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise NotJson("send the document as JSON, with the header Content-Type: application/json")
    return decode_json(await request.body())


FormPairs = Annotated[list[tuple[str, str]], Depends(_form_pairs)]
JsonDocument = Annotated[Any, Depends(_json_document)]
