"""The tables of the catalogue. Rows are only ever added: triggers refuse every change and removal (see the first migration)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.facts import Confidence, PriceKind, RevisionKind, Status
from app.database import Base, ExactDecimal, UtcTime
from app.hardware import Condition, PartKind

FIRST_HASH = "0" * 64
"""What stands for the hash before the first revision."""


def _one_of(column: str, literal: Any) -> CheckConstraint:
    """Only the values that the type names."""
    values = ", ".join(f"'{value}'" for value in get_args(literal))
    return CheckConstraint(f"{column} IN ({values})", name=column)


class Revision(Base):
    """One change of the catalogue: when, who, why. Numbered without gaps and chained by hashes."""

    __tablename__ = "revision"
    __table_args__ = (_one_of("kind", RevisionKind),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("revision.id"))
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(400))
    batch: Mapped[str] = mapped_column(String(200), default="")
    prev_hash: Mapped[str] = mapped_column(String(64), default=FIRST_HASH)
    hash: Mapped[str] = mapped_column(String(64))


class Item(Base):
    """A thing that the catalogue knows, under a name that never changes."""

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("slug"),
        _one_of("kind", PartKind),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    slug: Mapped[str] = mapped_column(String(120))


class ItemVersion(Base):
    """What an item is from one revision on."""

    __tablename__ = "item_version"
    __table_args__ = (
        _one_of("status", Status),
        _one_of("confidence", Confidence),
    )

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), primary_key=True, index=True)
    name: Mapped[str] = mapped_column(String(200))
    vendor: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(16))
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    source: Mapped[str] = mapped_column(String(400))
    as_of: Mapped[date]
    confidence: Mapped[str] = mapped_column(String(8))
    notes: Mapped[str] = mapped_column(Text)


class PriceObservation(Base):
    """One price that was seen: of what, how much, where, when, by whom."""

    __tablename__ = "price"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("length(currency) = 3", name="currency"),
        _one_of("condition", Condition),
        _one_of("kind", PriceKind),
        Index("ix_price_item_id_observed_on", "item_id", "observed_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    condition: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    region: Mapped[str] = mapped_column(String(40))
    tax_included: Mapped[bool | None]
    shop: Mapped[str] = mapped_column(String(80))
    url: Mapped[str] = mapped_column(String(400))
    observed_on: Mapped[date]
    source: Mapped[str] = mapped_column(String(400))
    note: Mapped[str] = mapped_column(Text)


class ExchangeRate(Base):
    """Units of a currency per euro on one day."""

    __tablename__ = "exchange_rate"
    __table_args__ = (CheckConstraint("length(currency) = 3", name="currency"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    per_euro: Mapped[Decimal] = mapped_column(ExactDecimal)
    as_of: Mapped[date]
    source: Mapped[str] = mapped_column(String(400))


class Alias(Base):
    """Another name of an item. The newest row of a name counts; one without an item says that the name counts no longer."""

    __tablename__ = "alias"
    __table_args__ = (UniqueConstraint("name", "revision_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), index=True)
    item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(400))


class Withdrawal(Base):
    """A price or a rate that counts no longer from a revision on: how a wrong import is undone without being forgotten."""

    __tablename__ = "withdrawal"
    __table_args__ = (
        CheckConstraint("(price_id IS NULL) <> (exchange_rate_id IS NULL)", name="one_thing"),
        UniqueConstraint("price_id"),
        UniqueConstraint("exchange_rate_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), index=True)
    price_id: Mapped[int | None] = mapped_column(ForeignKey("price.id"))
    exchange_rate_id: Mapped[int | None] = mapped_column(ForeignKey("exchange_rate.id"))


class ItemWithdrawal(Base):
    """An item that the catalogue does not have from a revision on, until it is recorded anew: the import that added it was undone."""

    __tablename__ = "item_withdrawal"

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), primary_key=True, index=True)
