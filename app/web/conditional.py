"""Answers that are not sent twice: an ETag over everything that a page depends on, and 304 where the reader has it already."""

import hashlib
from collections.abc import Callable

from fastapi import Request
from fastapi.responses import Response

from app import __version__

ASK_AGAIN = "no-cache"  # keep it, and ask whether it is still right
A_MINUTE = "public, max-age=60"


def unless_known(request: Request, make: Callable[[], Response], *depends_on: object, keep: str = ASK_AGAIN) -> Response:
    """The answer of `make` with an ETag over the address, the program's version and `depends_on`; 304 where the request names that tag."""
    parts = (request.url.path, request.url.query, __version__, *depends_on)
    tag = f'W/"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}"'
    if tag in (given.strip() for given in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers={"ETag": tag, "Cache-Control": keep})
    answer = make()
    answer.headers["ETag"] = tag
    answer.headers.setdefault("Cache-Control", keep)
    return answer
