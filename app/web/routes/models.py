"""The model library: search results under the form's field, and the whole list as a page."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.architectures import library
from app.units import format_count
from app.web.advisor_page import model_options
from app.web.contexts.form import ModelOption
from app.web.names import IMAGE_FAMILIES
from app.web.render import page, part, wants_fragment

MOST_ROWS = 500

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model of the list, with the address of the form that names it."""

    id: str
    name: str
    family: str
    parameters: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsPage:
    """Context of pages/models.html and partials/_model_options.html."""

    query: str
    options: tuple[ModelOption, ...]
    rows: tuple[ModelRow, ...]


@router.get("/models")
def models(request: Request, model: str = "") -> Response:
    """The models whose name holds the words of `model`."""
    if wants_fragment(request):
        return part("fragments/model_options.html", ModelsPage(query=model, options=model_options(model), rows=())).response()
    rows = tuple(_row(entry) for entry in library.search(model, limit=MOST_ROWS))
    return page(request, "pages/models.html", ModelsPage(query=model, options=(), rows=rows))


def _row(entry: library.ModelEntry) -> ModelRow:
    task = "images" if entry.family in IMAGE_FAMILIES else "run"
    return ModelRow(
        id=entry.id,
        name=entry.name,
        family=entry.family.replace("_", "-"),
        parameters=format_count(entry.parameters),
        href=f"/?task={task}&model={entry.id}",
    )
