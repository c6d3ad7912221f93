"""Refuses requests that change something when another site made the browser send them (CSRF).

The algorithm is the one browsers were given `Sec-Fetch-Site` for, with `Origin` where that header is missing
(OWASP Cross-Site Request Forgery Prevention, 2025; Go's http.CrossOriginProtection). A client that sends neither is
no browser; it passes as long as it carries no cookie.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import RigwiseError
from app.web.errors import error_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSite(RigwiseError):
    """The request came from another site."""

    title = "Refused"
    status = 403


class SameOrigin:
    """Lets unsafe methods through only from this site's own pages, or from programs without cookies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not _trusted(Headers(scope=scope)):
            refusal = CrossSite("this request came from another site; open the page here and try again")
            await error_response(scope, refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _trusted(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc == headers.get("host", "") != ""
    return "cookie" not in headers
