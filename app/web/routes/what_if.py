"""What the job would need at other sizes: the box below an answer, as a part of the page or as a page of its own."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.web.render import Rendered, part, shell_of, wants_fragment, whole
from app.web.requests import FormPairs
from app.web.site import SiteOf
from app.web.what_if import what_if_page

router = APIRouter(include_in_schema=False)


@router.post("/what-if")
def what_if(request: Request, pairs: FormPairs, site: SiteOf) -> Response:
    """Memory against each size that the job in the form can grow in."""
    question, is_part = dict(pairs).get("job", ""), wants_fragment(request)

    def render() -> Rendered:
        ctx = what_if_page(question, site)
        return part("fragments/what_if.html", ctx) if is_part else whole(request, "pages/what_if.html", ctx)

    theme = "" if is_part else shell_of(request).theme
    return site.page(f"{request.url.path} {is_part} {theme} {question}", render).response()
