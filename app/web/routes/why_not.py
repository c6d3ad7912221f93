"""Why a part was not recommended: the box below an answer, as a part of the page or as a page of its own."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.web.names import part_text, suggested_parts
from app.web.render import page, wants_fragment
from app.web.render import part as render_part
from app.web.requests import FormPairs
from app.web.site import SiteOf
from app.web.why_not import why_not_page

OPTIONS_SHOWN = 12

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOptions:
    """Context of partials/_part_options.html."""

    options: tuple[str, ...]


@router.post("/why-not")
def why_not(request: Request, pairs: FormPairs, site: SiteOf) -> Response:
    """The first thing that rules the part out, or the price at which it would be the pick."""
    sent = dict(pairs)
    ctx = why_not_page(sent.get("question", ""), sent.get("part", ""), site)
    if wants_fragment(request):
        return render_part("fragments/why_not.html", ctx, status=ctx.status).response()
    return page(request, "pages/why_not.html", ctx, status=ctx.status)


@router.get("/why-not/parts")
def parts(site: SiteOf, part: Annotated[str, Query(max_length=120)] = "") -> Response:
    """The parts whose names hold the words typed so far."""
    catalogue = site.catalogue.current()
    found = suggested_parts(part, catalogue)[:OPTIONS_SHOWN]
    return render_part("fragments/part_options.html", PartOptions(options=tuple(part_text(one, catalogue) for one in found))).response()
