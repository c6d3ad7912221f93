"""Figures for Prometheus, for whoever has the token."""

import hmac

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.backup.backups import last_backup
from app.errors import NotFound
from app.web.metrics import CATALOGUE_REVISION, LAST_BACKUP, exposition
from app.web.site import SiteOf

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
def metrics(request: Request, site: SiteOf) -> Response:
    """Prometheus' text format; 404 without a token in the settings, or without the right one in the request."""
    token = site.settings.metrics_token
    offered = request.headers.get("authorization", "").encode()
    if token is None or not hmac.compare_digest(offered, f"Bearer {token.get_secret_value()}".encode()):
        raise NotFound("there is nothing at this address")
    CATALOGUE_REVISION.set(site.catalogue.current().revision)
    newest = last_backup(site.database)
    LAST_BACKUP.set(newest.made_at.timestamp() if newest else 0)
    return Response(exposition(), media_type=CONTENT_TYPE_LATEST)
