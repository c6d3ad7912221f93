"""What a set of changes does, or what a revision did: every item field by field, every price, rate and name in a line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.catalogue.editing import flat
from app.catalogue.facts import AliasFact, Changes, ItemFact, PriceFact, RateFact
from app.catalogue.history import items_at
from app.catalogue.rows import price_fact, rate_fact
from app.catalogue.tables import Alias, ExchangeRate, Item, ItemVersion, ItemWithdrawal, PriceObservation, Withdrawal

Verdict = Literal["new", "changed", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One field of an item that changes."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """One item that is added, changed or withdrawn."""

    id: str
    name: str
    verdict: Verdict
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything that a revision changes."""

    items: tuple[ItemChange, ...]
    prices: tuple[PriceFact, ...]
    withdrawn_prices: tuple[PriceFact, ...]
    rates: tuple[RateFact, ...]
    withdrawn_rates: tuple[RateFact, ...]
    aliases: tuple[AliasFact, ...]


def difference_of(session: Session, revision: int) -> Difference:
    """What a revision did."""
    return difference(items_at(session, revision - 1), changes_of(session, revision))


def difference(before: Iterable[ItemFact], changes: Changes) -> Difference:
    """What changes would do to the items of before."""
    known = {item.id: item for item in before}
    added = [_item_change(known.get(item.id), item) for item in changes.items]
    gone = [ItemChange(id=name, name=known[name].name, verdict="withdrawn") for name in changes.withdrawn_items if name in known]
    return Difference(
        items=(*added, *gone),
        prices=changes.prices,
        withdrawn_prices=changes.withdrawn_prices,
        rates=changes.rates,
        withdrawn_rates=changes.withdrawn_rates,
        aliases=changes.aliases,
    )


def changes_of(session: Session, revision: int) -> Changes:
    """The changes that a revision recorded."""
    gone_prices, gone_rates = _withdrawn(Withdrawal.price_id, revision), _withdrawn(Withdrawal.exchange_rate_id, revision)
    return Changes(
        items=tuple(_items(session, revision)),
        prices=tuple(_prices(session, PriceObservation.revision_id == revision)),
        rates=tuple(_rates(session, ExchangeRate.revision_id == revision)),
        aliases=tuple(_aliases(session, revision)),
        withdrawn_prices=tuple(_prices(session, PriceObservation.id.in_(gone_prices))),
        withdrawn_rates=tuple(_rates(session, ExchangeRate.id.in_(gone_rates))),
        withdrawn_items=tuple(session.scalars(_withdrawn_items(revision))),
    )


def _item_change(before: ItemFact | None, after: ItemFact) -> ItemChange:
    then, now = flat(before) if before else {}, flat(after)
    cells = tuple(Cell(name=name, before=then.get(name), after=value) for name, value in now.items() if then.get(name) != value)
    return ItemChange(id=after.id, name=after.name, verdict="changed" if before else "new", cells=cells if before else ())


def _items(session: Session, revision: int) -> Iterator[ItemFact]:
    recorded = select(Item.slug).join(ItemVersion, ItemVersion.item_id == Item.id).where(ItemVersion.revision_id == revision)
    named = set(session.scalars(recorded))
    yield from (item for item in items_at(session, revision) if item.id in named)


def _prices(session: Session, condition: ColumnElement[bool]) -> Iterator[PriceFact]:
    query = select(Item.slug, *PriceObservation.__table__.columns).join(Item, Item.id == PriceObservation.item_id)
    yield from (price_fact(row.slug, row) for row in session.execute(query.where(condition).order_by(PriceObservation.id)))


def _rates(session: Session, condition: ColumnElement[bool]) -> Iterator[RateFact]:
    query = select(*ExchangeRate.__table__.columns).where(condition).order_by(ExchangeRate.id)
    yield from (rate_fact(row) for row in session.execute(query))


def _withdrawn(column: Any, revision: int) -> Any:
    return select(column).where(Withdrawal.revision_id == revision, column.is_not(None))


def _withdrawn_items(revision: int) -> Any:
    return select(Item.slug).join(ItemWithdrawal, ItemWithdrawal.item_id == Item.id).where(ItemWithdrawal.revision_id == revision)


def _aliases(session: Session, revision: int) -> Iterator[AliasFact]:
    query = select(Alias, Item.slug).outerjoin(Item, Item.id == Alias.item_id).where(Alias.revision_id == revision)
    yield from (AliasFact(name=row.name, item=slug or "", source=row.source) for row, slug in session.execute(query))
