"""What a row of an import says, in the catalogue's own terms, before anybody has looked whether it is new or true."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from app.catalogue.facts import AliasFact, ItemFact, RateFact
from app.hardware import PartKind


class RowProblem(Exception):
    """The row says nothing that can be used; the message is the reason, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What a row calls an item, and the traits that tell products of one name apart (see `matching.traits_of`), where it has them."""

    kind: PartKind | None
    names: tuple[str, ...]
    traits: tuple[object, ...] = ()
    by_id: bool = False  # the name is an id, and means nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One row's claim: about an item, about the price of an item, or about the exchange rates of a day."""

    label: str
    item: ItemFact | None = None  # the whole item: as it is (own format), or as it would be if it turns out to be new
    replaces: bool = False  # whether `item` overrules what the catalogue says of that item
    naming: Naming | None = None  # how to find the item that the price is of
    gpu: Naming | None = None  # of an offer: the GPU that it rents out, still to be found and put into `item`
    no_item_because: str = ""  # why the row cannot make a new item where none is found
    price: Mapping[str, Any] | None = None  # the fields of a PriceFact, but for the item
    rates: tuple[RateFact, ...] = ()
    alias: AliasFact | None = None


def reason_of(error: ValidationError) -> str:
    """What is wrong with the fields, in one sentence for people."""
    problems = error.errors(include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(str(part) for part in problem['loc']) or 'the row'}: {problem['msg']}" for problem in problems[:3])
