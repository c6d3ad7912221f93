"""Whether the process runs, and whether it can serve."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.errors import Busy, Damaged
from app.migrate import is_current
from app.web.site import Site, SiteOf

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> JSONResponse:
    """200 as long as the process answers, even while every thread is busy."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def readyz(site: SiteOf) -> JSONResponse:
    """200 where the database is at this program's schema and holds a catalogue, else 503 with what is missing."""
    missing = _missing(site)
    return JSONResponse({"status": "not ready", "missing": missing} if missing else {"status": "ok"}, status_code=503 if missing else 200)


def _missing(site: Site) -> str:
    try:
        if not is_current(site.database):
            return "the database is not migrated: run `rigwise migrate`"
        return "" if site.catalogue.current().revision else "the catalogue is empty: run `rigwise seed`"
    except (Busy, Damaged) as error:
        return str(error)
