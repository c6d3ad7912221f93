"""The jobs on one machine: another one is added to the form, one is taken into its fields, one is removed."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.errors import InvalidInput
from app.web.advisor_page import AdvisorPage, advisor_page, entry_from, with_config_read
from app.web.forms.entry import Entry
from app.web.forms.job_set import at_job, with_another, without_job
from app.web.names import names_for
from app.web.render import page
from app.web.requests import FormPairs
from app.web.site import Site, SiteOf

router = APIRouter(include_in_schema=False)
Pairs = list[tuple[str, str]]

_ACTS: Mapping[str, Callable[[Entry, int], Entry]] = {
    "add": lambda entry, _: with_another(entry),
    "edit": lambda entry, number: at_job(entry, min(number - 1, len(entry.beside))),
    "remove": lambda entry, number: without_job(entry, number - 1),
}


@router.get("/jobs")
def change(request: Request, site: SiteOf) -> Response:
    """Make the change that the button names, and go to the form with it."""
    return _changed(request, request.query_params.multi_items(), site)


@router.post("/jobs")
def change_of_a_long_form(request: Request, pairs: FormPairs, site: SiteOf) -> Response:
    """The same for a form that is too long for an address."""
    return _changed(request, pairs, site)


def _changed(request: Request, pairs: Pairs, site: Site) -> Response:
    kept = [(name, text) for name, text in pairs if name not in _ACTS]
    try:
        entry = with_config_read(entry_from(kept, names_for(site.catalogue.current())))
    except InvalidInput:
        return _shown(request, advisor_page(kept, site, submitted=True))
    for name, text in pairs:
        entry = _ACTS[name](entry, _number(text)) if name in _ACTS else entry
    query = entry.query()
    if entry.fits_in_address:
        return RedirectResponse(f"/?{query}" if query else "/", status_code=303)
    return _shown(request, advisor_page(parse_qsl(query, keep_blank_values=True), site, submitted=True))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 and int(text) else 1


def _shown(request: Request, ctx: AdvisorPage) -> Response:
    return page(request, "pages/advisor.html", ctx, status=ctx.status)
