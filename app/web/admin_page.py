"""Answering an admin request: with a page in the admin frame, or with the way to the next page."""

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.accounts.sessions import SignedIn
from app.web.contexts.admin.frame import admin_frame
from app.web.render import environment, shell_of


def admin_page(request: Request, template: str, ctx: object, *, status: int = 200) -> HTMLResponse:
    """A whole page for the signed-in user. `ctx` is the page's context dataclass."""
    who: SignedIn = request.state.signed_in
    asked = request.query_params
    frame = admin_frame(who, request.url.path, asked.get("done", ""), asked.get("revision", ""))
    html = environment().get_template(template).render(ctx=ctx, shell=shell_of(request), frame=frame)
    return HTMLResponse(html, status_code=status)


def see(address: str) -> RedirectResponse:
    """On to another page after something was done: reloading it does not do it again."""
    return RedirectResponse(address, status_code=303)


def see_done(address: str, done: str, revision: int | None) -> RedirectResponse:
    """On to another page that says what was done and whose recommendation the new revision changed, or that nothing differs."""
    return see(f"{address}?done={done}&revision={revision}" if revision else f"{address}?done=nothing-changed")
