"""The chain of hashes over the revisions: whoever changes a recorded fact breaks it for everybody to see."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC
from itertools import chain
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.rows import Values, stored_alias_values, stored_item_values, stored_price_values, stored_rate_values
from app.catalogue.tables import (
    FIRST_HASH,
    Alias,
    ExchangeRate,
    Item,
    ItemVersion,
    ItemWithdrawal,
    PriceObservation,
    Revision,
    Withdrawal,
)
from app.database import Database, has_table

Entry = tuple[str, str, Values]
"""One recorded fact: what it is ("gpu", "price", "withdrawn price" ...), of which item, and its values."""


def chained_hash(revision: Revision, entries: Iterable[Entry]) -> str:
    """SHA-256 over the hash before, who, when, why, and every fact of the revision in a fixed order."""
    head = {
        "id": revision.id,
        "parent": revision.parent_id,
        "at": revision.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "actor": revision.actor,
        "kind": revision.kind,
        "reason": revision.reason,
        "batch": revision.batch,
    }
    lines = [revision.prev_hash, _canonical(head), *sorted(_canonical(entry) for entry in entries)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def check(database: Database) -> tuple[str, ...]:
    """Everything wrong with the recorded history, each in one sentence; nothing where all revisions hold."""
    with database.read() as session:
        entries = _entries_by_revision(session)
        revisions = session.scalars(select(Revision).order_by(Revision.id)).all()
        problems, before, number = [], FIRST_HASH, 0
        for revision in revisions:
            number += 1
            if revision.id != number:
                problems.append(f"revision {number} is missing: the next one is {revision.id}")
                number = revision.id
            if revision.prev_hash != before:
                problems.append(f"revision {revision.id} does not follow the revision before it")
            if chained_hash(revision, entries[revision.id]) != revision.hash:
                problems.append(f"revision {revision.id} of {revision.at:%Y-%m-%d} was changed after it was recorded")
            before = revision.hash
        return tuple(problems)


def _entries_by_revision(session: Session) -> defaultdict[int, list[Entry]]:
    entries: defaultdict[int, list[Entry]] = defaultdict(list)
    for revision, entry in chain(_items(session), _prices_and_rates(session), _aliases(session), _withdrawn_items(session)):
        entries[revision].append(entry)
    return entries


def _items(session: Session) -> Iterator[tuple[int, Entry]]:
    for version, item in session.execute(select(ItemVersion, Item).join(Item, Item.id == ItemVersion.item_id)):
        yield version.revision_id, (item.kind, item.slug, stored_item_values(version))


def _prices_and_rates(session: Session) -> Iterator[tuple[int, Entry]]:
    """Those that were added, and those that were withdrawn."""
    every_price = select(Item.slug, *PriceObservation.__table__.columns).join(Item, Item.id == PriceObservation.item_id)
    prices = {price.id: price for price in session.execute(every_price)}
    rates = {rate.id: rate for rate in session.scalars(select(ExchangeRate))}
    for price in prices.values():
        yield price.revision_id, ("price", price.slug, stored_price_values(price))
    for rate in rates.values():
        yield rate.revision_id, ("rate", "", stored_rate_values(rate))
    for withdrawal in session.scalars(select(Withdrawal)):
        if withdrawal.price_id is not None:
            price = prices[withdrawal.price_id]
            yield withdrawal.revision_id, ("withdrawn price", price.slug, stored_price_values(price))
        elif withdrawal.exchange_rate_id is not None:
            yield withdrawal.revision_id, ("withdrawn rate", "", stored_rate_values(rates[withdrawal.exchange_rate_id]))


def _aliases(session: Session) -> Iterator[tuple[int, Entry]]:
    if has_table(session, Alias):  # a backup may be older than they are
        for alias, slug in session.execute(select(Alias, Item.slug).outerjoin(Item, Item.id == Alias.item_id)):
            yield alias.revision_id, ("alias", slug or "", stored_alias_values(alias))


def _withdrawn_items(session: Session) -> Iterator[tuple[int, Entry]]:
    if has_table(session, ItemWithdrawal):
        withdrawn = select(ItemWithdrawal.revision_id, Item.slug).join(Item, Item.id == ItemWithdrawal.item_id)
        yield from ((revision, ("withdrawn item", slug, {})) for revision, slug in session.execute(withdrawn))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
