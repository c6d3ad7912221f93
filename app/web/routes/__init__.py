"""Routes, one file for each page or group of addresses. A route reads the form, calls one service and answers."""

from fastapi import APIRouter

from app.web.routes import (
    accuracy,
    admin,
    advisor,
    api,
    catalogue,
    compare,
    docs,
    health,
    jobs,
    levers,
    method,
    metrics,
    models,
    results,
    theme,
    what_if,
    why_not,
)

ROUTERS: tuple[APIRouter, ...] = (
    advisor.router, levers.router, what_if.router, why_not.router, models.router, results.router, catalogue.router, compare.router,
    method.router, accuracy.router, theme.router, api.router, docs.router, health.router, jobs.router,
    admin.router, metrics.router,
)  # fmt: skip
