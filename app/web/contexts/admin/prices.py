"""The prices of one item: what was seen, the form for another observation, and what was wrong and is withdrawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import get_args

from app.catalogue.facts import ItemFact, PriceFact, PriceKind
from app.errors import InvalidInput
from app.hardware import Condition, Price
from app.web.contexts.admin.fields import AdminField, AdminForm, form_of
from app.web.formats import day

_TAX = (("", "not known"), ("true", "with tax"), ("false", "without tax"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One observation. `number` finds it again when it is to be withdrawn."""

    number: int
    day: str
    price: str
    condition: str
    kind: str
    shop: str
    source: str
    url: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesPage:
    """Context of pages/admin/prices.html."""

    id: str
    name: str
    current: tuple[str, ...]
    rows: tuple[PriceRow, ...]
    form: AdminForm
    jump: str  # the question where the price moved unbelievably far


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawPage:
    """Context of pages/admin/withdraw.html."""

    id: str
    name: str
    row: PriceRow
    form: AdminForm


def price_fields(currencies: Sequence[str]) -> tuple[AdminField, ...]:
    """The fields of one observation, apart from the item and the amount."""
    return (
        AdminField(name="currency", label="Currency", kind="select", value="USD", choices=tuple((code, code) for code in currencies)),
        AdminField(name="condition", label="Condition", kind="select", choices=tuple((one, one) for one in get_args(Condition))),
        AdminField(name="kind", label="Kind of price", kind="select", choices=tuple((one, one) for one in get_args(PriceKind))),
        AdminField(name="observed_on", label="Seen on", kind="date", required=True),
        AdminField(name="source", label="Source", required=True, hint="who says so: a shop, an article, a price list"),
        AdminField(name="shop", label="Shop"),
        AdminField(name="url", label="Address of the offer", kind="url"),
        AdminField(name="region", label="Region", hint="as in UK or EU"),
        AdminField(name="tax_included", label="Tax", kind="select", choices=_TAX),
        AdminField(name="note", label="Note", wide=True),
    )


def prices_page(
    item: ItemFact, observations: Sequence[tuple[int, PriceFact]], current: Sequence[Price], currencies: Sequence[str], today: date
) -> PricesPage:
    """The prices of an item, and the empty form."""
    amount = AdminField(name="amount", label="Price", required=True, hint="as in 1,299.00 or £1,299")
    return PricesPage(
        id=item.id,
        name=item.name,
        current=tuple(f"{price.money} {price.condition}, seen {day(price.observed_on)}" for price in current),
        rows=tuple(price_row(number, price) for number, price in observations),
        form=form_of((amount, *price_fields(currencies)), {"observed_on": today.isoformat()}),
        jump="",
    )


def with_typed(form: AdminForm, values: Mapping[str, str], complaint: InvalidInput | None = None) -> AdminForm:
    """The form with what was typed and what is wrong with it."""
    return form_of(form.fields, values, complaint)


def price_row(number: int, price: PriceFact) -> PriceRow:
    """An observation as it is shown."""
    return PriceRow(
        number=number,
        day=price.observed_on.isoformat(),
        price=str(price.money),
        condition=price.condition,
        kind=price.kind,
        shop=price.shop,
        source=price.source,
        url=price.url,
        note=price.note,
    )


def withdraw_page(item: ItemFact, number: int, price: PriceFact, values: Mapping[str, str], complaint: InvalidInput | None) -> WithdrawPage:
    """The question why a price is wrong."""
    reason = AdminField(
        name="reason", label="What is wrong with it", required=True, wide=True, hint="stands in the history beside your name"
    )
    return WithdrawPage(id=item.id, name=item.name, row=price_row(number, price), form=form_of((reason,), values, complaint))
