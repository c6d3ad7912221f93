"""Rolling back: what to record so that the catalogue is again what it was at an earlier revision, and a look at it beforehand."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain, takewhile
from typing import TypeVar

from sqlalchemy.orm import Session

from app.catalogue.assemble import Snapshot, snapshot_of
from app.catalogue.facts import AliasFact, Changes, PriceFact, RateFact
from app.catalogue.history import aliases_at, current_revision, items_at, prices_at, rates_at
from app.catalogue.prices import subject_of

F = TypeVar("F", PriceFact, RateFact)


def changes_back_to(session: Session, revision: int) -> Changes:
    """What turns the current catalogue into that of `revision`. Items that came later are withdrawn with their prices."""
    current = current_revision(session)
    then = {item.id: item for item in items_at(session, revision)}
    now = {item.id: item for item in items_at(session, current)}
    prices, withdrawn_prices = _moves(prices_at(session, current), prices_at(session, revision), subject_of)
    rates, withdrawn_rates = _moves(rates_at(session, current), rates_at(session, revision), _day)
    return Changes(
        items=tuple(item for item in then.values() if now.get(item.id) != item),
        withdrawn_items=tuple(name for name in now if name not in then),
        prices=prices,
        withdrawn_prices=withdrawn_prices,
        rates=rates,
        withdrawn_rates=withdrawn_rates,
        aliases=_aliases(aliases_at(session, current), aliases_at(session, revision)),
    )


def snapshot_after(session: Session, changes: Changes) -> Snapshot:
    """The catalogue as it would be with these changes, numbered like the next revision. Nothing is recorded."""
    current = current_revision(session)
    items = {item.id: item for item in items_at(session, current)} | {item.id: item for item in changes.items}
    aliases = {alias.name: alias for alias in (*aliases_at(session, current), *changes.aliases)}
    return snapshot_of(
        current + 1,
        [item for name, item in items.items() if name not in changes.withdrawn_items],
        _after(prices_at(session, current), changes.withdrawn_prices, changes.prices),
        _after(rates_at(session, current), changes.withdrawn_rates, changes.rates),
        aliases.values(),
    )


def _after(now: Iterable[F], withdrawn: Sequence[F], added: Sequence[F]) -> Iterable[F]:
    gone: set[F] = set(withdrawn)
    return dict.fromkeys(chain((fact for fact in now if fact not in gone), added))


def _moves(now: Iterable[F], then: Iterable[F], subject: Callable[[F], Hashable]) -> tuple[tuple[F, ...], tuple[F, ...]]:
    """What to add and what to withdraw, so that the facts about each subject are those of then, in the same order.

    The order counts: of several observations of one subject the last one corrects the others.
    """
    standing, wanted = _grouped(now, subject), _grouped(then, subject)
    added: list[F] = []
    withdrawn: list[F] = []
    for key in {**wanted, **standing}:
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(standing[key], wanted[key], strict=False)))
        withdrawn += standing[key][kept:]
        added += wanted[key][kept:]
    return tuple(added), tuple(withdrawn)


def _grouped(facts: Iterable[F], subject: Callable[[F], Hashable]) -> defaultdict[Hashable, list[F]]:
    groups: defaultdict[Hashable, list[F]] = defaultdict(list)
    for fact in facts:
        groups[subject(fact)].append(fact)
    return groups


def _day(rate: RateFact) -> Hashable:
    return rate.currency, rate.as_of


def _aliases(now: Sequence[AliasFact], then: Sequence[AliasFact]) -> tuple[AliasFact, ...]:
    before = {alias.name: alias for alias in then}
    nothing = [AliasFact(name=alias.name, source=alias.source) for alias in now if alias.name not in before and alias.item]
    current = {alias.name: alias.item for alias in now}
    return (*(alias for alias in then if current.get(alias.name) != alias.item), *nothing)
