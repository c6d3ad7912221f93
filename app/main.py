"""The web application, put together: one site, its middleware, its routes."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError

from app import __version__
from app.catalogue.snapshot import CatalogueCache
from app.database import POOL_SIZE, Database
from app.errors import Busy, Damaged
from app.hub.client import Hub
from app.logs import configure_logging
from app.settings import Settings, get_settings
from app.web.api.description import describe
from app.web.assets import Assets
from app.web.errors import install_error_handlers
from app.web.import_worker import ImportWorker
from app.web.interruptions import install_interruptions
from app.web.middleware.body_limit import BodyLimit
from app.web.middleware.compression import Compression
from app.web.middleware.overload import Overload
from app.web.middleware.request_log import RequestLog
from app.web.middleware.request_metrics import RequestMetrics
from app.web.middleware.same_origin import SameOrigin
from app.web.middleware.security_headers import SecurityHeaders
from app.web.middleware.throttle import Throttle
from app.web.routes import ROUTERS
from app.web.site import Site

# The first one is the outermost: whatever answers inside it passes through it.
MIDDLEWARE = (SecurityHeaders, RequestLog, RequestMetrics, Compression, Overload, BodyLimit, SameOrigin, Throttle)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application for these settings (those of the environment where none are given)."""
    app = FastAPI(title="Rigwise", version=__version__, docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.state.settings = settings or get_settings()
    install_error_handlers(app)
    install_interruptions(app)
    for middleware in reversed(MIDDLEWARE):
        app.add_middleware(middleware)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", Assets(), name="static")
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the database for as long as the application runs."""
    configure_logging()
    current_default_thread_limiter().total_tokens = POOL_SIZE  # more threads would only wait for a connection, and for each other
    settings: Settings = app.state.settings
    database = Database(settings.database_url)
    app.state.site = Site(
        settings=settings, database=database, catalogue=CatalogueCache(database), hub=Hub() if settings.hub else None
    )  # fmt: skip
    _settle(app.state.site)
    app.state.imports = ImportWorker(database)
    app.state.imports.start()
    try:
        yield
    finally:
        app.state.imports.stop()
        database.close()


def _settle(site: Site) -> None:
    """Read the catalogue before the first visitor asks, and spare the garbage collector what lives as long as the process."""
    with suppress(Busy, Damaged, DBAPIError):  # /readyz tells
        site.catalogue.snapshot()
    gc.collect()
    gc.freeze()
    gc.enable()  # off since `rigwise serve` began
