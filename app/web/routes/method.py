"""How the figures come about."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.web.contexts.method import method_page
from app.web.render import page

router = APIRouter(include_in_schema=False)


@router.get("/method")
def method(request: Request) -> Response:
    """Worked examples, rules of thumb beside them, every kind of term, and what each room says about itself."""
    return page(request, "pages/method.html", method_page())
