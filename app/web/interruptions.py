"""What becomes of a request that lacks a session or a fresh password: a page that asks, and then goes on where it was."""

from urllib.parse import urlencode

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from app.web.access import ACCOUNT, CONFIRMATION, ConfirmationNeeded, OwnPasswordNeeded, SignInNeeded
from app.web.admin_page import admin_page
from app.web.contexts.admin.sign_in import ConfirmPage, Pairs, SignInPage
from app.web.middleware.same_origin import SAFE_METHODS
from app.web.render import page

SIGN_IN = "/admin/sign-in"
SIGN_IN_TEMPLATE = "pages/admin/sign_in.html"
CARRIED = "carried:"  # before the names of fields that are on their way elsewhere


def install_interruptions(app: FastAPI) -> None:
    """Every such interruption becomes a page."""
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(ConfirmationNeeded, _confirm)
    app.add_exception_handler(OwnPasswordNeeded, _own_password)


async def _sign_in(request: Request, error: Exception) -> Response:
    if request.method in SAFE_METHODS:
        query = urlencode({"next": _address(request)} if request.url.path != "/admin" else {})
        return RedirectResponse(f"{SIGN_IN}?{query}".rstrip("?"), status_code=303)
    carried = await _carried(request)
    ctx = SignInPage(notice=str(error), resume=request.url.path if carried else "", carried=carried)
    return page(request, SIGN_IN_TEMPLATE, ctx, status=SignInNeeded.status)


async def _confirm(request: Request, error: Exception) -> Response:
    ctx = ConfirmPage(action=_address(request), back=_back(request), error=str(error), carried=await _carried(request))
    return admin_page(request, "pages/admin/confirm.html", ctx, status=ConfirmationNeeded.status)


async def _own_password(request: Request, error: Exception) -> Response:
    return RedirectResponse(ACCOUNT, status_code=303)


async def _carried(request: Request) -> Pairs:
    """The fields of the form, but for passwords and files: neither is written into a page."""
    form = await request.form()
    pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    return tuple((name, value) for name, value in pairs if "password" not in name and name != CONFIRMATION)


def _address(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _back(request: Request) -> str:
    """The page that the form was on, as far as the browser says."""
    referrer, own = request.headers.get("referer", ""), str(request.base_url)
    return f"/{referrer.removeprefix(own)}" if referrer.startswith(own) else "/admin"
