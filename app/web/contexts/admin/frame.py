"""The frame around every admin page: where one can go, who one is, what was just done."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.accounts.roles import Role, allows
from app.accounts.sessions import SignedIn


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation."""

    label: str
    address: str
    role: Role = "editor"  # who sees it


NAVIGATION: tuple[Entry, ...] = (
    Entry("Dashboard", "/admin"),
    Entry("Items", "/admin/items"),
    Entry("Prices", "/admin/prices"),
    Entry("Imports", "/admin/imports"),
    Entry("Exchange rates", "/admin/rates"),
    Entry("Revisions", "/admin/revisions"),
    Entry("Audit", "/admin/audit", "admin"),
    Entry("Users", "/admin/users", "admin"),
    Entry("Account", "/admin/account"),
)
"""A new page gets a line here and its router a line in `app/web/routes/admin`."""

NOTICES: Mapping[str, str] = {
    "signed-out": "You are signed out.",
    "password": "Your password is changed. Every other session of yours has ended.",
    "item-added": "The item is in the catalogue. Give it a price next.",
    "item-saved": "Saved as a new revision.",
    "nothing-changed": "Nothing differs from what is recorded, so there is no new revision.",
    "alias-added": "The item is found under that name from now on.",
    "alias-removed": "That name stands for nothing any more.",
    "price-added": "The price is recorded.",
    "price-withdrawn": "The price counts no longer. It stays in the history.",
    "rolled-back": "Rolled back. This is the new revision.",
    "import-discarded": "The file is discarded. Nothing was changed.",
    "import-undone": "Undone, by a new revision.",
    "rate-added": "The rate is recorded.",
    "user-changed": "Done.",
    "prices-added": "The prices are recorded. This is the revision that holds them.",
    "session-ended": "The session has ended.",
    "sessions-ended": "Every other session of yours has ended.",
    "factor-off": "Signing in needs the password alone again.",
}
"""Sentences after an act, by the word that stands in the address: ?done=password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminFrame:
    """What layouts/admin.html reads."""

    user: str
    role: str
    entries: tuple[tuple[Entry, bool], ...]  # with whether it is the page at hand
    notice: str
    revision: int  # that the act made, whose consequences are told; 0 where there is none


def admin_frame(who: SignedIn, path: str, done: str, revision: str) -> AdminFrame:
    """The frame for a user at an address, after an act that may have made a revision."""
    seen = [entry for entry in NAVIGATION if allows(who.role, entry.role)]
    current = max((entry.address for entry in seen if _within(path, entry.address)), key=len, default="")
    return AdminFrame(
        user=who.name,
        role=who.role,
        entries=tuple((entry, entry.address == current) for entry in seen),
        notice=NOTICES.get(done, ""),
        revision=int(revision) if revision.isdecimal() and len(revision) < 10 else 0,
    )


def _within(path: str, address: str) -> bool:
    return path == address or (address != "/admin" and path.startswith(f"{address}/"))
