"""The admin pages. Every router is listed with the role that all of its routes need; the navigation is in `contexts/admin/frame`."""

from fastapi import APIRouter, Depends

from app.accounts.roles import Role
from app.web.access import require
from app.web.routes.admin import (
    account,
    audit,
    dashboard,
    imports,
    items,
    pasted_prices,
    prices,
    rates,
    revisions,
    rollback,
    sign_in,
    sign_out,
    users,
)

GUARDED: tuple[tuple[APIRouter, Role], ...] = (
    (dashboard.router, "editor"),
    (items.router, "editor"),
    (prices.router, "editor"),
    (imports.router, "editor"),
    (revisions.router, "editor"),
    (rollback.router, "admin"),
    (pasted_prices.router, "editor"),
    (rates.router, "editor"),
    (audit.router, "admin"),
    (users.router, "admin"),
    (account.router, "editor"),
    (sign_out.router, "editor"),
)

router = APIRouter(include_in_schema=False)
router.include_router(sign_in.router)  # the one page for strangers
for _guarded, _role in GUARDED:
    router.include_router(_guarded, dependencies=[Depends(require(_role))])
