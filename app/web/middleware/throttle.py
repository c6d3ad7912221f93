"""Limits how often one client may do what costs storage, or requests to somebody else's server."""

import ipaddress
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from app import clock
from app.errors import TooMany
from app.web.errors import error_response

IPV6_NETWORK_BITS = 64  # what one household or one server has to itself


@dataclass(frozen=True, slots=True)
class Allowance:
    """How often one client may do something, and how the refusal calls what was done too often."""

    name: str
    limit: RateLimitItem
    done: str


SHARING = Allowance("results", parse("30 per hour"), "shared {amount} results")
ASKING_THE_HUB = Allowance("hub", parse("20 per hour"), "looked up {amount} repositories")
LIMITS: dict[tuple[str, str], Allowance] = {
    ("POST", "/results"): SHARING,
    ("POST", "/api/v1/results"): SHARING,
    ("POST", "/hub"): ASKING_THE_HUB,
}


class Throttle:
    """Answers 429 with Retry-After once a client has used up the allowance of a route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request where its route is limited, and pass it on or refuse it."""
        allowance = LIMITS.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if allowance is not None and (refusal := self._refusal(allowance, client_of(scope))):
            await error_response(scope, refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, allowance: Allowance, client: str) -> TooMany | None:
        if self._windows.hit(allowance.limit, allowance.name, client):
            return None
        free_again_at = self._windows.get_window_stats(allowance.limit, allowance.name, client).reset_time
        seconds = max(1, round(free_again_at - clock.now().timestamp()))
        done = allowance.done.format(amount=allowance.limit.amount)
        return TooMany(f"you have {done} within an hour; try again in {-(-seconds // 60)} minutes", seconds)


def client_of(scope: Scope) -> str:
    """The address of the client; of IPv6 its network, since one client has all addresses of it."""
    host = str((scope.get("client") or ("unknown",))[0])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False))
