"""What the person can spend and will accept."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, field_validator

from app.money import Money
from app.workloads.fields import Document

Objective = Literal["cheapest", "fastest", "value", "headroom"]


class Budget(Document):
    """The most that may be spent."""

    amount: Annotated[Decimal, Field(ge=0, le=10**9, max_digits=14, decimal_places=2)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

    @field_validator("currency", mode="before")
    @classmethod
    def _upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @property
    def money(self) -> Money:
        """The budget as Money."""
        return Money.of(self.amount, self.currency)


class OwnedPart(Document):
    """A part that the person has already: it costs nothing."""

    part: Annotated[str, Field(min_length=1, max_length=120)]
    quantity: Annotated[int, Field(ge=1, le=64)] = 1


class ElectricityPrice(Document):
    """The price of one kilowatt hour."""

    amount: Annotated[Decimal, Field(ge=0, le=1000, max_digits=8, decimal_places=4)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

    @property
    def mwh(self) -> Money:
        """The price of 1,000 kWh, which needs no fractions of a cent."""
        return Money.of(self.amount * 1000, self.currency)


class Limits(Document):
    """Budget, condition, parts at hand and preferences of one request."""

    budget: Budget | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"  # of the answer where no budget is given
    condition: Literal["new", "used", "any"] = "any"
    owned: Annotated[tuple[OwnedPart, ...], Field(max_length=32)] = ()
    vendors: tuple[Literal["nvidia", "amd", "intel", "apple"], ...] = ()
    max_gpus: Annotated[int, Field(ge=0, le=64)] = 8
    max_watts: Annotated[int, Field(ge=1, le=10**6)] | None = None
    form_factors: tuple[Literal["pcie", "sxm", "oam", "system"], ...] = ()
    ecc: bool = False  # memory that corrects its errors: platform and modules
    include_cloud: bool = True
    electricity: ElectricityPrice | None = None  # without one, a run's energy is told but not its cost
    objective: Objective = "value"

    @property
    def answer_currency(self) -> str:
        """The currency prices are shown in."""
        return self.budget.currency if self.budget else self.currency
