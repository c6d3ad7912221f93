"""Editing one item when others may edit it too: whoever saves second sees both versions, and nothing is overwritten unseen."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from app.catalogue.facts import ItemFact, PriceFact
from app.catalogue.history import items_at
from app.catalogue.rows import price_fact
from app.catalogue.tables import Item, ItemVersion, PriceObservation, Withdrawal
from app.errors import NotFound, RigwiseError

Values = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An item as one revision recorded it."""

    item: ItemFact
    revision: int


class Conflict(RigwiseError):
    """Somebody else saved the item since it was opened. `theirs` is what they saved, `base` what both started from."""

    title = "Somebody else saved this item"
    status = 409

    def __init__(self, base: ItemFact | None, theirs: Version) -> None:
        self.base, self.theirs = base, theirs
        super().__init__(f"revision {theirs.revision} changed this item while you were editing it")


def version_of(session: Session, item_id: str) -> Version | None:
    """The newest version of an item, None where there is none."""
    newest = select(func.max(ItemVersion.revision_id)).join(Item, Item.id == ItemVersion.item_id).where(Item.slug == item_id)
    revision = session.scalar(newest)
    item = _at(session, item_id, revision) if revision else None
    return Version(item=item, revision=revision) if item and revision else None


def refuse_overwriting(session: Session, wanted: ItemFact, base: int) -> None:
    """Raises Conflict where the item is not what it was at the revision `base`, and not what is wanted either."""
    newest = version_of(session, wanted.id)
    if newest and newest.revision != base and newest.item != wanted:
        raise Conflict(_at(session, wanted.id, base) if base else None, newest)


def standing_prices(session: Session, item_id: str) -> list[tuple[int, PriceFact]]:
    """Every observation of the item's price that was not withdrawn, with its number, newest first."""
    return [(row.id, price_fact(item_id, row)) for row in session.scalars(_standing(item_id))]


def standing_price(session: Session, item_id: str, number: int) -> PriceFact:
    """The observation of that number. Raises NotFound where the item has none such, or no longer."""
    row = session.scalars(_standing(item_id).where(PriceObservation.id == number)).first()
    if row is None:
        raise NotFound("there is no such observation of this item's price; perhaps it was withdrawn already")
    return price_fact(item_id, row)


def _standing(item_id: str) -> Select[PriceObservation]:
    withdrawn = exists().where(Withdrawal.price_id == PriceObservation.id)
    query = select(PriceObservation).join(Item, Item.id == PriceObservation.item_id).where(Item.slug == item_id, ~withdrawn)
    return query.order_by(PriceObservation.observed_on.desc(), PriceObservation.id.desc())


def flat(item: ItemFact) -> Values:
    """An item as one row: its own fields and those of its specification."""
    record = item.model_dump(mode="json")
    spec = record.pop("spec")
    return {**record, **spec}


def _at(session: Session, item_id: str, revision: int) -> ItemFact | None:
    """The item as it was at a revision."""
    return next((item for item in items_at(session, revision) if item.id == item_id), None)
