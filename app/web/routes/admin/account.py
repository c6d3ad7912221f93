"""One's own account: password, second factor with recovery codes, sessions."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app import clock
from app.accounts import account as accounts
from app.errors import InvalidInput
from app.web.access import Confirmed, SignedInUser, visitor_of
from app.web.admin_page import admin_page, see
from app.web.contexts.admin.account import RecoveryCodesPage, account_page, enrolment_page
from app.web.requests import FormPairs
from app.web.session_cookie import keep_token
from app.web.site import Site, SiteOf

router = APIRouter(prefix="/admin/account")
HERE = "/admin/account"
ENROLMENT = f"{HERE}/second-factor"


@router.get("")
def own_account(request: Request, who: SignedInUser, site: SiteOf) -> Response:
    """The account as it is."""
    return _page(request, who, site)


@router.post("/password")
def change_password(request: Request, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """Another password; every other session ends."""
    sent = dict(pairs)
    try:
        if sent.get("password") != sent.get("password_again"):
            raise InvalidInput("the two are not the same; type the new password twice", "password_again")
        current, chosen = sent.get("current_password", ""), sent.get("password", "")
        token = accounts.change_password(site.database, who, current, chosen, visitor_of(request), clock.now())
    except InvalidInput as complaint:
        return _page(request, who, site, complaint)
    response = see(f"{HERE}?done=password")
    keep_token(response, token, site.settings)
    return response


@router.post("/second-factor")
def begin_second_factor(who: Confirmed, site: SiteOf) -> Response:
    """A new secret, shown on the next page."""
    accounts.begin_second_factor(site.database, who)
    return see(ENROLMENT)


@router.get("/second-factor")
def show_enrolment(request: Request, who: SignedInUser, site: SiteOf) -> Response:
    """The QR code, while the first code is awaited."""
    pending = accounts.pending_enrolment(site.database, who)
    return admin_page(request, "pages/admin/second_factor.html", enrolment_page(*pending)) if pending else see(HERE)


@router.post("/second-factor/code")
def finish_second_factor(request: Request, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """The first code: from here on signing in needs one."""
    pending = accounts.pending_enrolment(site.database, who)
    if pending is None:
        return see(HERE)
    try:
        codes = accounts.finish_second_factor(site.database, who, dict(pairs).get("code", ""), clock.now())
    except InvalidInput as complaint:
        return admin_page(request, "pages/admin/second_factor.html", enrolment_page(*pending, complaint), status=422)
    return admin_page(request, "pages/admin/recovery_codes.html", RecoveryCodesPage(codes=codes))


@router.post("/second-factor/off")
def switch_second_factor_off(who: Confirmed, site: SiteOf) -> Response:
    """The password alone again."""
    accounts.switch_second_factor_off(site.database, who, clock.now())
    return see(f"{HERE}?done=factor-off")


@router.post("/recovery-codes")
def renew_recovery_codes(request: Request, who: Confirmed, site: SiteOf) -> Response:
    """New recovery codes instead of the old ones, shown this once."""
    codes = accounts.renew_recovery_codes(site.database, who, clock.now())
    return admin_page(request, "pages/admin/recovery_codes.html", RecoveryCodesPage(codes=codes))


@router.post("/sessions/end")
def end_session(pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """Ends one session, or every other one where none is named."""
    handle = dict(pairs).get("session", "")
    if handle:
        accounts.end_own_session(site.database, who, handle, clock.now())
        return see(f"{HERE}?done=session-ended")
    accounts.end_other_sessions(site.database, who, clock.now())
    return see(f"{HERE}?done=sessions-ended")


def _page(request: Request, who: SignedInUser, site: Site, complaint: InvalidInput | None = None) -> Response:
    ctx = account_page(who, accounts.account_of(site.database, who, clock.now()), complaint)
    return admin_page(request, "pages/admin/account.html", ctx, status=complaint.status if complaint else 200)
