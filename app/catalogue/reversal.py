"""Undoing one revision: what has to be recorded so that everything it changed is again as it was before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.catalogue.facts import AliasFact, Changes, ItemFact, PriceFact, RateFact
from app.catalogue.history import aliases_at, current_revision, items_at, prices_at
from app.catalogue.revisions import gpu_named_by
from app.catalogue.rows import price_fact, rate_fact
from app.catalogue.tables import Alias, ExchangeRate, Item, ItemVersion, ItemWithdrawal, PriceObservation, Withdrawal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """The changes that undo a revision, and what they leave alone because later revisions build on it, each in a sentence."""

    changes: Changes
    kept: tuple[str, ...]


def reversal_of(session: Session, revision: int) -> Reversal:
    """How to undo `revision` from the current state. Prices and rates that somebody withdrew since stay withdrawn."""
    prices = _prices(session, PriceObservation.revision_id == revision)
    items, kept = _items(session, revision, set(prices))
    return Reversal(
        changes=Changes(
            items=tuple(item for item in items if isinstance(item, ItemFact)),
            withdrawn_items=tuple(item for item in items if isinstance(item, str)),
            prices=tuple(_withdrawn_prices(session, revision)),
            withdrawn_prices=tuple(prices),
            rates=tuple(_withdrawn_rates(session, revision)),
            aliases=tuple(_aliases(session, revision)),
            withdrawn_rates=tuple(rate_fact(row) for row in session.execute(_rates().where(ExchangeRate.revision_id == revision))),
        ),
        kept=kept,
    )


def _items(session: Session, revision: int, prices: set[PriceFact]) -> tuple[list[ItemFact | str], tuple[str, ...]]:
    """Every item of the revision as it was before, or its id where there was none; and what has to stay, and why."""
    before = {item.id: item for item in items_at(session, revision - 1)}
    current = {item.id: item for item in items_at(session, current_revision(session))}
    named = _touched(session, revision)
    needed = _needed(session, [name for name in named if name not in before], current, prices)
    given = {alias.name for alias in _aliases(session, revision)}
    aliases = (alias for alias in aliases_at(session, current_revision(session)) if alias.name not in given)
    needed.update((alias.item, f"'{alias.name}' is another name of it") for alias in aliases)
    reversed_, kept = [], []
    for name, later in named.items():
        if later:
            kept.append(f"{name} stays as it is: revision {later} changed it since")
        elif name not in before and name in needed:
            kept.append(f"{name} stays: {needed[name]}")
        else:
            reversed_.append(before.get(name, name))
    return reversed_, tuple(kept)


def _touched(session: Session, revision: int) -> dict[str, int | None]:
    """The items that the revision recorded or withdrew, and the later revision that did so again, if any."""
    touched: dict[str, int | None] = {}
    for table in (ItemVersion, ItemWithdrawal):
        rows = select(Item.slug, table.revision_id).join(Item, Item.id == table.item_id)
        touched.update((slug, None) for slug, _ in session.execute(rows.where(table.revision_id == revision)))
    for table in (ItemVersion, ItemWithdrawal):
        rows = select(Item.slug, table.revision_id).join(Item, Item.id == table.item_id)
        later = session.execute(rows.where(table.revision_id > revision))
        touched.update((slug, number) for slug, number in later if slug in touched)
    return touched


def _needed(session: Session, added: Sequence[str], current: dict[str, ItemFact], prices: set[PriceFact]) -> dict[str, str]:
    """The added items that cannot go: others observed prices of them since, or another item names them."""
    needed = {gpu_named_by(item): f"{item.id} names it" for item in current.values() if item.id not in added}
    standing = prices_at(session, current_revision(session), added)
    needed.update((price.item, "prices of it were recorded since") for price in standing if price not in prices)
    return needed


def _prices(session: Session, condition: ColumnElement[bool]) -> list[PriceFact]:
    query = select(Item.slug, *PriceObservation.__table__.columns).join(Item, Item.id == PriceObservation.item_id)
    return [price_fact(row.slug, row) for row in session.execute(query.where(condition).order_by(PriceObservation.id))]


def _withdrawn_prices(session: Session, revision: int) -> Iterator[PriceFact]:
    withdrawn = select(Withdrawal.price_id).where(Withdrawal.revision_id == revision)
    yield from _prices(session, PriceObservation.id.in_(withdrawn))


def _aliases(session: Session, revision: int) -> Iterator[AliasFact]:
    """The names that the revision gave or took, as they were before; those that a later revision changed stay."""
    before = {alias.name: alias for alias in aliases_at(session, revision - 1)}
    for name, newest, source in session.execute(
        select(Alias.name, func.max(Alias.revision_id), func.max(Alias.source)).group_by(Alias.name)
    ):
        if newest == revision:
            yield before.get(name, AliasFact(name=name, source=source))


def _rates() -> Select[Any]:
    return select(*ExchangeRate.__table__.columns).order_by(ExchangeRate.id)


def _withdrawn_rates(session: Session, revision: int) -> Iterator[RateFact]:
    withdrawn = select(Withdrawal.exchange_rate_id).where(Withdrawal.revision_id == revision)
    yield from (rate_fact(row) for row in session.execute(_rates().where(ExchangeRate.id.in_(withdrawn))))
