"""Errors as people and programs see them: a page, or problem+json (RFC 9457) below /api/."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.errors import Busy, FieldError, InvalidInput, RigwiseError, TooMany
from app.web.middleware.request_log import HEADER as REQUEST_ID
from app.web.middleware.security_headers import HEADERS
from app.web.render import page

PROBLEM_TYPE = "application/problem+json"
_TITLES = {404: "Not found", 405: "Method not allowed"}
_DETAILS = {
    404: "There is nothing at this address. It may have been typed wrongly, or removed.",
    405: "This address exists, but not for this method.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """Context of pages/error.html."""

    status: int
    title: str
    detail: str
    errors: tuple[FieldError, ...]


def problem(status: int, title: str, detail: str, errors: Sequence[FieldError] = ()) -> JSONResponse:
    """An answer in problem+json with the fields at fault."""
    body = {
        "type": "about:blank", "title": title, "status": status, "detail": detail,
        "errors": [{"path": error.path, "message": error.message} for error in errors],
    }  # fmt: skip
    return JSONResponse(body, status_code=status, media_type=PROBLEM_TYPE)


def error_response(scope: Scope, error: RigwiseError) -> Response:
    """The answer to a request that ended in one of our own errors."""
    errors = error.errors if isinstance(error, InvalidInput) else ()
    response = _answer(scope, error.status, error.title, str(error), errors)
    if isinstance(error, TooMany | Busy):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def install_error_handlers(app: FastAPI) -> None:
    """Every error that can leave a route becomes a page or a problem document, never a traceback."""
    app.add_exception_handler(RigwiseError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(Exception, _unexpected)


def _answer(scope: Scope, status: int, title: str, detail: str, errors: Sequence[FieldError] = ()) -> Response:
    if scope["path"].startswith("/api/"):
        return problem(status, title, detail, errors)
    context = ErrorPage(status=status, title=title, detail=detail, errors=tuple(errors))
    return page(Request(scope), "pages/error.html", context, status=status)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, RigwiseError)  # noqa: S101 - Starlette's signature is wider than what it is registered for
    return error_response(request.scope, error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    detail = _DETAILS.get(error.status_code, str(error.detail))
    response = _answer(request.scope, error.status_code, _TITLES.get(error.status_code, "Request refused"), detail)
    response.headers.update(error.headers or {})
    return response


async def _parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = [FieldError(path=".".join(str(step) for step in issue["loc"][1:]), message=issue["msg"]) for issue in error.errors()]
    return error_response(request.scope, InvalidInput(errors))


async def _unexpected(request: Request, error: Exception) -> Response:
    request_id = request.scope.get("state", {}).get("request_id", "")
    structlog.get_logger("rigwise.error").error("unexpected", request_id=request_id, exc_info=error)
    detail = f"This is our fault, and it has been logged as {request_id}. Nothing was changed."
    response = _answer(request.scope, 500, "Something went wrong", detail)
    response.headers.update({**HEADERS, REQUEST_ID: request_id})  # this answer is made outside the middleware that adds them
    return response
