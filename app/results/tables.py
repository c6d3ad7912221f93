"""The table of shared results."""

import base64
import zlib
from datetime import datetime

from sqlalchemy import CheckConstraint, Dialect, ForeignKey, String, Text, TypeDecorator
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcTime

_PACKED = "z:"


def packed(text: str) -> str:
    """A JSON text as it is kept: deflated, about a tenth of its length, in letters that never begin like JSON."""
    return _PACKED + base64.b85encode(zlib.compress(text.encode(), level=9)).decode()


class PackedJson(TypeDecorator[str]):
    """JSON text, packed. Text that was stored before there was packing is read as it is."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """What is stored."""
        return None if value is None else packed(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """The JSON text."""
        if value is None or not value.startswith(_PACKED):
            return value
        return zlib.decompress(base64.b85decode(value.removeprefix(_PACKED))).decode()


class Result(Base):
    """A request and its answer as they were, under an address that cannot be guessed. A trigger refuses every change."""

    __tablename__ = "result"
    __table_args__ = (CheckConstraint("length(id) = 22", name="id"),)

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), index=True)
    schema_version: Mapped[int]
    estimator_version: Mapped[str] = mapped_column(String(40))
    request: Mapped[str] = mapped_column(PackedJson)
    advice: Mapped[str] = mapped_column(PackedJson)
    fingerprint: Mapped[str] = mapped_column(String(64))
