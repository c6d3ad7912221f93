"""The exchange rates: seeing them, adding one."""

from decimal import Decimal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app import clock
from app.catalogue.facts import Changes, RateFact
from app.catalogue.history import current_revision, rates_at
from app.catalogue.price_entry import is_jump
from app.errors import InvalidInput
from app.web.access import SignedInUser
from app.web.admin_form import checked, fields_of
from app.web.admin_page import admin_page, see_done
from app.web.contexts.admin.rates import rates_page
from app.web.formats import signed_percent
from app.web.recording import Act, record_act
from app.web.requests import FormPairs
from app.web.site import Site, SiteOf

router = APIRouter(prefix="/admin/rates")
SURE = "sure"


@router.get("")
def exchange_rates(request: Request, site: SiteOf) -> Response:
    """The newest rate of every currency."""
    return admin_page(request, "pages/admin/rates.html", rates_page(_rates(site), clock.today()))


@router.post("")
def add_rate(request: Request, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """Records one rate; one that moved unbelievably far is asked about first."""
    fields, today = fields_of(pairs), clock.today()
    sure = fields.pop(SURE, "") == "yes"
    try:
        rate = checked(lambda: RateFact.model_validate({**fields, "currency": fields.get("currency", "").strip().upper()}))
        if rate.as_of > today:
            raise InvalidInput("this day is in the future", "as_of")
        if rate.currency == "EUR":
            raise InvalidInput("a euro is a euro: give the rate of another currency", "currency")
    except InvalidInput as complaint:
        return admin_page(request, "pages/admin/rates.html", rates_page(_rates(site), today, fields, complaint), status=422)
    move = _move(rate, site)
    if is_jump(move) and not sure and move is not None:
        jump = f"{rate.currency} is {signed_percent(float(move))} to the newest rate that is recorded"
        return admin_page(request, "pages/admin/rates.html", rates_page(_rates(site), today, fields, jump=jump), status=422)
    act = Act(name="rate.add", subject=rate.currency, kind="prices", reason=f"{rate.per_euro:f} {rate.currency} per euro on {rate.as_of}")
    revision = record_act(site, who, act, lambda _: Changes(rates=(rate,)))
    return see_done("/admin/rates", "rate-added", revision)


def _rates(site: Site) -> list[RateFact]:
    with site.database.read() as session:
        return rates_at(session, current_revision(session))


def _move(rate: RateFact, site: Site) -> Decimal | None:
    known = site.catalogue.current().rates.per_euro.get(rate.currency)
    return rate.per_euro / known - 1 if known else None
