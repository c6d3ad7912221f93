"""The prices of one item: entering one, and withdrawing one that is wrong."""

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app import clock
from app.catalogue.editing import standing_price, standing_prices
from app.catalogue.facts import Changes, ItemFact, PriceFact
from app.catalogue.price_entry import is_jump, move_since, refuse_untrue, with_amount
from app.errors import InvalidInput, NotFound
from app.web.access import SignedInUser
from app.web.admin_form import checked, fields_of, reason_of
from app.web.admin_page import admin_page, see_done
from app.web.contexts.admin.prices import PricesPage, prices_page, with_typed, withdraw_page
from app.web.formats import signed_percent
from app.web.recording import Act, record_act
from app.web.requests import FormPairs
from app.web.site import Site, SiteOf

router = APIRouter(prefix="/admin/items/{item_id}/prices")
SURE = "sure"


@router.get("")
def item_prices(request: Request, item_id: str, site: SiteOf) -> Response:
    """Every observation, and the form for another one."""
    return admin_page(request, "pages/admin/prices.html", _page(item_id, site))


@router.post("")
def add_price(request: Request, item_id: str, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """Records one observation; one that moved unbelievably far is asked about first."""
    page, fields = _page(item_id, site), fields_of(pairs)
    sure = fields.pop(SURE, "") == "yes"
    try:
        price = _read(item_id, fields, site)
    except InvalidInput as complaint:
        return _again(request, page, fields, complaint)
    snapshot = site.catalogue.snapshot()
    move = move_since(price, snapshot.prices[item_id], snapshot.catalogue.rates)
    if is_jump(move) and not sure and move is not None:
        asked = replace(
            page, form=with_typed(page.form, fields), jump=f"{price.money} is {signed_percent(float(move))} to the current price"
        )
        return admin_page(request, "pages/admin/prices.html", asked, status=422)
    act = Act(name="price.add", subject=item_id, kind="prices", reason=f"{price.money} {price.condition} seen at {price.source}"[:400])
    revision = record_act(site, who, act, lambda _: Changes(prices=(price,)))
    return see_done(f"/admin/items/{item_id}/prices", "price-added", revision)


@router.get("/{number}/withdraw")
def ask_to_withdraw(request: Request, item_id: str, number: int, site: SiteOf) -> Response:
    """The question why a price is wrong."""
    return _ask_to_withdraw(request, item_id, number, site)


@router.post("/{number}/withdraw")
def withdraw_price(request: Request, item_id: str, number: int, pairs: FormPairs, who: SignedInUser, site: SiteOf) -> Response:
    """The price counts no longer, and the history says why."""
    fields = fields_of(pairs)
    try:
        act = Act(name="price.withdraw", subject=item_id, kind="edit", reason=reason_of(fields))
    except InvalidInput as complaint:
        return _ask_to_withdraw(request, item_id, number, site, fields, complaint)

    def changes(session: Session) -> Changes:
        return Changes(withdrawn_prices=(standing_price(session, item_id, number),))

    return see_done(f"/admin/items/{item_id}/prices", "price-withdrawn", record_act(site, who, act, changes))


def _read(item_id: str, fields: dict[str, str], site: Site) -> PriceFact:
    price = checked(lambda: PriceFact.model_validate({**with_amount(fields), "item": item_id}))
    refuse_untrue(price, site.catalogue.current().rates, clock.today())
    return price


def _again(request: Request, page: PricesPage, fields: dict[str, str], complaint: InvalidInput) -> Response:
    return admin_page(request, "pages/admin/prices.html", replace(page, form=with_typed(page.form, fields, complaint)), status=422)


def _page(item_id: str, site: Site) -> PricesPage:
    snapshot, item = site.catalogue.snapshot(), _item(item_id, site)
    with site.database.read() as session:
        observations = standing_prices(session, item_id)
    return prices_page(item, observations, snapshot.prices[item_id], snapshot.catalogue.rates.currencies, clock.today())


def _ask_to_withdraw(
    request: Request, item_id: str, number: int, site: Site, fields: dict[str, str] | None = None, complaint: InvalidInput | None = None
) -> Response:
    item = _item(item_id, site)
    with site.database.read() as session:
        price = standing_price(session, item_id, number)
    ctx = withdraw_page(item, number, price, fields or {}, complaint)
    return admin_page(request, "pages/admin/withdraw.html", ctx, status=complaint.status if complaint else 200)


def _item(item_id: str, site: Site) -> ItemFact:
    item = site.catalogue.snapshot().items.get(item_id)
    if item is None:
        raise NotFound(f"the catalogue has no item '{item_id[:120]}'")
    return item
