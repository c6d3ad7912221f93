"""Two to four shared results beside each other."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.errors import InvalidInput
from app.web.contexts.result import ResultPage
from app.web.formats import day
from app.web.render import page
from app.web.results import result_page
from app.web.routes.results import PRIVATE
from app.web.site import SiteOf

MOST_RESULTS = 4
_ID_AT_THE_END = re.compile(r"([A-Za-z0-9_-]{22})/?\s*$")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRow:
    """One line of the comparison; `differs` where the columns are not all the same."""

    label: str
    cells: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether there is anything to compare."""
        return len(set(self.cells)) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    """Context of pages/compare.html."""

    results: tuple[ResultPage, ...]
    rows: tuple[CompareRow, ...]
    room: bool


@router.get("/compare")
def compare(request: Request, site: SiteOf, r: Annotated[list[str] | None, Query(max_length=MOST_RESULTS + 1)] = None) -> Response:
    """The results whose links or ids are given."""
    wanted = list(dict.fromkeys(_result_id(text) for text in r or () if text.strip()))
    if len(wanted) > MOST_RESULTS:
        raise InvalidInput(f"at most {MOST_RESULTS} results can be compared", "r")
    results = tuple(result_page(result_id, str(request.base_url), site) for result_id in wanted)
    rows = tuple(CompareRow(label=label, cells=tuple(read(one) for one in results)) for label, read in ROWS if results)
    return page(request, "pages/compare.html", ComparePage(results=results, rows=rows, room=len(results) < MOST_RESULTS), headers=PRIVATE)


def _result_id(text: str) -> str:
    """The id of a link, or the text itself."""
    match = _ID_AT_THE_END.search(text)
    return match[1] if match else text.strip()


def _need(label: str) -> Callable[[ResultPage], str]:
    return lambda result: next((need.figure for need in result.answer.needs if need.label == label), "none")


def _best(result: ResultPage) -> str:
    return next((f"{pick.machine.title}, {pick.machine.total_text}" for pick in result.answer.picks if pick.best), "none")


def _speed(result: ResultPage) -> str:
    return next((pick.machine.speed_text for pick in result.answer.picks if pick.best), "") or "\N{EN DASH}"


def _parts(result: ResultPage) -> str:
    return next(("; ".join(line.name for line in pick.machine.lines) for pick in result.answer.picks if pick.best), "none")


ROWS: tuple[tuple[str, Callable[[ResultPage], str]], ...] = (
    ("GPU memory", _need("GPU memory")),
    ("System RAM", _need("System RAM")),
    ("SSD (hot)", _need("SSD (hot)")),
    ("HDD (cold)", _need("HDD (cold)")),
    ("Recommended", _best),
    ("Its parts", _parts),
    ("Its speed", _speed),
    ("Machines found", lambda result: str(len(result.answer.frontier))),
    ("Catalogue revision", lambda result: str(result.revision)),
    ("Frozen on", lambda result: day(result.created_on)),
)
