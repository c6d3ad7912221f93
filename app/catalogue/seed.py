"""The catalogue that Rigwise starts with: the tables in `seed_data/`, every row checked, each with its source and date."""

import csv
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.assemble import snapshot_of
from app.catalogue.facts import Changes, Fact, ItemFact, PriceFact, RateFact
from app.catalogue.revisions import Occasion, record
from app.catalogue.rows import price_fact, rate_fact
from app.catalogue.tables import ExchangeRate, Item, ItemVersion, ItemWithdrawal, PriceObservation, Revision
from app.clock import now
from app.database import Database
from app.errors import FieldError, InvalidInput
from app.hardware import Catalogue, PartKind
from app.resources import resource_path

_ITEM_TABLES: dict[str, PartKind] = {
    "gpus.csv": "gpu",
    "ram.csv": "ram",
    "storage.csv": "drive",
    "platforms.csv": "platform",
    "cloud.csv": "cloud",
}

_ITEMS_BY_PEOPLE = (
    select(Item.slug).join(ItemVersion, ItemVersion.item_id == Item.id).join(Revision, Revision.id == ItemVersion.revision_id)
).where(Revision.kind != "seed")
_ITEMS_WITHDRAWN = select(Item.slug).join(ItemWithdrawal, ItemWithdrawal.item_id == Item.id)
_EVERY_PRICE = select(Item.slug, *PriceObservation.__table__.columns).join(Item, Item.id == PriceObservation.item_id)

Row = dict[str, str]
F = TypeVar("F", bound=Fact)


def read_seed(folder: Path | None = None) -> Changes:
    """Every fact in the tables of `folder` (default: `seed_data/`). Raises InvalidInput naming file, line and column."""
    tables = folder or resource_path("seed_data")
    items = [item for name, kind in _ITEM_TABLES.items() for item in _facts(tables / name, partial(ItemFact.read, kind))]
    return Changes(
        items=tuple(items),
        prices=tuple(_facts(tables / "prices.csv", PriceFact.model_validate)),
        rates=tuple(_facts(tables / "fx.csv", RateFact.model_validate)),
    )


def catalogue_from_seed(folder: Path | None = None) -> Catalogue:
    """The catalogue as it is right after seeding, without a database: revision 1."""
    facts = read_seed(folder)
    return snapshot_of(1, facts.items, facts.prices, facts.rates).catalogue


def seed(database: Database, *, at: datetime | None = None, folder: Path | None = None) -> int:
    """Records what the tables say and the catalogue never knew, as one revision; returns the number of the current revision.

    Run again it does nothing. What a person recorded since stands: an item edited, a price withdrawn or corrected is left alone.
    """
    facts = read_seed(folder)
    occasion = Occasion(at=at or now(), actor="seed", kind="seed", reason="the data that Rigwise comes with")
    with database.write() as session:
        return record(session, _unheard(session, facts), occasion)


def _unheard(session: Session, facts: Changes) -> Changes:
    withdrawn = set(session.scalars(_ITEMS_WITHDRAWN))
    by_people = {*session.scalars(_ITEMS_BY_PEOPLE), *withdrawn}
    prices = {price_fact(row.slug, row) for row in session.execute(_EVERY_PRICE)}
    rates = {rate_fact(row) for row in session.scalars(select(ExchangeRate))}
    return Changes(
        items=tuple(item for item in facts.items if item.id not in by_people),
        prices=tuple(price for price in facts.prices if price not in prices and price.item not in withdrawn),
        rates=tuple(rate for rate in facts.rates if rate not in rates),
    )


def _facts(path: Path, read: Callable[[Row], F]) -> Iterator[F]:
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file, strict=True), start=2):
            try:
                yield read(row)
            except ValidationError as error:
                raise InvalidInput(_errors(error, f"{path.name} line {line}")) from error


def _errors(error: ValidationError, place: str) -> list[FieldError]:
    return [
        FieldError(path=f"{place}, {'.'.join(str(part) for part in problem['loc']) or 'row'}", message=problem["msg"])
        for problem in error.errors(include_url=False)
    ]
