"""The catalogue for readers: lists by kind, and one page for each item."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from app import clock
from app.catalogue.browse import KINDS, Filters, find_items, item_document
from app.web.contexts.catalogue import COLUMNS, KIND_NAMES, SHORT_LABELS, CatalogueList, Heading, item_view, label, row_view
from app.web.contexts.runs import jobs_on
from app.web.render import page
from app.web.site import SiteOf

router = APIRouter(include_in_schema=False, prefix="/catalogue")
_KIND_OF = {kind: name for name, kind in KINDS.items()}
_TEXT_COLUMNS = frozenset({"memory_type", "medium", "interface", "cpu", "gpu", "provisioning"})

Text = Annotated[str, Field(max_length=80)]


class ListQuery(BaseModel):
    """What the address of a list may say."""

    model_config = ConfigDict(extra="forbid")

    q: Text = ""
    vendor: Text = ""
    priced: bool = False
    sort: Text = "name"
    page: Annotated[int, Field(ge=1, le=10_000)] = 1

    def filters(self) -> Filters:
        """The same for the catalogue."""
        return Filters(q=self.q, vendor=self.vendor, priced=self.priced, sort=self.sort, page=self.page)


@router.get("")
def first_kind() -> Response:
    """The catalogue starts with the GPUs."""
    return RedirectResponse("/catalogue/gpus", status_code=307)


@router.get("/item/{item_id}")
def one_item(request: Request, item_id: str, site: SiteOf) -> Response:
    """One item: specification, prices, history."""
    snapshot = site.catalogue.snapshot()
    item = item_document(site.database, snapshot, item_id)
    gpu = snapshot.catalogue.gpus.get(item_id)
    runs = jobs_on(gpu) if gpu else ()
    view = item_view(item, _KIND_OF[item["kind"]], snapshot.catalogue.revision, clock.today(), runs)
    return page(request, "pages/catalogue/item.html", view)


@router.get("/{kind}")
def items_of_a_kind(request: Request, kind: str, asked: Annotated[ListQuery, Query()], site: SiteOf) -> Response:
    """The items of one kind, filtered and sorted by the address."""
    return page(request, "pages/catalogue/list.html", _listed(kind, asked.filters(), site))


def _listed(kind: str, filters: Filters, site: SiteOf) -> CatalogueList:
    snapshot = site.catalogue.snapshot()
    found = find_items(site.database, snapshot, kind, filters)
    today = clock.today()
    return CatalogueList(
        kind=kind,
        title=KIND_NAMES[kind],
        kinds=tuple(KIND_NAMES.items()),
        headings=tuple(_heading(column, filters) for column in ("name", *COLUMNS[kind], "price")),
        rows=tuple(row_view(item, kind, today) for item in found.items),
        total=found.total,
        page=found.page,
        pages=found.pages,
        q=filters.q,
        vendor=filters.vendor,
        priced=filters.priced,
        sort=filters.sort,
        previous_href=_address(filters, page=found.page - 1) if found.page > 1 else "",
        next_href=_address(filters, page=found.page + 1) if found.page < found.pages else "",
        revision=snapshot.catalogue.revision,
    )


def _heading(column: str, filters: Filters) -> Heading:
    current = filters.sort.removeprefix("-") == column
    downwards = current and filters.sort.startswith("-")
    sortable = column not in _TEXT_COLUMNS
    return Heading(
        label="Name" if column == "name" else "Price" if column == "price" else SHORT_LABELS.get(column, label(column)),
        href=_address(filters, sort=column if downwards or not current else f"-{column}") if sortable else "",
        sorted="none" if not current else "descending" if downwards else "ascending",
        numeric=sortable and column != "name",
    )


def _address(filters: Filters, *, sort: str = "", page: int = 1) -> str:
    chosen = {"q": filters.q, "vendor": filters.vendor, "priced": "true" if filters.priced else "", "sort": sort or filters.sort}
    pairs = {name: text for name, text in chosen.items() if text and (name, text) != ("sort", "name")}
    return "?" + urlencode({**pairs, **({"page": page} if page > 1 else {})})
