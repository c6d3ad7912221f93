"""How the figures come about."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.errors import NotFound
from app.web.conditional import unless_known
from app.web.contexts.formula_book import CHAPTERS, chapter_named
from app.web.contexts.method import ChapterPage, method_page
from app.web.render import Rendered, page, shell_of, whole
from app.web.site import SiteOf

router = APIRouter(include_in_schema=False)


@router.get("/method")
def method(request: Request, site: SiteOf) -> Response:
    """Worked examples, rules of thumb judged, every kind of term, the rule of the current price, the chapters of the book."""
    catalogue, theme = site.catalogue.current(), shell_of(request).theme

    def render() -> Rendered:
        return whole(request, "pages/method.html", method_page(catalogue))

    return unless_known(request, lambda: site.page(f"/method {theme}", render).response(), catalogue.revision, theme)


@router.get("/method/{name}")
def chapter(request: Request, name: str) -> Response:
    """One chapter: every formula of its modules, with constants and sources."""
    found = chapter_named(name)
    if found is None:
        raise NotFound(f"there is no chapter '{name[:40]}'; there are {', '.join(one.id for one in CHAPTERS)}")
    ctx = ChapterPage(chapter=found, chapters=CHAPTERS)
    return unless_known(request, lambda: page(request, "pages/chapter.html", ctx), shell_of(request).theme)
