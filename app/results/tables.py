"""The table of shared results."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcTime


class Result(Base):
    """A request and its answer as they were, under an address that cannot be guessed. A trigger refuses every change."""

    __tablename__ = "result"
    __table_args__ = (CheckConstraint("length(id) = 22", name="id"),)

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), index=True)
    schema_version: Mapped[int]
    estimator_version: Mapped[str] = mapped_column(String(40))
    request: Mapped[str] = mapped_column(Text)
    advice: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))
