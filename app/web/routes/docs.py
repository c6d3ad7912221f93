"""The documentation of the API, from our own copy of Swagger UI under the same policy as every page."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.web.render import page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocsPage:
    """Context of pages/docs.html."""

    schema_url: str = "/openapi.json"


@router.get("/docs")
def docs(request: Request) -> Response:
    """The page; without scripts it links to the description itself."""
    return page(request, "pages/docs.html", DocsPage())
