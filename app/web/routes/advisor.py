"""The advisor: the form with its answer, whole or as the part that htmx replaces."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.web.advisor_page import AdvisorPage, advisor_page
from app.web.render import fragment, page, wants_fragment
from app.web.requests import FormPairs
from app.web.site import SiteOf

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, site: SiteOf) -> Response:
    """The form and its answer, from the address alone."""
    return _whole(request, advisor_page(request.query_params.multi_items(), site, submitted=True))


@router.get("/answer")
def answer(request: Request, site: SiteOf) -> Response:
    """The answer alone for htmx, the whole page for everybody else."""
    return _live(request, advisor_page(request.query_params.multi_items(), site, submitted=not wants_fragment(request)))


@router.post("/")
def home_of_a_long_form(request: Request, pairs: FormPairs, site: SiteOf) -> Response:
    """A form with a pasted config.json: back to a plain address where it fits into one."""
    ctx = advisor_page(pairs, site, submitted=True)
    if ctx.status == 200 and not ctx.form.by_post:
        return RedirectResponse(f"/?{ctx.query}", status_code=303)
    return _whole(request, ctx)


@router.post("/answer")
def answer_to_a_long_form(request: Request, pairs: FormPairs, site: SiteOf) -> Response:
    """The same as `answer` for a form that is too long for an address."""
    return _live(request, advisor_page(pairs, site, submitted=not wants_fragment(request)))


def _whole(request: Request, ctx: AdvisorPage) -> Response:
    return page(request, "pages/advisor.html", ctx, status=ctx.status)


def _live(request: Request, ctx: AdvisorPage) -> Response:
    if not wants_fragment(request):
        return _whole(request, ctx)
    address = {} if ctx.form.by_post else {"HX-Replace-Url": f"/?{ctx.query}" if ctx.query else "/"}
    return fragment("fragments/answer_update.html", ctx, status=ctx.status, headers=address)
