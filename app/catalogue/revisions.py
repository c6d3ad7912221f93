"""Recording: a set of changes becomes exactly one revision, or none where nothing differs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session

from app.catalogue.chain import Entry, chained_hash
from app.catalogue.facts import Changes, ItemFact, PriceFact, RateFact, RevisionKind
from app.catalogue.history import MOST_NAMED, aliases_at, current_revision, items_at, prices_at, rates_at
from app.catalogue.rows import Values, alias_values, item_values, price_fact, price_values, rate_fact, rate_values
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
from app.database import Base
from app.errors import FieldError, InvalidInput
from app.hardware import PartKind

_NAMES_GPU: dict[PartKind, str] = {"platform": "included_gpu", "cloud": "gpu"}  # the field that holds the id of a GPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """When, by whom and why the catalogue is changed. `batch` names the file or import it comes from."""

    at: datetime
    actor: str
    kind: RevisionKind
    reason: str
    batch: str = ""


def record(session: Session, changes: Changes, occasion: Occasion) -> int:
    """Records what `changes` says and the catalogue does not, as one revision; returns the number of the current revision.

    Must run inside `Database.write()`, so that nobody changes the catalogue in between. Raises InvalidInput where a price
    names an unknown item, a system or an offer an unknown GPU, an item would change its kind, or one is withdrawn that
    something else still needs.
    """
    last = session.scalars(select(Revision).order_by(Revision.id.desc()).limit(1)).first()
    parent = last.id if last else 0
    known = {item.id: item for item in items_at(session, parent)}
    news = _news(session, parent, known, changes)
    if not news:
        return parent
    _refuse_dangling(session, known, news)
    revision = Revision(
        id=parent + 1,
        parent_id=last.id if last else None,
        prev_hash=last.hash if last else FIRST_HASH,
        **{name: getattr(occasion, name) for name in ("at", "actor", "kind", "reason", "batch")},
    )
    revision.hash = chained_hash(revision, _entries(news))
    session.add(revision)
    session.flush()
    _insert(session, revision.id, news)
    return revision.id


def _news(session: Session, parent: int, known: dict[str, ItemFact], changes: Changes) -> Changes:
    """The part of the changes that differs from what is recorded, each fact once."""
    priced = {price.item for price in (*changes.prices, *changes.withdrawn_prices)}
    prices, rates = set(prices_at(session, parent, sorted(priced))), set(rates_at(session, parent))
    aliases = {alias.name: alias.item for alias in aliases_at(session, parent)}
    moved = {*changes.withdrawn_prices, *changes.withdrawn_rates}  # withdrawn and recorded again: it goes to the end of its list
    newest, named = {item.id: item for item in changes.items}, {alias.name: alias for alias in changes.aliases}
    return Changes(
        items=tuple(item for item in newest.values() if known.get(item.id) != item),
        prices=tuple(fact for fact in dict.fromkeys(changes.prices) if fact not in prices or fact in moved),
        rates=tuple(fact for fact in dict.fromkeys(changes.rates) if fact not in rates or fact in moved),
        aliases=tuple(alias for alias in named.values() if alias.item != aliases.get(alias.name, "")),
        withdrawn_prices=tuple(fact for fact in dict.fromkeys(changes.withdrawn_prices) if fact in prices),
        withdrawn_rates=tuple(fact for fact in dict.fromkeys(changes.withdrawn_rates) if fact in rates),
        withdrawn_items=tuple(name for name in dict.fromkeys(changes.withdrawn_items) if name in known),
    )


def _refuse_dangling(session: Session, known: dict[str, ItemFact], news: Changes) -> None:
    items = {name: item for name, item in known.items() if name not in news.withdrawn_items}
    items |= {item.id: item for item in news.items}
    problems = [*_changed_kinds(session, news), *_dangling(items, news)]
    if news.withdrawn_items:
        problems += _still_priced(session, news)
    if problems:
        raise InvalidInput([FieldError(path=path, message=message) for path, message in problems])


def _changed_kinds(session: Session, news: Changes) -> Iterator[tuple[str, str]]:
    """Items that would turn into something else than they ever were."""
    kinds = dict(session.execute(select(Item.slug, Item.kind)).all()) if news.items else {}
    for item in news.items:
        if (before := kinds.get(item.id, item.kind)) != item.kind:
            yield item.id, f"it is recorded as {before} and cannot become {item.kind}; choose another id"


def _dangling(items: dict[str, ItemFact], news: Changes) -> Iterator[tuple[str, str]]:
    """The path and the sentence of everything that would refer to nothing."""
    for item in items.values() if news.withdrawn_items else news.items:
        gpu = gpu_named_by(item)
        if gpu and (gpu not in items or items[gpu].kind != "gpu"):
            yield item.id, f"it names the GPU '{gpu}', which the catalogue does not have; add that GPU first"
    for price in news.prices:
        if price.item not in items:
            yield price.item, "there is a price for it, but the catalogue does not have it; add the item first"
    yield from _dangling_aliases(items, news)


def _dangling_aliases(items: dict[str, ItemFact], news: Changes) -> Iterator[tuple[str, str]]:
    for alias in news.aliases:
        if alias.item and alias.item not in items:
            yield alias.name, f"it would stand for '{alias.item}', which the catalogue does not have; add the item first"
        if alias.name in items and alias.item != alias.name:
            yield alias.name, "it is the id of an item and cannot stand for another one"


def _still_priced(session: Session, news: Changes) -> Iterator[tuple[str, str]]:
    """Items that would go while prices of theirs stay."""
    gone = set(news.withdrawn_prices)
    standing = prices_at(session, current_revision(session), news.withdrawn_items)
    for name in dict.fromkeys(price.item for price in standing if price not in gone):
        yield name, "it cannot be withdrawn while it has prices; withdraw those too"


def gpu_named_by(item: ItemFact) -> str:
    """The id of the GPU that a system includes or an offer rents out; empty where there is none."""
    return str(getattr(item.spec, _NAMES_GPU.get(item.kind, ""), ""))


def _entries(news: Changes) -> Iterator[Entry]:
    yield from ((item.kind, item.id, item_values(item)) for item in news.items)
    yield from (("price", price.item, price_values(price)) for price in news.prices)
    yield from (("rate", "", rate_values(rate)) for rate in news.rates)
    yield from (("alias", alias.item, alias_values(alias)) for alias in news.aliases)
    yield from (("withdrawn price", price.item, price_values(price)) for price in news.withdrawn_prices)
    yield from (("withdrawn rate", "", rate_values(rate)) for rate in news.withdrawn_rates)
    yield from (("withdrawn item", name, {}) for name in news.withdrawn_items)


def _insert(session: Session, revision: int, news: Changes) -> None:
    ids = _item_ids(session, news.items)
    _insert_all(session, Withdrawal, ({"price_id": number} for number in _price_ids(session, news.withdrawn_prices)), revision)
    _insert_all(session, Withdrawal, ({"exchange_rate_id": number} for number in _rate_ids(session, news.withdrawn_rates)), revision)
    _insert_all(session, ItemVersion, ({"item_id": ids[fact.id], **item_values(fact)} for fact in news.items), revision)
    _insert_all(session, PriceObservation, ({"item_id": ids[fact.item], **price_values(fact)} for fact in news.prices), revision)
    _insert_all(session, ExchangeRate, (rate_values(fact) for fact in news.rates), revision)
    _insert_all(session, Alias, ({"item_id": ids.get(fact.item), **alias_values(fact)} for fact in news.aliases), revision)
    _insert_all(session, ItemWithdrawal, ({"item_id": ids[name]} for name in news.withdrawn_items), revision)


def _insert_all(session: Session, table: type[Base], rows: Iterable[Values], revision: int) -> None:
    if values := [{**row, "revision_id": revision} for row in rows]:
        session.execute(insert(table), values)


def _item_ids(session: Session, items: tuple[ItemFact, ...]) -> dict[str, int]:
    """The number of every item by its name, after adding the new ones."""
    known = set(session.scalars(select(Item.slug)))
    if new := [{"kind": item.kind, "slug": item.id} for item in items if item.id not in known]:
        session.execute(insert(Item), new)
    return dict(session.execute(select(Item.slug, Item.id)).all())


def _price_ids(session: Session, withdrawn: tuple[PriceFact, ...]) -> list[int]:
    standing = ~exists().where(Withdrawal.price_id == PriceObservation.id)
    query = select(Item.slug, PriceObservation).join(Item, Item.id == PriceObservation.item_id).where(standing)
    named, wanted = {price.item for price in withdrawn}, set(withdrawn)
    if len(named) <= MOST_NAMED:
        query = query.where(Item.slug.in_(named))
    return [row.id for slug, row in session.execute(query) if slug in named and price_fact(slug, row) in wanted]


def _rate_ids(session: Session, withdrawn: tuple[RateFact, ...]) -> list[int]:
    standing = ~exists().where(Withdrawal.exchange_rate_id == ExchangeRate.id)
    query = select(ExchangeRate).where(standing, ExchangeRate.currency.in_({rate.currency for rate in withdrawn}))
    wanted = set(withdrawn)
    return [row.id for row in session.scalars(query) if rate_fact(row) in wanted]
