"""Counts and times every request under the route that answered it, never under the address that was typed."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.metrics import IN_PROGRESS, REQUEST_SECONDS, REQUESTS

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Feeds app.web.metrics."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        IN_PROGRESS.inc()
        try:
            await self._app(scope, receive, noting_send)
        finally:
            IN_PROGRESS.dec()
            route = route_of(scope)
            REQUESTS.labels(scope["method"] if scope["method"] in METHODS else "other", route, str(status)).inc()
            REQUEST_SECONDS.labels(route).observe(time.perf_counter() - started)


def route_of(scope: Scope) -> str:
    """The pattern of the route that the request was for; "none" where no route took it."""
    return str(getattr(scope.get("route"), "path", "none"))
