"""Shared results: made by the share button, shown under an address that nobody can guess, taken along in other forms."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app import clock
from app.web.conditional import unless_known
from app.web.contexts.result_text import markdown, share_card
from app.web.downloads import csv_download, download, json_download
from app.web.json_body import decode_json
from app.web.render import page, shell_of
from app.web.requests import FormPairs
from app.web.result_downloads import BILL_COLUMNS, bill_rows, maths_columns, maths_rows
from app.web.results import FrozenAnswer, frozen_answer, result_document, result_page, share
from app.web.site import Site, SiteOf

PRIVATE = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}

router = APIRouter(include_in_schema=False)


@router.post("/results")
def share_answer(pairs: FormPairs, site: SiteOf) -> Response:
    """Freeze the answer to the request in the form, and go to its page."""
    document = decode_json(dict(pairs).get("request", "").encode())
    return RedirectResponse(f"/r/{share(document, site)}", status_code=303)


@router.get("/r/{result_id}.md")
def as_markdown(request: Request, result_id: str, site: SiteOf) -> Response:
    """The whole result as Markdown."""

    def make(frozen: FrozenAnswer) -> Response:
        text = markdown(frozen.answer, frozen.question, frozen.provenance, frozen.address)
        return download(text, "text/markdown; charset=utf-8", f"rigwise-{result_id}.md")

    return _frozen(request, result_id, site, make)


@router.get("/r/{result_id}.txt")
def as_text(request: Request, result_id: str, site: SiteOf) -> Response:
    """The result as a few lines of plain text."""

    def make(frozen: FrozenAnswer) -> Response:
        text = share_card(frozen.answer, frozen.provenance, frozen.address)
        return download(f"{text}\n", "text/plain; charset=utf-8", f"rigwise-{result_id}.txt")

    return _frozen(request, result_id, site, make)


@router.get("/r/{result_id}.csv")
def as_csv(request: Request, result_id: str, site: SiteOf) -> Response:
    """The parts of every recommended machine with their prices."""
    return _frozen(
        request, result_id, site, lambda frozen: csv_download(bill_rows(frozen.stored), BILL_COLUMNS, f"rigwise-{result_id}")
    )  # fmt: skip


@router.get("/r/{result_id}/maths.csv")
def maths_as_csv(request: Request, result_id: str, site: SiteOf) -> Response:
    """Every term of the estimate."""

    def make(frozen: FrozenAnswer) -> Response:
        return csv_download(maths_rows(frozen.stored), maths_columns(frozen.stored), f"rigwise-{result_id}-maths")

    return _frozen(request, result_id, site, make)


@router.get("/r/{result_id}.json")
def as_json(request: Request, result_id: str, site: SiteOf) -> Response:
    """Request and answer as the API gives them."""
    return _frozen(request, result_id, site, lambda frozen: json_download(result_document(frozen.stored)))


@router.get("/r/{result_id}")
def shared_result(request: Request, result_id: str, site: SiteOf) -> Response:
    """The frozen answer, what it would cost today, and the way to a copy that can be changed."""
    today = (site.catalogue.current().revision, clock.today(), shell_of(request).theme)
    return _frozen(request, result_id, site, lambda frozen: page(request, "pages/result.html", result_page(frozen, site)), *today)


def _frozen(request: Request, result_id: str, site: Site, make: Callable[[FrozenAnswer], Response], *depends_on: object) -> Response:
    """An answer that depends on the frozen result, and on what else is named; nobody is told where the reader came from."""
    frozen = frozen_answer(result_id, str(request.base_url), site)
    answer = unless_known(request, lambda: make(frozen), frozen.stored.fingerprint, frozen.address, *depends_on)
    answer.headers.update(PRIVATE)
    return answer
