"""Facts as rows and rows as facts. The values of a row are also what the hash of its revision is taken of."""

from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Row

from app.catalogue.facts import AliasFact, ItemFact, PriceFact, RateFact
from app.catalogue.tables import Alias, ExchangeRate, ItemVersion, PriceObservation
from app.hardware import PartKind
from app.money import Money

Values = dict[str, Any]
PriceRow = PriceObservation | Row[Any]
RateRow = ExchangeRate | Row[Any]
"""An observation as an object, or the columns of one: many times quicker where there are tens of thousands."""

_ITEM = ("name", "vendor", "status", "source", "as_of", "confidence", "notes")
_PRICE = ("condition", "kind", "region", "tax_included", "shop", "url", "observed_on", "source", "note")


def item_values(fact: ItemFact) -> Values:
    """The columns of an item's version."""
    return {**_values(fact, _ITEM), "spec": fact.spec.model_dump(mode="json")}


def stored_item_values(row: ItemVersion) -> Values:
    """The same of a row, exactly as it is stored."""
    return {**_values(row, _ITEM), "spec": row.spec}


def item_fact(slug: str, kind: str, row: ItemVersion) -> ItemFact:
    """The item as it was recorded. A field of the specification that came later has its default."""
    return ItemFact.read(cast("PartKind", kind), {"id": slug, **_values(row, _ITEM), **row.spec})


def price_values(fact: PriceFact) -> Values:
    """The columns of a price observation, but for the item's."""
    return {**_values(fact, _PRICE), "amount_minor": fact.money.minor, "currency": fact.currency}


def stored_price_values(row: PriceRow) -> Values:
    """The same of a row, exactly as it is stored."""
    return _values(row, (*_PRICE, "amount_minor", "currency"))


def price_fact(slug: str, row: PriceRow) -> PriceFact:
    """The observation as it was recorded; it was checked then, and there are too many to check each again."""
    amount = Money(row.amount_minor, row.currency).amount
    return PriceFact.model_construct(item=slug, amount=amount, currency=row.currency, **_values(row, _PRICE))


def rate_values(fact: RateFact) -> Values:
    """The columns of an exchange rate."""
    per_euro = Decimal(format(fact.per_euro.normalize(), "f"))
    return {"currency": fact.currency, "per_euro": per_euro, "as_of": fact.as_of, "source": fact.source}


def stored_rate_values(row: RateRow) -> Values:
    """The same of a row, exactly as it is stored."""
    return _values(row, ("currency", "per_euro", "as_of", "source"))


def rate_fact(row: RateRow) -> RateFact:
    """The rate as it was recorded; like a price, it was checked then."""
    return RateFact.model_construct(currency=row.currency, per_euro=row.per_euro, as_of=row.as_of, source=row.source)


def alias_values(fact: AliasFact) -> Values:
    """The columns of an alias, but for the item's."""
    return {"name": fact.name, "source": fact.source}


def stored_alias_values(row: Alias) -> Values:
    """The same of a row, exactly as it is stored."""
    return _values(row, ("name", "source"))


def _values(holder: object, names: tuple[str, ...]) -> Values:
    return {name: getattr(holder, name) for name in names}
