"""What the database held at a revision: items, price observations and exchange rates, as facts in the order of recording."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session

from app.catalogue.facts import AliasFact, ItemFact, PriceFact, RateFact
from app.catalogue.rows import item_fact, price_fact, rate_fact
from app.catalogue.tables import Alias, ExchangeRate, Item, ItemVersion, ItemWithdrawal, PriceObservation, Revision, Withdrawal
from app.hardware import PartKind

MOST_NAMED = 1_000
"""Items that one query names; of more, all are read and the others left out: a database takes only so many values."""


def current_revision(session: Session) -> int:
    """The number of the newest revision, 0 before the first."""
    return session.scalar(select(func.max(Revision.id))) or 0


def revision_day(session: Session, revision: int) -> date | None:
    """The day on which a revision was recorded, None where there is no such revision."""
    recorded = session.get(Revision, revision)
    return recorded.at.date() if recorded else None


def items_at(session: Session, revision: int, kind: PartKind | None = None) -> list[ItemFact]:
    """Every item known at `revision`, as it was then."""
    newest = (
        select(ItemVersion.item_id, func.max(ItemVersion.revision_id).label("revision_id"))
        .where(ItemVersion.revision_id <= revision)
        .group_by(ItemVersion.item_id)
        .subquery()
    )
    withdrawn = exists().where(
        ItemWithdrawal.item_id == newest.c.item_id,
        ItemWithdrawal.revision_id > newest.c.revision_id,
        ItemWithdrawal.revision_id <= revision,
    )
    same = and_(newest.c.item_id == ItemVersion.item_id, newest.c.revision_id == ItemVersion.revision_id)
    query = select(Item, ItemVersion).join(ItemVersion, ItemVersion.item_id == Item.id).join(newest, same)
    query = query.where(~withdrawn).order_by(Item.id)
    if kind is not None:
        query = query.where(Item.kind == kind)
    return [item_fact(item.slug, item.kind, version) for item, version in session.execute(query)]


def changes_of(session: Session, revision: int, slug: str) -> list[Revision]:
    """Every revision up to `revision` that recorded a specification of the item, the first one first."""
    query = (
        select(Revision)
        .join(ItemVersion, ItemVersion.revision_id == Revision.id)
        .join(Item, Item.id == ItemVersion.item_id)
        .where(Item.slug == slug, Revision.id <= revision)
        .order_by(Revision.id)
    )
    return list(session.scalars(query))


def prices_at(session: Session, revision: int, slugs: Sequence[str] | None = None) -> list[PriceFact]:
    """Every price observation known and not withdrawn at `revision`, of all items or of those named."""
    withdrawn = exists().where(Withdrawal.price_id == PriceObservation.id, Withdrawal.revision_id <= revision)
    query = (
        select(Item.slug, *PriceObservation.__table__.columns)
        .join(Item, Item.id == PriceObservation.item_id)
        .where(PriceObservation.revision_id <= revision, ~withdrawn)
        .order_by(PriceObservation.id)
    )
    if slugs is None or len(slugs) > MOST_NAMED:
        wanted = None if slugs is None else set(slugs)
        return [price_fact(row.slug, row) for row in session.execute(query) if wanted is None or row.slug in wanted]
    return [price_fact(row.slug, row) for row in session.execute(query.where(Item.slug.in_(slugs)))]


def rates_at(session: Session, revision: int) -> list[RateFact]:
    """Every exchange rate known and not withdrawn at `revision`."""
    withdrawn = exists().where(Withdrawal.exchange_rate_id == ExchangeRate.id, Withdrawal.revision_id <= revision)
    query = select(*ExchangeRate.__table__.columns).where(ExchangeRate.revision_id <= revision, ~withdrawn).order_by(ExchangeRate.id)
    return [rate_fact(row) for row in session.execute(query)]


def aliases_at(session: Session, revision: int) -> list[AliasFact]:
    """The newest row of every other name known at `revision`, those that stand for nothing any more among them."""
    newest = (
        select(Alias.name, func.max(Alias.revision_id).label("revision_id"))
        .where(Alias.revision_id <= revision)
        .group_by(Alias.name)
        .subquery()
    )
    same = and_(newest.c.name == Alias.name, newest.c.revision_id == Alias.revision_id)
    query = select(Alias, Item.slug).join(newest, same).outerjoin(Item, Item.id == Alias.item_id).order_by(Alias.name)
    return [AliasFact(name=row.name, item=slug or "", source=row.source) for row, slug in session.execute(query)]
