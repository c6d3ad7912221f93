"""Templates: one environment, and the way to answer with a page."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app import __version__
from app.resources import resource_path
from app.web.assets import asset_url
from app.web.formats import FILTERS

THEMES = ("system", "light", "dark")
MACROS_KEPT = 4096  # about 1 kB each
THEME_COOKIE = "theme"
HX_VARY = {"Vary": "HX-Request, Cookie"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What the frame around every page needs to know about the request."""

    path: str
    address: str  # path and query, for the way back after the theme switch
    theme: str
    version: str = __version__


def shell_of(request: Request) -> Shell:
    """The frame's view of a request."""
    chosen = request.cookies.get(THEME_COOKIE, THEMES[0])
    query = f"?{request.url.query}" if request.url.query else ""
    return Shell(path=request.url.path, address=f"{request.url.path}{query}", theme=chosen if chosen in THEMES else THEMES[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A page or a part of one, ready to be sent as often as it is asked for."""

    body: bytes  # encoded once, and half of what the text would take in memory
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> HTMLResponse:
        """The answer."""
        return HTMLResponse(self.body, status_code=self.status, headers={**HX_VARY, **self.headers})


def page(request: Request, template: str, ctx: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """The answer with a whole page. `ctx` is the page's context dataclass, the only thing that its template reads."""
    return whole(request, template, ctx, status=status, headers=headers).response()


def whole(request: Request, template: str, ctx: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Rendered:
    """A whole page."""
    html = environment().get_template(template).render(ctx=ctx, shell=shell_of(request))
    return Rendered(body=html.encode(), status=status, headers=headers or {})


def part(template: str, ctx: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Rendered:
    """A part of a page, for htmx to put in its place."""
    return Rendered(body=environment().get_template(template).render(ctx=ctx).encode(), status=status, headers=headers or {})


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page only."""
    return request.headers.get("HX-Request") == "true"


@lru_cache(maxsize=MACROS_KEPT)
def kept(view: Hashable, template: str, macro: str) -> Markup:
    """What a macro makes of a view, kept: a machine's parts stand on a page, and on the next ones, many times over."""
    made: Markup = getattr(environment().get_template(template).module, macro)(view)
    return made


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The template environment: autoescape on, an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(resource_path("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,  # an upgrade under a running process must not mix new templates with old code
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset_url
    made.filters.update(FILTERS)
    made.filters["kept"] = kept
    return made
