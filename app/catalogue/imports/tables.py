"""The tables of imports: each file that was staged or applied, the verdicts on its rows, and how each source is read.

Unlike the catalogue's own tables these are working papers: a batch moves from state to state, and its rows go with it when it is dropped.
"""

from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import JSON, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcTime

State = Literal["queued", "ready", "applying", "applied", "undone", "failed", "discarded"]
"""queued: waits to be read or is being read; ready: judged, waits for a decision; the others as they say."""

_STATES = ", ".join(f"'{state}'" for state in get_args(State))


class ImportBatch(Base):
    """One file: who brought it, how it is read, what would come or came of it."""

    __tablename__ = "import_batch"
    __table_args__ = (CheckConstraint(f"state IN ({_STATES})", name="state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    touched_at: Mapped[datetime] = mapped_column(UtcTime)  # when it was last worked on: one that rests too long is taken up anew
    actor: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(400), default="")
    file_name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # while it may still be read
    profile: Mapped[dict[str, Any]] = mapped_column(JSON)
    format: Mapped[str] = mapped_column(String(80), default="")
    rows: Mapped[int] = mapped_column(Integer, default=0)  # read so far
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    accepted: Mapped[list[int]] = mapped_column(JSON, default=list)  # lines whose jumps were confirmed
    consequences: Mapped[list[Any] | None] = mapped_column(JSON)  # None: not worked out yet
    message: Mapped[str] = mapped_column(Text, default="")
    base_revision: Mapped[int] = mapped_column(Integer, default=0)  # against which it was judged
    revision_id: Mapped[int | None] = mapped_column(ForeignKey("revision.id"))
    undone_revision_id: Mapped[int | None] = mapped_column(ForeignKey("revision.id"))


class ImportRow(Base):
    """The verdict on what one row of a staged file says."""

    __tablename__ = "import_row"
    __table_args__ = (
        ForeignKeyConstraint(["batch_id"], ["import_batch.id"]),
        Index("ix_import_row_batch_id_verdict", "batch_id", "verdict"),
    )

    batch_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # in the order of reading; a row that says two things has two
    line: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(200))
    item: Mapped[str] = mapped_column(String(120))
    was: Mapped[str] = mapped_column(Text)
    would_be: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class ImportSource(Base):
    """How the files of one source are read, so that its next file needs no questions."""

    __tablename__ = "import_source"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    profile: Mapped[dict[str, Any]] = mapped_column(JSON)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
