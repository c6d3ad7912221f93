"""A request id and one structured log line for each request. No bodies, no query strings, no permalink ids."""

import re
import secrets
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
_OURS = re.compile(r"[A-Za-z0-9_-]{8,64}")
_PERMALINK = re.compile(r"(/r/|/results/)[^/]+")


class RequestLog:
    """Gives each request an id (the client's own where it is harmless) and logs method, path, status and duration."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger("rigwise.request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on between two looks at the clock."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            self._log.info(
                "request", request_id=request_id, method=scope["method"], path=loggable_path(scope), status=status, ms=milliseconds
            )


def loggable_path(scope: Scope) -> str:
    """The path as it may stand in a log: a permalink's id is a key to its content, and where there is no route, anything may be typed."""
    return _PERMALINK.sub(r"\1*", scope["path"]) if "route" in scope or "endpoint" in scope else "-"


def _request_id(headers: Headers) -> str:
    offered = headers.get(HEADER, "")
    return offered if _OURS.fullmatch(offered) else secrets.token_urlsafe(12)
