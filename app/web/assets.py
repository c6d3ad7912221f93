"""Static files: addresses that carry a fingerprint of the content, so that browsers may keep them for ever."""

import hashlib
from functools import lru_cache

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.resources import resource_path

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


@lru_cache(maxsize=128)
def asset_url(path: str) -> str:
    """The address of `static/{path}` with the first 80 bits of its SHA-256; without them where the file is not there.

    A file may be missing where `make assets` could not fetch it: every page works without scripts.
    """
    try:
        content = (resource_path("static") / path).read_bytes()
    except FileNotFoundError:
        return f"/static/{path}"
    return f"/static/{path}?v={hashlib.sha256(content).hexdigest()[:20]}"


class Assets(StaticFiles):
    """Serves `static/`: immutable where the address carries a fingerprint, revalidated where it does not."""

    def __init__(self) -> None:
        super().__init__(directory=resource_path("static"))

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with its caching rule."""
        response = await super().get_response(path, scope)
        fingerprinted = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = _FOR_EVER if fingerprinted else _ASK_AGAIN
        return response
