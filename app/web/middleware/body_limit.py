"""Refuses a request body that is larger than its kind may be, before more of it is read."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooLarge
from app.web.errors import error_response

JSON_LIMIT_BYTES = 64 * 1024
FORM_LIMIT_BYTES = 1024 * 1024  # a pasted config.json, or an import file
UPLOAD_LIMIT_BYTES = 24 * 1024 * 1024  # the start of a model file; GGUF headers of 262,144 words have about 16 MB
UPLOAD_PATHS = frozenset({"/", "/admin/imports"})


class BodyLimit:
    """Answers 413 by the announced length, or as soon as the bytes read exceed the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = _limit(Headers(scope=scope), scope["path"])
        if _announced(Headers(scope=scope)) > limit:
            await error_response(scope, _too_large(limit))(scope, receive, send)
            return
        await self._counted(limit, scope, receive, send)

    async def _counted(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0
        started = False

        async def counting_receive() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise _too_large(limit)
            return message

        async def noticing_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counting_receive, noticing_send)
        except TooLarge as error:
            if started:
                raise
            await error_response(scope, error)(scope, receive, send)


def _limit(headers: Headers, path: str) -> int:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data" and path in UPLOAD_PATHS:
        return UPLOAD_LIMIT_BYTES
    is_form = kind in {"application/x-www-form-urlencoded", "multipart/form-data"}
    return FORM_LIMIT_BYTES if is_form else JSON_LIMIT_BYTES


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the request is larger than {limit // 1024} kB, the most that is accepted here; send less")
