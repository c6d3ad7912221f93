"""The JSON API."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from app.architectures import library
from app.catalogue.assemble import Snapshot
from app.catalogue.browse import find_items
from app.errors import InvalidInput
from app.estimation.capacity import capacity as capacity_of
from app.estimation.service import estimate_document
from app.results.permalinks import load_result
from app.units import GIB
from app.web.api.catalogue_query import CatalogueQuery, KindName
from app.web.api.description import problems, takes
from app.web.api.schemas import (
    AdviceAnswer,
    CapacityAnswer,
    CatalogueAnswer,
    EstimateAnswer,
    JointAdviceAnswer,
    ModelsAnswer,
    ResultAnswer,
    SharedAnswer,
    WhyNotAnswer,
)  # fmt: skip
from app.web.conditional import A_MINUTE, unless_known
from app.web.requests import JsonDocument
from app.web.results import result_document, share
from app.web.site import Site, SiteOf
from app.web.why_not import why_not_document
from app.workloads import parse_any_request, parse_capacity_request

MOST_MODELS = 100

router = APIRouter(prefix="/api/v1", tags=["Rigwise"])
_BODY = problems(400, 413, 415, 422)


@router.post("/estimate", openapi_extra=takes("WorkloadDocument"), responses={200: {"model": EstimateAnswer}, **_BODY})
def estimate(document: JsonDocument) -> JSONResponse:
    """What a workload needs: GPU memory, RAM, storage, work, each as a ledger."""
    return JSONResponse(estimate_document(document))


@router.post(
    "/advise",
    openapi_extra=takes("AdviseDocument"),
    responses={200: {"model": AdviceAnswer | JointAdviceAnswer}, **_BODY, **problems(503)},
)
def advise(document: JsonDocument, site: SiteOf) -> JSONResponse:
    """The best machines for a workload within limits, found by exact search of the current catalogue; or for several `workloads` on one
    machine, run one at a time (`together`: `either`) or all `at_once`."""
    return JSONResponse(site.advice(parse_any_request(document)))


@router.post("/why-not", openapi_extra=takes("WhyNotRequestDocument"), responses={200: {"model": WhyNotAnswer}, **_BODY, **problems(503)})
def why_not(document: JsonDocument, site: SiteOf) -> JSONResponse:
    """Why a part of the catalogue is not in the machine that is picked: the first thing that rules it out, or the price at which it
    would be."""
    return JSONResponse(why_not_document(document, site))


@router.post(
    "/capacity", openapi_extra=takes("CapacityRequestDocument"), responses={200: {"model": CapacityAnswer}, **_BODY, **problems(503)}
)
def capacity(document: JsonDocument, site: SiteOf) -> JSONResponse:
    """How large a workload may be on given cards: context, users, batch, sequence, and the most precise weight format."""
    asked = parse_capacity_request(document)
    gpu = site.catalogue.current().gpus.get(asked.gpu)
    if gpu is None:
        raise InvalidInput(f"there is no GPU '{asked.gpu[:60]}' in the catalogue; ids are listed at /api/v1/catalogue/gpus", "gpu")
    try:
        return JSONResponse(capacity_of(asked.workload, gpu, asked.gpus, round(asked.ram_gb * GIB) if asked.ram_gb else None).to_json())
    except InvalidInput as wrong:
        raise wrong.under("workload") from None


@router.post(
    "/results",
    status_code=201,
    openapi_extra=takes("AdviseDocument"),
    responses={201: {"model": SharedAnswer}, **_BODY, **problems(429, 503)},
)
def share_result(document: JsonDocument, site: SiteOf) -> JSONResponse:
    """Answer a request and keep both under an address that cannot be guessed."""
    result_id = share(document, site)
    return JSONResponse({"id": result_id, "url": f"/r/{result_id}"}, status_code=201, headers={"Location": f"/r/{result_id}"})


@router.get("/results/{result_id}", responses={200: {"model": ResultAnswer}, **problems(404, 422, 503)})
def shared_result(result_id: Annotated[str, Path(max_length=200)], site: SiteOf) -> JSONResponse:
    """A shared result as it was frozen."""
    return JSONResponse(
        result_document(load_result(site.database, result_id)), headers={"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}
    )


@router.get("/catalogue/{kind}", responses={200: {"model": CatalogueAnswer}, **problems(304, 404, 422, 503)})
def catalogue(request: Request, kind: KindName, asked: Annotated[CatalogueQuery, Query()], site: SiteOf) -> Response:
    """Items of one kind with their current prices and every observation, filtered and paged."""
    snapshot = site.catalogue.snapshot()
    return unless_known(request, lambda: _page(kind, asked, snapshot, site), snapshot.catalogue.revision, keep=A_MINUTE)


def _page(kind: str, asked: CatalogueQuery, snapshot: Snapshot, site: Site) -> Response:
    found = find_items(site.database, snapshot, kind, asked.filters())
    body = {"kind": kind, "revision": snapshot.catalogue.revision, "total": found.total, "page": found.page, "pages": found.pages}
    return JSONResponse({**body, "items": list(found.items)})


@router.get("/models", responses={200: {"model": ModelsAnswer}, **problems(422)})
def models(q: Annotated[str, Query(max_length=200)] = "") -> JSONResponse:
    """Models of the library whose names hold every word of `q`, the nearest first."""
    found = library.search(q, limit=MOST_MODELS)
    return JSONResponse({"models": [_model(entry) for entry in found]})


def _model(entry: library.ModelEntry) -> dict[str, Any]:
    return {"id": entry.id, "name": entry.name, "family": entry.family, "parameters": entry.parameters}
