"""How far the estimates lie from measured runs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.errors import NotFound
from app.web.conditional import A_MINUTE, unless_known
from app.web.contexts.accuracy import accuracy_page, runs_page
from app.web.downloads import csv_download
from app.web.measured_runs import SUBJECTS, Subject, subject_named
from app.web.render import Rendered, page, shell_of, whole
from app.web.site import SiteOf

COLUMNS = ("id", "group", "measured", "estimate", "error", "covered")

router = APIRouter(include_in_schema=False)


@router.get("/accuracy")
def accuracy(request: Request, site: SiteOf) -> Response:
    """What `make accuracy` wrote, drawn and summed up."""
    theme = shell_of(request).theme

    def render() -> Rendered:
        return whole(request, "pages/accuracy.html", accuracy_page())

    return unless_known(request, lambda: site.page(f"/accuracy {theme}", render).response(), theme)


@router.get("/accuracy/{name}.csv")
def runs_as_csv(request: Request, name: str) -> Response:
    """Every measured run of a subject beside its estimate, in bytes or units a second."""
    subject = _subject(name)
    rows = [{column: getattr(run, column) for column in COLUMNS} for run in subject.runs]
    return unless_known(request, lambda: csv_download(rows, COLUMNS, f"accuracy-{name}"), keep=A_MINUTE)


@router.get("/accuracy/{name}")
def runs(request: Request, name: str, group: Annotated[str, Query(max_length=80)] = "") -> Response:
    """Every measured run of a subject, or of one of its groups."""
    view = runs_page(_subject(name), group)
    if not view.runs:
        raise NotFound(f"no run was measured of '{group[:40]}'" if group else "nothing has been scored in this installation")
    return unless_known(request, lambda: page(request, "pages/measured_runs.html", view), shell_of(request).theme)


def _subject(name: str) -> Subject:
    found = subject_named(name)
    if found is None:
        raise NotFound(f"there is no subject '{name[:40]}'; there are {', '.join(one.id for one in SUBJECTS)}")
    return found
