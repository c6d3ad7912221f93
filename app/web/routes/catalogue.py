"""The catalogue for readers: lists by kind, one page for each item, exchange rates; each of them also as CSV and JSON."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from app import clock
from app.catalogue.browse import KINDS, item_document
from app.web.catalogue_downloads import LIST_COLUMNS, OBSERVATION_COLUMNS, RATE_COLUMNS, item_rows, list_rows, rate_rows
from app.web.catalogue_lists import ListQuery, every_item, listed
from app.web.conditional import A_MINUTE, unless_known
from app.web.contexts.catalogue_item import catalogue_item
from app.web.contexts.currency import RatesPage, exchange_in, rate_views
from app.web.downloads import csv_download, json_download
from app.web.render import page, shell_of
from app.web.site import Site, SiteOf

router = APIRouter(include_in_schema=False, prefix="/catalogue")
_KIND_OF = {kind: name for name, kind in KINDS.items()}

Asked = Annotated[ListQuery, Query()]
Code = Annotated[str, Query(max_length=12)]
Span = Annotated[Literal["", "90", "365"], Query(alias="range")]


@router.get("")
def first_kind() -> Response:
    """The catalogue starts with the GPUs."""
    return RedirectResponse("/catalogue/gpus", status_code=307)


@router.get("/rates")
def rates(request: Request, site: SiteOf) -> Response:
    """The newest exchange rate of every currency."""
    snapshot = site.catalogue.snapshot()
    view = RatesPage(rates=rate_views(snapshot, clock.today()), revision=snapshot.catalogue.revision)
    return _kept(request, site, lambda: page(request, "pages/catalogue/rates.html", view))


@router.get("/rates.csv")
def rates_as_csv(request: Request, site: SiteOf) -> Response:
    """The same as CSV."""
    return _file(request, site, lambda: csv_download(rate_rows(site.catalogue.snapshot()), RATE_COLUMNS, "exchange-rates"))


@router.get("/rates.json")
def rates_as_json(request: Request, site: SiteOf) -> Response:
    """The same as JSON."""
    return _file(request, site, lambda: json_download({"rates": rate_rows(site.catalogue.snapshot())}))


@router.get("/item/{item_id}.csv")
def item_as_csv(request: Request, item_id: str, site: SiteOf) -> Response:
    """Every price of an item that was ever seen."""
    item = _document(item_id, site)
    return _file(request, site, lambda: csv_download(item_rows(item), OBSERVATION_COLUMNS, item_id))


@router.get("/item/{item_id}.json")
def item_as_json(request: Request, item_id: str, site: SiteOf) -> Response:
    """The whole item: specification, current prices, every observation, every change."""
    item = _document(item_id, site)
    return _file(request, site, lambda: json_download(item))


@router.get("/item/{item_id}")
def one_item(request: Request, item_id: str, site: SiteOf, currency: Code = "", span: Span = "") -> Response:
    """One item: specification, prices, history."""
    item = _document(item_id, site)
    exchange = exchange_in(site.catalogue.snapshot(), currency)

    def make() -> Response:
        view = catalogue_item(item, _KIND_OF[item["kind"]], exchange, clock.today(), span)
        return page(request, "pages/catalogue/item.html", view)

    return _kept(request, site, make)


@router.get("/{kind}.csv")
def list_as_csv(request: Request, kind: str, asked: Asked, site: SiteOf) -> Response:
    """Every item of the filtered list with its current prices, a row for each."""
    found, exchange = every_item(kind, asked, site)
    return _file(request, site, lambda: csv_download(list_rows(found, exchange, clock.today()), LIST_COLUMNS[kind], kind))


@router.get("/{kind}.json")
def list_as_json(request: Request, kind: str, asked: Asked, site: SiteOf) -> Response:
    """Every item of the filtered list with its current prices and all observations."""
    found, exchange = every_item(kind, asked, site)
    document = {"kind": kind, "revision": exchange.snapshot.catalogue.revision, "total": len(found), "items": found}
    return _file(request, site, lambda: json_download(document))


@router.get("/{kind}")
def items_of_a_kind(request: Request, kind: str, asked: Asked, site: SiteOf) -> Response:
    """The items of one kind, filtered and sorted by the address."""
    view = listed(kind, asked, site)
    status = 422 if view.problems else 200
    return _kept(request, site, lambda: page(request, "pages/catalogue/list.html", view, status=status))


def _document(item_id: str, site: Site) -> dict[str, Any]:
    return item_document(site.database, site.catalogue.snapshot(), item_id)


def _kept(request: Request, site: Site, make: Callable[[], Response]) -> Response:
    """A page that depends on its address, the catalogue, the day (prices age) and the reader's theme."""
    return unless_known(request, make, site.catalogue.current().revision, clock.today(), shell_of(request).theme)


def _file(request: Request, site: Site, make: Callable[[], Response]) -> Response:
    return unless_known(request, make, site.catalogue.current().revision, clock.today(), keep=A_MINUTE)
