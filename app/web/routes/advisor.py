"""The advisor: the form with its answer, whole or as the part that htmx replaces."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.web.advisor_page import AdvisorPage, advisor_page
from app.web.render import Rendered, part, shell_of, wants_fragment, whole
from app.web.requests import FormPairs, FormWithFile
from app.web.site import Site, SiteOf

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, site: SiteOf) -> Response:
    """The form and its answer, from the address alone."""
    return _remembered(request, site).response()


@router.get("/answer")
def answer(request: Request, site: SiteOf) -> Response:
    """The answer alone for htmx, the whole page for everybody else."""
    return _remembered(request, site).response()


@router.post("/")
def home_of_a_long_form(request: Request, form: FormWithFile, site: SiteOf) -> Response:
    """A form with a model file or a pasted config.json: back to a plain address where it fits into one and nothing is to be said."""
    ctx = advisor_page(form.pairs, site, submitted=True, file=form.file)
    if ctx.status == 200 and not ctx.form.by_post and not ctx.form.file_findings:
        return RedirectResponse(f"/?{ctx.query}", status_code=303)
    return _rendered(request, ctx).response()


@router.post("/hub")
def home_of_a_repository(request: Request, pairs: FormPairs, site: SiteOf) -> Response:
    """A form that names a repository of the Hugging Face hub: its config.json becomes the model."""
    ctx = advisor_page(pairs, site, submitted=True, from_hub=True)
    if ctx.status == 200 and not ctx.form.by_post:
        return RedirectResponse(f"/?{ctx.query}", status_code=303)
    return _rendered(request, ctx).response()


@router.post("/answer")
def answer_to_a_long_form(request: Request, pairs: FormPairs, site: SiteOf) -> Response:
    """The same as `answer` for a form that is too long for an address."""
    return _rendered(request, advisor_page(pairs, site, submitted=not _is_live(request))).response()


def _is_live(request: Request) -> bool:
    """Whether the answer is wanted while somebody is still typing."""
    return request.url.path == "/answer" and wants_fragment(request)


def _remembered(request: Request, site: Site) -> Rendered:
    pairs, live = request.query_params.multi_items(), _is_live(request)
    address = f"{request.url.path}?{request.url.query} {live} {shell_of(request).theme}"
    return site.page(address, lambda: _rendered(request, advisor_page(pairs, site, submitted=not live)))


def _rendered(request: Request, ctx: AdvisorPage) -> Rendered:
    if not _is_live(request):
        return whole(request, "pages/advisor.html", ctx, status=ctx.status)
    address = {} if ctx.form.by_post else {"HX-Replace-Url": f"/?{ctx.query}" if ctx.query else "/"}
    return part("fragments/answer_update.html", ctx, status=ctx.status, headers=address)
