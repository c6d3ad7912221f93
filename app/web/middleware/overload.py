"""Sheds what is too much: past a number of requests at a time, the next one is told at once to come back."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Busy
from app.web.errors import error_response
from app.web.metrics import SHED

MOST_AT_ONCE = 64
"""Requests in one process, worked on or waiting for their turn: with an uncached answer each, the last waits about two seconds."""

ALWAYS_ANSWERED = frozenset({"/healthz", "/metrics"})


class Overload:
    """Answers 503 with Retry-After while `MOST_AT_ONCE` requests are under way. Health and metrics are always answered."""

    def __init__(self, app: ASGIApp, most: int = MOST_AT_ONCE) -> None:
        self._app = app
        self._most = most
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if there is room for it."""
        if scope["type"] != "http" or scope["path"] in ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._most:
            SHED.inc()
            refusal = Busy("too many people are asking at this moment; please try again in a few seconds")
            await error_response(scope, refusal)(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
