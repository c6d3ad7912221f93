"""Many prices at once: paste two columns, look at what each line would do, record them as one revision."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app import clock
from app.accounts.sessions import SignedIn
from app.catalogue.facts import Changes, PriceFact
from app.catalogue.pasted_prices import PastedLine, read_pasted
from app.errors import InvalidInput
from app.web.access import SignedInUser
from app.web.admin_form import checked, fields_of
from app.web.admin_page import admin_page, see_done
from app.web.contexts.admin.pasted_prices import PastePage, fingerprint, paste_form, paste_page
from app.web.recording import Act, record_act
from app.web.requests import FormPairs
from app.web.site import Site, SiteOf

router = APIRouter(prefix="/admin/prices")
TEMPLATE = "pages/admin/paste.html"
_CONTROLS = frozenset({"lines", "act", "seen", "sure"})


@router.get("")
def empty_form(request: Request, site: SiteOf) -> Response:
    """The form."""
    form = paste_form(site.catalogue.current().rates.currencies, {"observed_on": clock.today().isoformat()})
    return admin_page(request, TEMPLATE, PastePage(form=form))


@router.post("")
def preview_or_apply(request: Request, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """What each line would do; on the second press, and only if it would still do the same, one revision."""
    fields, currencies = fields_of(pairs), site.catalogue.current().rates.currencies
    try:
        lines = read_pasted(fields.get("lines", ""), _common(fields), site.catalogue.snapshot(), clock.today())
    except InvalidInput as complaint:
        return admin_page(request, TEMPLATE, PastePage(form=paste_form(currencies, fields, complaint)), status=422)
    if _may_apply(fields, lines):
        return _apply(site, who, lines)
    page = paste_page(paste_form(currencies, fields), lines, clock.today())
    return admin_page(request, TEMPLATE, page, status=422 if fields.get("act") == "apply" else 200)


def _may_apply(fields: Mapping[str, str], lines: list[PastedLine]) -> bool:
    pressed = fields.get("act") == "apply" and fields.get("seen") == fingerprint(lines)
    sure = fields.get("sure") == "yes" or not any(line.asks for line in lines)
    return pressed and sure and not any(line.problem for line in lines)


def _apply(site: Site, who: SignedIn, lines: list[PastedLine]) -> Response:
    prices = tuple(line.price for line in lines if line.price)
    act = Act(
        name="price.paste", subject=f"{len(prices)} prices", kind="prices", reason=f"{len(prices)} prices seen at {prices[0].source}"[:400]
    )
    revision = record_act(site, who, act, lambda _: Changes(prices=prices))
    return see_done(f"/admin/revisions/{revision}" if revision else "/admin/prices", "prices-added", revision)


def _common(fields: Mapping[str, str]) -> PriceFact:
    """What all lines have in common; item and amount stand in for those of the lines."""
    common = {name: value for name, value in fields.items() if name not in _CONTROLS}
    return checked(lambda: PriceFact.model_validate({**common, "item": "any", "amount": "1"}))
