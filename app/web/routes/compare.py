"""Two to four machines of shared results beside each other."""

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.errors import InvalidInput, NotFound
from app.web.contexts.compare import MOST_COLUMNS, SEPARATOR, ComparePage, column, compare_page, machines_of
from app.web.downloads import csv_download
from app.web.render import page
from app.web.results import frozen_answer
from app.web.routes.results import PRIVATE
from app.web.site import Site, SiteOf

_ID_AT_THE_END = re.compile(r"([A-Za-z0-9_-]{22})/?\s*$")

router = APIRouter(include_in_schema=False)
Chosen = Annotated[list[str] | None, Query(max_length=MOST_COLUMNS + 1)]


@router.get("/compare")
def compare(request: Request, site: SiteOf, r: Chosen = None, differences: bool = False) -> Response:
    """The machines whose results are given by link or id, each with the id of one of its machines behind a tilde."""
    return page(request, "pages/compare.html", _compared(request, site, r or (), differences), headers=PRIVATE)


@router.get("/compare.csv")
def compare_as_csv(request: Request, site: SiteOf, r: Chosen = None, differences: bool = False) -> Response:
    """The same table, one column for each machine."""
    view = _compared(request, site, r or (), differences)
    heads = [f"{head.machine} ({head.key})" for head in view.heads]
    rows = [row for group in view.groups for row in group.rows]
    table = [{"": row.label, **dict(zip(heads, (cell.text for cell in row.cells), strict=True))} for row in rows]
    answer = csv_download(table, ["", *heads], "comparison")
    answer.headers.update(PRIVATE)
    return answer


def _compared(request: Request, site: Site, given: Sequence[str], differences: bool) -> ComparePage:
    keys = list(dict.fromkeys(_key(text) for text in given if text.strip()))
    if len(keys) > MOST_COLUMNS:
        raise InvalidInput(f"at most {MOST_COLUMNS} machines can be compared", "r")
    frozen = {key: frozen_answer(key.partition(SEPARATOR)[0], str(request.base_url), site) for key in keys}
    for key, one in frozen.items():
        if (named := key.partition(SEPARATOR)[2]) and named not in machines_of(one.stored):
            raise NotFound(f"this result has no machine called '{named[:80]}'; choose one of those on its page")
    columns = [column(key, one.stored, one.answer) for key, one in frozen.items()]
    return compare_page(columns, only_differences=differences)


def _key(text: str) -> str:
    """The id of a link, with the machine behind it if one is named."""
    link, separator, machine = text.strip().partition(SEPARATOR)
    match = _ID_AT_THE_END.search(link)
    return (match[1] if match else link) + separator + machine
