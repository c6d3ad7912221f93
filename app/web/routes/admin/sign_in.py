"""Signing in: one form, one answer for every failure."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app import clock
from app.accounts.sessions import end_session_of, find_session
from app.accounts.sign_in import Credentials, SignInRefused, sign_in
from app.errors import TooMany
from app.web.access import visitor_of
from app.web.admin_page import see
from app.web.contexts.admin.frame import NOTICES
from app.web.contexts.admin.sign_in import ResumePage, SignInPage
from app.web.interruptions import CARRIED, SIGN_IN_TEMPLATE
from app.web.render import page
from app.web.requests import FormPairs
from app.web.session_cookie import keep_token, token_of
from app.web.site import SiteOf

router = APIRouter(prefix="/admin")
HOME = "/admin"


@router.get("/sign-in")
def sign_in_form(request: Request, site: SiteOf, next: str = "", done: str = "") -> Response:  # noqa: A002 - the word in addresses
    """The form; on to the pages for whoever is signed in."""
    if find_session(site.database, token_of(request, site.settings), visitor_of(request), clock.now()):
        return see(_own(next))
    return page(request, SIGN_IN_TEMPLATE, SignInPage(next=_own(next), notice=NOTICES.get(done, "")))


@router.post("/sign-in")
def try_to_sign_in(request: Request, pairs: FormPairs, site: SiteOf) -> Response:
    """A new session with a new token, or the form again."""
    sent = dict(pairs)
    offered = Credentials(name=sent.get("name", ""), password=sent.get("password", ""), code=sent.get("code", ""))
    try:
        token = sign_in(site.database, offered, visitor_of(request), clock.now())
    except (SignInRefused, TooMany) as error:
        return _again(request, pairs, error)
    end_session_of(site.database, token_of(request, site.settings))
    response = _onward(request, pairs)
    keep_token(response, token, site.settings)
    return response


def _again(request: Request, pairs: FormPairs, error: SignInRefused | TooMany) -> Response:
    sent = dict(pairs)
    ctx = SignInPage(
        name=sent.get("name", "")[:80],
        error=str(error),
        next=_own(sent.get("next", "")),
        resume=_resumed(pairs),
        carried=_carried(pairs),
    )
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooMany) else {}
    return page(request, SIGN_IN_TEMPLATE, ctx, status=error.status, headers=headers)


def _onward(request: Request, pairs: FormPairs) -> Response:
    """To the page that was wanted, or to the form that was on its way."""
    if action := _resumed(pairs):
        return page(request, "pages/admin/resume.html", ResumePage(action=action, carried=_carried(pairs)))
    return see(_own(dict(pairs).get("next", "")))


def _resumed(pairs: FormPairs) -> str:
    action = dict(pairs).get("resume", "")
    return _own(action) if action else ""


def _carried(pairs: FormPairs) -> tuple[tuple[str, str], ...]:
    return tuple((name.removeprefix(CARRIED), value) for name, value in pairs if name.startswith(CARRIED))


def _own(address: str) -> str:
    """The address where it is one of the admin pages, else their first page."""
    return address if address.startswith(f"{HOME}/") and address.isprintable() and "\\" not in address else HOME
