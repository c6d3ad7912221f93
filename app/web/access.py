"""Who may do what: the dependencies that stand before every admin route.

`require("editor")` and `require("admin")` guard whole routers, see `routes/admin`. `Confirmed` stands before dangerous acts and
asks for the password where it was not typed lately. Whoever is stopped on the way loses nothing: the page that asks for the
password carries what was sent, and sends it again.
"""

from collections.abc import Callable
from functools import cache
from typing import Annotated

from fastapi import Depends, Request

from app import clock
from app.accounts.roles import Role, allows
from app.accounts.sessions import SignedIn, find_session
from app.accounts.sign_in import SignInRefused, confirm
from app.accounts.visitor import Visitor
from app.errors import NotFound, RigwiseError
from app.web.requests import FormPairs
from app.web.session_cookie import token_of
from app.web.site import SiteOf

CONFIRMATION = "confirm_password"  # the field with which the password comes along
ACCOUNT = "/admin/account"
_WITHOUT_OWN_PASSWORD = (ACCOUNT, "/admin/sign-out")


class SignInNeeded(RigwiseError):
    """Nobody is signed in, or no longer."""

    title = "Sign in"
    status = 401


class Forbidden(RigwiseError):
    """Somebody is signed in whose role does not reach so far."""

    title = "Not allowed"
    status = 403


class OwnPasswordNeeded(RigwiseError):
    """The user still has the password that somebody else chose."""

    title = "Choose a password"
    status = 403


class ConfirmationNeeded(RigwiseError):
    """The act is dangerous and the password was not typed lately, or typed wrongly."""

    title = "Confirm that it is you"
    status = 403


def visitor_of(request: Request) -> Visitor:
    """Where a request comes from."""
    address = request.client.host if request.client else ""
    return Visitor.of(address, request.headers.get("user-agent", ""))


def signed_in(request: Request, site: SiteOf) -> SignedIn:
    """The user behind the request. Raises SignInNeeded, or OwnPasswordNeeded until the first password was changed."""
    if _has_nul(request):
        raise NotFound("there is nothing at this address")
    token = token_of(request, site.settings)
    who = find_session(site.database, token, visitor_of(request), clock.now()) if token else None
    if who is None:
        raise SignInNeeded("sign in to go on" if not token else "you have been signed out; sign in again to go on")
    if who.must_change_password and not request.url.path.startswith(_WITHOUT_OWN_PASSWORD):
        raise OwnPasswordNeeded("choose a password of your own first")
    request.state.signed_in = who
    return who


def _has_nul(request: Request) -> bool:
    """Whether the address holds the one character that no database takes."""
    return "\0" in request.scope["path"] or any("\0" in text for pair in request.query_params.multi_items() for text in pair)


SignedInUser = Annotated[SignedIn, Depends(signed_in)]


@cache
def require(role: Role) -> Callable[[SignedIn], SignedIn]:
    """The dependency that lets users of at least this role pass. Raises Forbidden."""

    def guard(who: SignedInUser) -> SignedIn:
        if not allows(who.role, role):
            raise Forbidden(f"this needs the role {role}; you are signed in as {who.name}, {who.role}")
        return who

    return guard


def confirmed(who: SignedInUser, pairs: FormPairs, site: SiteOf) -> SignedIn:
    """The user, who typed the password lately or with this very form. Raises ConfirmationNeeded, TooMany."""
    now = clock.now()
    if who.is_confirmed(now):
        return who
    password = dict(pairs).get(CONFIRMATION, "")
    if not password:
        raise ConfirmationNeeded("")
    try:
        confirm(site.database, who, password, now)
    except SignInRefused:
        raise ConfirmationNeeded("that is not your password") from None
    return who


Confirmed = Annotated[SignedIn, Depends(confirmed)]
"""The user before a dangerous act: rolling back, managing users."""
