"""Limits how often one client may do what costs storage."""

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from app import clock
from app.errors import TooMany
from app.web.errors import error_response

LIMITS: dict[tuple[str, str], str] = {
    ("POST", "/results"): "30 per hour",
    ("POST", "/api/v1/results"): "30 per hour",
}


class Throttle:
    """Answers 429 with Retry-After once a client has used up the allowance of a route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._limits = {route: parse(text) for route, text in LIMITS.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request where its route is limited, and pass it on or refuse it."""
        limit = self._limits.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if limit is not None and (refusal := self._refusal(limit, _client(scope))):
            await error_response(scope, refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, limit: RateLimitItem, client: str) -> TooMany | None:
        if self._windows.hit(limit, "results", client):
            return None
        free_again_at = self._windows.get_window_stats(limit, "results", client).reset_time
        seconds = max(1, round(free_again_at - clock.now().timestamp()))
        return TooMany(f"you have shared {limit.amount} results within an hour; try again in {-(-seconds // 60)} minutes", seconds)


def _client(scope: Scope) -> str:
    address = scope.get("client")
    return str(address[0]) if address else "unknown"
