"""What would make a job fit: the box below an answer, as a part of the page or as a page of its own."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.web.levers import levers_page
from app.web.render import Rendered, part, shell_of, wants_fragment, whole
from app.web.requests import FormPairs
from app.web.site import SiteOf

router = APIRouter(include_in_schema=False)


@router.post("/levers")
def levers(request: Request, pairs: FormPairs, site: SiteOf) -> Response:
    """The changes of the job in the form, each with what it does to memory, time and price."""
    question, is_part = dict(pairs).get("job", ""), wants_fragment(request)

    def render() -> Rendered:
        ctx = levers_page(question, site)
        return part("fragments/levers.html", ctx) if is_part else whole(request, "pages/levers.html", ctx)

    theme = "" if is_part else shell_of(request).theme
    return site.page(f"{request.url.path} {is_part} {theme} {question}", render).response()
