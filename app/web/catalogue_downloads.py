"""The catalogue as rows of a table: what its CSV files hold."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from app.catalogue.assemble import Snapshot
from app.catalogue.browse import KINDS
from app.catalogue.specs import SPECS
from app.web.contexts.currency import Exchange
from app.web.contexts.values import Document, money_of

Row = dict[str, Any]
_PRICE = ("amount", "currency", "condition", "price_kind", "observed_on", "age_days", "price_source", "url")
OBSERVATION_COLUMNS = (
    "item", "amount", "currency", "condition", "kind", "region", "tax_included", "shop", "url", "observed_on", "source", "note",
)  # fmt: skip
RATE_COLUMNS = ("currency", "per_euro", "as_of", "source")
LIST_COLUMNS: Mapping[str, tuple[str, ...]] = {
    name: ("id", "name", "vendor", "status", *SPECS[kind].model_fields, "source", "as_of", "confidence", "notes", *_PRICE)
    for name, kind in KINDS.items()
}


def list_rows(items: Sequence[Document], exchange: Exchange, today: date) -> list[Row]:
    """A row for each current price of each item, one without a price for an item that has none."""
    return [row for item in items for row in _list_rows(item, exchange, today)]


def item_rows(item: Document) -> list[Row]:
    """A row for each price seen, with the columns that an import takes."""
    return [{"item": item["id"], **seen, **seen["price"]} for seen in item["observations"]]


def rate_rows(snapshot: Snapshot) -> list[Row]:
    """A row for each currency, with the columns that an import takes."""
    return [{**fact.model_dump(mode="json")} for fact in snapshot.rates.values()]


def _list_rows(item: Document, exchange: Exchange, today: date) -> list[Row]:
    row = {**item["spec"], **{name: value for name, value in item.items() if name != "spec"}}
    return [{**row, **_price(price, exchange, today)} for price in item["prices"]] or [row]


def _price(price: Document, exchange: Exchange, today: date) -> Row:
    shown = exchange.shown(money_of(price["price"])).to_json()
    age = (today - date.fromisoformat(price["observed_on"])).days
    seen = {name: price[name] for name in ("condition", "observed_on", "url")}
    return {**shown, **seen, "price_kind": price["kind"], "age_days": age, "price_source": price["source"]}
