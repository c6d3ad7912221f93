"""The theme switch without scripts: a cookie, and back to where the reader was."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from app.web.render import THEME_COOKIE, THEMES
from app.web.requests import FormPairs

YEAR_SECONDS = 365 * 86_400

router = APIRouter(include_in_schema=False)


@router.post("/theme")
def choose_theme(pairs: FormPairs) -> Response:
    """Remember the theme, and return to the page that it was chosen on."""
    chosen = dict(pairs)
    response = RedirectResponse(own_address(chosen.get("back", "/")), status_code=303)
    theme = chosen.get("theme", "")
    response.set_cookie(THEME_COOKIE, theme if theme in THEMES else THEMES[0], max_age=YEAR_SECONDS, samesite="lax")
    return response


def own_address(address: str) -> str:
    """The address where it is a path of this site, the first page where it leads elsewhere."""
    is_path = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_path else "/"
