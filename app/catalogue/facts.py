"""What the catalogue records: items with a specification, price observations and exchange rates, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from app.catalogue.specs import SPECS, Maybe, Spec
from app.hardware import Condition, PartKind
from app.money import Money

Status = Literal["active", "announced", "market", "retired"]
"""active: can be picked; announced: not sold yet; market: a price index of a class, not a product; retired: withdrawn."""

PriceKind = Literal[
    "retail",  # an offer of a shop
    "vendor",  # an offer in the manufacturer's own shop
    "press",  # a price that a guide or survey reports
    "marketplace",  # second-hand sales and listings
    "rental",  # per hour
    "estimate",  # somebody's public estimate
    "derived",  # computed from other observations; the note says how
    "list",  # the manufacturer's price at launch
    "wholesale-spot",  # what traders pay per module
    "contract",  # what large buyers agreed
    "upgrade-delta",  # what a vendor adds for more soldered memory
]

RevisionKind = Literal["seed", "edit", "prices", "import", "rollback"]
Confidence = Literal["high", "medium", "low"]
Source = Annotated[str, Field(min_length=1, max_length=400)]
Note = Annotated[str, Field(max_length=600)]


class Fact(BaseModel):
    """Anything recorded: immutable, every field named, no others accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class ItemFact(Fact):
    """One item as it is from a revision on."""

    kind: PartKind
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=120)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    vendor: Annotated[str, Field(max_length=80)] = ""
    status: Status = "active"
    spec: SerializeAsAny[Spec]
    source: Source
    as_of: date  # when the specification was read from its source
    confidence: Confidence
    notes: Note = ""

    @classmethod
    def read(cls, kind: PartKind, fields: Mapping[str, object]) -> "ItemFact":
        """The item of flat `fields`, those of the specification among them. Raises pydantic's ValidationError by field."""
        spec = {name: value for name, value in fields.items() if name not in cls.model_fields}
        common = {name: value for name, value in fields.items() if name in cls.model_fields}
        return cls.model_validate({**common, "kind": kind, "spec": SPECS[kind].model_validate(spec)})


class PriceFact(Fact):
    """One observed price of one item."""

    item: Annotated[str, Field(min_length=1, max_length=120)]
    amount: Annotated[Decimal, Field(gt=0, le=10**9)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    condition: Condition
    kind: PriceKind
    region: Annotated[str, Field(max_length=40)] = ""
    tax_included: Annotated[bool | None, Maybe] = None
    shop: Annotated[str, Field(max_length=80)] = ""
    url: Annotated[str, Field(max_length=400, pattern=r"^(https?://\S+)?$")] = ""
    observed_on: date
    source: Source
    note: Note = ""

    @model_validator(mode="after")
    def _whole_minor_units(self) -> "PriceFact":
        if self.money.amount != self.amount:
            raise ValueError(f"the amount {self.amount} has more decimals than {self.currency} has")
        return self

    @property
    def money(self) -> Money:
        """The amount in minor units."""
        return Money.of(self.amount, self.currency)


class RateFact(Fact):
    """One exchange rate of one day: units of the currency per euro."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    per_euro: Annotated[Decimal, Field(gt=0, le=10**9)]
    as_of: date
    source: Source


class AliasFact(Fact):
    """Another name under which an item is found and imported. Without an item: the name stands for nothing any more."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    item: Annotated[str, Field(max_length=120)] = ""
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Facts to be recorded together, as one revision, and facts that count no longer."""

    items: tuple[ItemFact, ...] = ()
    prices: tuple[PriceFact, ...] = ()
    rates: tuple[RateFact, ...] = ()
    aliases: tuple[AliasFact, ...] = ()
    withdrawn_prices: tuple[PriceFact, ...] = ()
    withdrawn_rates: tuple[RateFact, ...] = ()
    withdrawn_items: tuple[str, ...] = ()  # ids

    def __bool__(self) -> bool:
        """Whether there is anything to record."""
        recorded = (self.items, self.prices, self.rates, self.aliases)
        return any((*recorded, self.withdrawn_prices, self.withdrawn_rates, self.withdrawn_items))
