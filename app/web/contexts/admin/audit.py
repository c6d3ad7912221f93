"""The audit log as it is shown: who did what, when, and from which network."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.accounts.tables import AuditEntry
from app.web.contexts.admin.account import moment
from app.web.contexts.admin.fields import AdminForm


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry."""

    number: int
    at: str
    actor: str
    act: str
    subject: str
    detail: str
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Context of pages/admin/audit.html."""

    form: AdminForm
    rows: tuple[AuditRow, ...]
    older_href: str
    csv_href: str


def audit_rows(entries: Sequence[AuditEntry]) -> tuple[AuditRow, ...]:
    """Entries as rows."""
    return tuple(
        AuditRow(
            number=one.id, at=moment(one.at), actor=one.actor, act=one.act, subject=one.subject, detail=one.detail, network=one.network
        )
        for one in entries
    )  # fmt: skip
