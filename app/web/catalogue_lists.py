"""From the address of a catalogue list to what it shows."""

import re
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app import clock
from app.catalogue.browse import KINDS, LARGEST_PAGE, Filters, find_items
from app.catalogue.facts import Status
from app.catalogue.history import revision_day
from app.errors import FieldError, InvalidInput, NotFound
from app.money import Money, parse_money
from app.web.contexts.catalogue import CHOICES, SIZES, Asked, CatalogueList, catalogue_list
from app.web.contexts.currency import Exchange, exchange_in
from app.web.site import Site

Text = Annotated[str, Field(max_length=80)]
_SIZE = re.compile(r"\s*(\d{1,9}(?:\.\d{1,3})?)\s*(gb|tb)?\s*", re.IGNORECASE)
GB_PER_TB = 1000


class ListQuery(BaseModel):
    """What the address of a list may say. A form sends every field, so an empty one says nothing."""

    model_config = ConfigDict(extra="forbid")

    q: Text = ""
    vendor: Text = ""
    segment: Text = ""
    memory_type: Text = ""
    form: Text = ""
    medium: Text = ""
    interface: Text = ""
    platform_class: Text = ""
    provider: Text = ""
    gpu: Text = ""
    size: Text = ""
    most: Text = ""
    condition: Literal["", "new", "used", "refurbished"] = ""
    status: Status = "active"
    priced: bool = False
    currency: Annotated[str, Field(max_length=12)] = ""
    sort: Text = "name"
    page: Annotated[int, Field(ge=1, le=10_000)] = 1


def listed(kind: str, query: ListQuery, site: Site) -> CatalogueList:
    """The page, which tells what was typed wrongly. Raises NotFound for a kind that is none, InvalidInput for a filter that is none."""
    asked, exchange, problems = _read(kind, query, site)
    found = find_items(site.database, exchange.snapshot, kind, asked.filters)
    with site.database.read() as session:
        updated = revision_day(session, exchange.snapshot.catalogue.revision)
    return catalogue_list(asked, found, exchange, clock.today(), problems=problems, updated=updated)


def every_item(kind: str, query: ListQuery, site: Site) -> tuple[list[dict[str, Any]], Exchange]:
    """The documents of every item that passes, on however many pages the list has them. Raises InvalidInput also for what was mistyped."""
    asked, exchange, problems = _read(kind, query, site)
    if problems:
        raise InvalidInput(problems)
    filters = replace(asked.filters, per_page=LARGEST_PAGE, page=1)
    first = find_items(site.database, exchange.snapshot, kind, filters)
    further = (find_items(site.database, exchange.snapshot, kind, replace(filters, page=page)) for page in range(2, first.pages + 1))
    return [item for found in (first, *further) for item in found.items], exchange


def _read(kind: str, query: ListQuery, site: Site) -> tuple[Asked, Exchange, list[FieldError]]:
    """What was asked for, with the fields that cannot be read left out and told."""
    if kind not in KINDS:
        raise NotFound(f"there is no part of the catalogue called '{kind[:40]}'; there are {', '.join(KINDS)}")
    exchange = exchange_in(site.catalogue.snapshot(), query.currency)
    problems: list[FieldError] = []
    size = _attempt(lambda: _size(query.size), "size", problems)
    most = _attempt(lambda: _most(query.most, exchange), "most", problems)
    filters = Filters(
        q=query.q,
        vendor=query.vendor,
        status=query.status,
        condition=query.condition or None,
        chosen=_chosen(kind, query),
        minimum={} if size is None else {SIZES[kind]: size},
        most=most,
        priced=query.priced,
        sort=query.sort,
        page=query.page,
    )
    return Asked(kind=kind, filters=filters, size=query.size, most=query.most, currency=exchange.currency), exchange, problems


def _attempt(read: Any, path: str, problems: list[FieldError]) -> Any:
    try:
        return read()
    except ValueError as error:
        problems.append(FieldError(path=path, message=str(error)))
        return None


def _chosen(kind: str, query: ListQuery) -> dict[str, str]:
    """The texts chosen. Raises InvalidInput for one that this kind does not have."""
    every = {name for names in CHOICES.values() for name in names if name != "vendor"}
    given = {name: text for name in sorted(every) if (text := getattr(query, name))}
    if wrong := next((name for name in given if name not in CHOICES[kind]), ""):
        raise InvalidInput(f"'{wrong}' is no filter of this kind", wrong)
    return given


def _size(text: str) -> float | None:
    """A number of gigabytes (or of GPUs) as people write it: "24", "24 GB", "2 TB". Raises ValueError where it is not one."""
    if not text.strip():
        return None
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"'{text[:40]}' is not a size such as 24, 24 GB or 2 TB")
    return float(match[1]) * (GB_PER_TB if (match[2] or "").lower() == "tb" else 1)


def _most(text: str, exchange: Exchange) -> Money | None:
    """An amount in a currency that has a rate. Raises ValueError where it is not one."""
    if not text.strip():
        return None
    money = parse_money(text, exchange.currency or "USD")
    exchange.snapshot.catalogue.rates.rate(money.currency)
    return money
