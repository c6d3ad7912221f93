"""The cookie that carries a session's token.

`__Host-` binds it to this very host over TLS: no other subdomain can set it. Browsers treat http://localhost as secure, so that
it works in development too; where one does not, RIGWISE_SECURE_COOKIES=false leaves the prefix and the Secure mark out.
"""

from fastapi import Request
from starlette.responses import Response

from app.settings import Settings

SECURE_NAME = "__Host-rigwise"
PLAIN_NAME = "rigwise"


def token_of(request: Request, settings: Settings) -> str:
    """The token that the browser sent; empty where it sent none."""
    return request.cookies.get(_name(settings), "")


def keep_token(response: Response, token: str, settings: Settings) -> None:
    """Makes the browser keep the token until it is closed, out of reach of scripts and of requests from other sites."""
    response.set_cookie(_name(settings), token, path="/", httponly=True, samesite="lax", secure=settings.secure_cookies)


def forget_token(response: Response, settings: Settings) -> None:
    """Makes the browser forget the token."""
    response.delete_cookie(_name(settings), path="/", httponly=True, samesite="lax", secure=settings.secure_cookies)


def _name(settings: Settings) -> str:
    return SECURE_NAME if settings.secure_cookies else PLAIN_NAME
