"""Changing the catalogue from a page: one revision and one entry of the audit log, both or neither."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app import clock
from app.accounts import audit
from app.accounts.sessions import SignedIn
from app.catalogue.facts import Changes, RevisionKind
from app.catalogue.history import current_revision
from app.catalogue.revisions import Occasion, record
from app.web.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody does: its name in the audit log, to what, and the revision that comes of it."""

    name: str
    subject: str
    kind: RevisionKind
    reason: str
    batch: str = ""


def record_act(
    site: Site, who: SignedIn, act: Act, changes: Callable[[Session], Changes], then: Callable[[Session, int], None] | None = None
) -> int | None:
    """Records what `changes` works out inside the writing transaction; the new revision, None where nothing differs.

    `then` does in the same transaction what follows from the new revision. Raises what the three raise; nothing is changed then.
    """
    now = clock.now()
    with site.database.write() as session:
        before = current_revision(session)
        occasion = Occasion(at=now, actor=who.name, kind=act.kind, reason=act.reason, batch=act.batch)
        revision = record(session, changes(session), occasion)
        if revision == before:
            return None
        if then:
            then(session, revision)
        audit.note(session, who.actor, act.name, act.subject, f"revision {revision}: {act.reason}", at=now)
        return revision
