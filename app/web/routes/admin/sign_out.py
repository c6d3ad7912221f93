"""Signing out."""

from fastapi import APIRouter
from fastapi.responses import Response

from app import clock
from app.accounts import audit
from app.accounts.sessions import end_sessions
from app.web.access import SignedInUser
from app.web.admin_page import see
from app.web.interruptions import SIGN_IN
from app.web.session_cookie import forget_token
from app.web.site import SiteOf

router = APIRouter(prefix="/admin")


@router.post("/sign-out")
def sign_out(who: SignedInUser, site: SiteOf) -> Response:
    """Ends the session here and in the browser."""
    with site.database.write() as session:
        end_sessions(session, who.user_id, handle=who.token_hash)
        audit.note(session, who.actor, "sign-out.done", at=clock.now())
    response = see(f"{SIGN_IN}?done=signed-out")
    forget_token(response, site.settings)
    return response
