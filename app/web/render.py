"""Templates: one environment, the filters that format every figure, and the two ways to answer with a page."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import __version__
from app.resources import resource_path
from app.units import format_binary, format_count, format_decimal
from app.web.assets import asset_url

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"
MINUS = "\N{MINUS SIGN}"
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


def page(request: Request, template: str, ctx: object, *, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    """A whole page. `ctx` is the page's context dataclass, the only thing that its template reads."""
    html = environment().get_template(template).render(ctx=ctx, shell=shell_of(request))
    return HTMLResponse(html, status_code=status, headers={**HX_VARY, **(headers or {})})


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page only."""
    return request.headers.get("HX-Request") == "true"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The template environment: autoescape on, an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(resource_path("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset_url
    made.filters.update(FILTERS)
    return made


def day(value: date | str) -> str:
    """A date as people write it: "18 Nov 2026"."""
    then = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{then.day} {then:%b %Y}"


def percent(share: float) -> str:
    """A share as whole per cent, "77 %"; a tenth below ten per cent, and "< 0.1 %" for what is not nothing."""
    figure = share * 100
    if 0 < figure < 0.1:
        return "< 0.1 %"
    return f"{figure:.0f} %" if figure >= 10 or figure == 0 else f"{figure:.1f} %"


def duration(seconds: float) -> str:
    """A duration in its natural unit: "0.21 s", "4.3 h", "11 days"."""
    for size, unit in ((86_400 * 2, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{_three_digits(seconds / (86_400 if unit == 'days' else size))} {unit}"
    return f"{_three_digits(seconds)} s" if seconds >= 0.1 else f"{_three_digits(seconds * 1000)} ms"


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def signed_percent(share: float) -> str:
    """A change in per cent with its sign: "+24 %", "0 %"."""
    whole = round(share * 100)
    return f"+{whole:,} %" if whole > 0 else f"{MINUS}{-whole:,} %" if whole < 0 else "0 %"


def plural(count: int, singular: str, many: str = "") -> str:
    """A count with its noun: "1 machine", "2,310 machines"."""
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"


FILTERS: dict[str, Any] = {
    "binary": format_binary, "decimal": format_decimal, "count": format_count, "day": day, "percent": percent,
    "duration": duration, "signed_percent": signed_percent, "plural": plural,
}  # fmt: skip
