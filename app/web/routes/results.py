"""Shared results: made by the share button, shown under an address that nobody can guess."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.web.json_body import decode_json
from app.web.render import page
from app.web.requests import FormPairs
from app.web.results import result_page, share
from app.web.site import SiteOf

PRIVATE = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}

router = APIRouter(include_in_schema=False)


@router.post("/results")
def share_answer(pairs: FormPairs, site: SiteOf) -> Response:
    """Freeze the answer to the request in the form, and go to its page."""
    document = decode_json(dict(pairs).get("request", "").encode())
    return RedirectResponse(f"/r/{share(document, site)}", status_code=303)


@router.get("/r/{result_id}")
def shared_result(request: Request, result_id: str, site: SiteOf) -> Response:
    """The frozen answer, what it would cost today, and the way to a copy that can be changed."""
    return page(request, "pages/result.html", result_page(result_id, str(request.base_url), site), headers=PRIVATE)
