"""The verdict on what a row says: new, changed, unchanged, to be confirmed, ambiguous, or rejected, each with its reason."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import ValidationError

from app.catalogue.export import item_record
from app.catalogue.facts import AliasFact, ItemFact, PriceFact, RateFact
from app.catalogue.imports.guards import jump_of, rate_jump_of, refuse_day, refuse_price, refuse_size
from app.catalogue.imports.matching import Match, traits_of
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.standing import Standing, size_of
from app.catalogue.imports.statements import Statement, reason_of
from app.catalogue.prices import subject_of
from app.catalogue.revisions import gpu_named_by

Verdict = Literal["new", "changed", "unchanged", "skipped", "confirm", "ambiguous", "rejected"]
"""new: an item; changed: a price, a rate or a cell; skipped: the row tells no price; confirm: believable only if somebody says so."""

EVERY_ROW = range(10**9)
"""Stands for the numbers of all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on one statement, and the facts to be recorded if it is new or changed."""

    line: int
    verdict: Verdict
    label: str
    item: str = ""
    was: str = ""
    would_be: str = ""
    reason: str = ""
    new_item: ItemFact | None = None
    alias: AliasFact | None = None
    price: PriceFact | None = None
    rates: tuple[RateFact, ...] = ()
    withdrawn_price: PriceFact | None = None
    withdrawn_rates: tuple[RateFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Holds the rows of one import against the catalogue, one after the other."""

    standing: Standing
    profile: Profile
    today: date
    accepted: Iterable[int] = ()  # the lines whose jumps somebody confirmed
    _lines: dict[tuple[object, ...], tuple[int, int]] = field(default_factory=dict)  # of what earlier rows were about: line, hash
    _per_gb: dict[str, Decimal | None] = field(default_factory=dict)  # what a gigabyte usually costs, by class

    def judge(self, line: int, statement: Statement) -> Judgement:
        """The verdict on one statement."""
        blank = Judgement(line=line, verdict="rejected", label=statement.label)
        if statement.rates:
            return self._rates(blank, statement.rates)
        if statement.replaces and statement.item:
            return self._item(blank, statement.item)
        if statement.alias:
            return self._alias(blank, statement.alias)
        if statement.price is None:
            return replace(blank, verdict="skipped", reason="the row has no price")
        return self._price(blank, statement, statement.price)

    # -- items --

    def _item(self, blank: Judgement, item: ItemFact) -> Judgement:
        known = self.standing.items.get(item.id)
        blank = replace(blank, item=item.id)
        if reason := self._refuse_item(item, known):
            return replace(blank, reason=reason)
        if reason := self._contradicts(blank.line, ("item", item.id), item):
            return replace(blank, verdict="ambiguous", reason=reason)
        if known == item:
            return replace(blank, verdict="unchanged")
        self.standing.items.add(item)
        if known is None:
            return replace(blank, verdict="new", new_item=item)
        was, would_be = _differences(known, item)
        return replace(blank, verdict="changed", was=was, would_be=would_be, new_item=item)

    def _refuse_item(self, item: ItemFact, known: ItemFact | None) -> str:
        gpu = gpu_named_by(item)
        named = self.standing.items.get(gpu)
        if known is not None and known.kind != item.kind:
            return f"it is recorded as {known.kind} and cannot become {item.kind}; choose another id"
        if gpu and (named is None or named.kind != "gpu"):
            return f"it names the GPU '{gpu}', which the catalogue does not have; add that GPU first"
        return refuse_day(item.as_of, self.today)

    def _alias(self, blank: Judgement, alias: AliasFact) -> Judgement:
        aliases = self.standing.items.aliases
        blank = replace(blank, item=alias.item, was=aliases.get(alias.name, ""), would_be=alias.item)
        if alias.item and self.standing.items.get(alias.item) is None:
            return replace(blank, reason=f"the catalogue does not have '{alias.item}'; add the item first")
        if alias.name != alias.item and self.standing.items.get(alias.name) is not None:
            return replace(blank, reason="it is the id of an item and cannot stand for another one")
        if aliases.get(alias.name, "") == alias.item:
            return replace(blank, verdict="unchanged")
        aliases[alias.name] = alias.item
        return replace(blank, verdict="changed", alias=alias)

    # -- prices --

    def _price(self, blank: Judgement, statement: Statement, fields: Any) -> Judgement:
        item, refusal = self._item_of(blank, statement)
        if item is None:
            return refusal
        blank = replace(blank, item=item.id)
        known = self.standing.items.get(item.id)
        if reason := refuse_price(fields, self._currencies(), self.today):
            return replace(blank, reason=reason)
        try:
            price = PriceFact.model_validate({**fields, "item": item.id})
        except ValidationError as error:
            return replace(blank, reason=reason_of(error))
        size = size_of(item)
        usual = self._usual_per_gb(size[0]) if size else None
        if reason := refuse_day(price.observed_on, self.today) or refuse_size(price, size, usual, self.standing):
            return replace(blank, reason=reason, would_be=str(price.money))
        if reason := self._contradicts(blank.line, subject_of(price), price):
            return replace(blank, verdict="ambiguous", reason=reason, would_be=str(price.money))
        return self._observation(blank, price, item, known)

    def _observation(self, blank: Judgement, price: PriceFact, item: ItemFact, known: ItemFact | None) -> Judgement:
        stands = self.standing.prices.get(subject_of(price))
        if stands == price or self._lines[subject_of(price)][0] != blank.line:
            return replace(blank, verdict="unchanged", would_be=_seen(price))
        before = self.standing.price_near(price, self.profile.source)
        was = _seen(stands) if stands else f"{before.money} on {before.on}" if before else ""
        jump = jump_of(price, item, before, self.standing)
        shown = replace(blank, was=was, would_be=_seen(price), reason=jump)
        if jump and blank.line not in self.accepted:
            return replace(shown, verdict="confirm")
        if known is None:
            self.standing.items.add(item)
            return replace(shown, verdict="new", new_item=item, price=price)
        return replace(shown, verdict="changed", price=price, withdrawn_price=stands)

    def _item_of(self, blank: Judgement, statement: Statement) -> tuple[ItemFact | None, Judgement]:
        """The item that the price is of, known or new; or the verdict where there is none."""
        proposed = statement.item
        if statement.gpu is not None:
            gpu = self.standing.items.find(statement.gpu)
            if gpu.item is None:
                return None, _unmatched(blank, gpu, f"the catalogue does not have the GPU {statement.gpu.names[0]}; add it first")
            proposed = proposed and proposed.model_copy(update={"spec": proposed.spec.model_copy(update={"gpu": gpu.item.id})})
        match = self.standing.items.find(statement.naming) if statement.naming else Match()
        if match.item is None and proposed is not None and not match.exact:
            taken = self.standing.items.get(proposed.id)
            if taken is not None and traits_of(taken) != traits_of(proposed):
                return None, replace(blank, verdict="ambiguous", reason=f"{taken.id} is {taken.name}, which is not the same part")
            match = Match(taken or proposed)
        return match.item, _unmatched(blank, match, f"the catalogue does not have it; {statement.no_item_because}")

    def _currencies(self) -> frozenset[str]:
        return frozenset(self.standing.exchange.currencies)

    def _usual_per_gb(self, class_: str) -> Decimal | None:
        if class_ not in self._per_gb:
            self._per_gb[class_] = self.standing.usual_per_gb(class_, self.profile.source)
        return self._per_gb[class_]

    def _contradicts(self, line: int, about: tuple[object, ...], said: object) -> str:
        """Where an earlier row of the file says something else of the same thing."""
        earlier, told = self._lines.setdefault(about, (line, hash(said)))
        return "" if told == hash(said) else f"line {earlier} says something else of the same; keep one of them"

    # -- rates --

    def _rates(self, blank: Judgement, rates: tuple[RateFact, ...]) -> Judgement:
        reason = next((found for rate in rates if (found := refuse_day(rate.as_of, self.today))), "")
        if reason:
            return replace(blank, reason=reason)
        news = [rate for rate in rates if not self._stands(rate)]
        jumps = [jump for rate in news if (jump := rate_jump_of(rate, self.standing.rate_near(rate.currency, rate.as_of)))]
        corrected = tuple(stands for rate in news if (stands := self.standing.rates.get((rate.currency, rate.as_of))))
        shown = replace(blank, was=_listed(corrected), would_be=_listed(news), reason="; ".join(jumps))
        if jumps and blank.line not in self.accepted:
            return replace(shown, verdict="confirm")
        for rate in news:
            self.standing.add_rate(rate)
        verdict: Verdict = "changed" if corrected else "new" if news else "unchanged"
        return replace(shown, verdict=verdict, rates=tuple(news), withdrawn_rates=corrected)

    def _stands(self, rate: RateFact) -> bool:
        """Whether the same figure is known of that day, from whatever source."""
        stands = self.standing.rates.get((rate.currency, rate.as_of))
        return stands is not None and stands.per_euro == rate.per_euro


def _unmatched(blank: Judgement, match: Match, otherwise: str) -> Judgement:
    """The verdict on a row whose item was not found."""
    if not match.candidates:
        return replace(blank, reason=otherwise)
    names = ", ".join(f"{item.name} ({item.id})" for item in match.candidates)
    start = "several items have this name" if match.exact else "no item has exactly this name; similar"
    return replace(blank, verdict="ambiguous", reason=f"{start}: {names}")


def _differences(known: ItemFact, item: ItemFact) -> tuple[str, str]:
    """The cells that differ, as they are and as they would be."""
    old, new = item_record(known), item_record(item)
    names = [name for name in new if old[name] != new[name]]
    return _cells(old, names), _cells(new, names)


def _cells(record: dict[str, Any], names: list[str]) -> str:
    return "; ".join(f"{name}: {'empty' if record[name] in (None, '') else record[name]}" for name in names)


def _seen(price: PriceFact) -> str:
    return f"{price.money} on {price.observed_on}"


def _listed(rates: Iterable[RateFact]) -> str:
    shown: Iterator[tuple[str, Decimal]] = ((rate.currency, rate.per_euro) for rate in rates)
    return ", ".join(f"{currency} {per_euro:f}" for currency, per_euro in shown)
