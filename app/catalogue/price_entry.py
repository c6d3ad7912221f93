"""A price that a person typed: read, compared with the current one, and doubted where it moved unbelievably far."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from app.catalogue.facts import PriceFact
from app.catalogue.prices import COUNTING
from app.errors import InvalidInput
from app.hardware import Price
from app.money import ExchangeRates, parse_money

LARGEST_JUMP = Decimal("0.40")
"""A price that moves by more than this needs somebody's word."""


def with_amount(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of an observation with the amount and its currency taken apart: "£1,299" is 1299 GBP, whatever was chosen."""
    try:
        money = parse_money(fields.get("amount", ""), fields.get("currency", ""))
    except ValueError:
        raise InvalidInput("type an amount such as 1,299.00 or £1,299", "amount") from None
    return {**fields, "amount": str(money.amount), "currency": money.currency}


def refuse_untrue(price: PriceFact, rates: ExchangeRates, today: date) -> None:
    """Raises InvalidInput for a day to come, and for a currency that nothing can be compared in."""
    if price.observed_on > today:
        raise InvalidInput("this day is in the future", "observed_on")
    if price.currency not in rates.currencies:
        raise InvalidInput(f"there is no exchange rate for {price.currency}; add one first", "currency")


def move_since(price: PriceFact, current: Sequence[Price], rates: ExchangeRates) -> Decimal | None:
    """By which share the price differs from the current one in the same condition; None where there is none to compare with."""
    before = next((one for one in current if one.condition == price.condition), None)
    if before is None or price.kind not in COUNTING:
        return None
    then = rates.convert(before.money, price.currency)
    return price.money.amount / then.amount - 1 if then.amount else None


def is_jump(move: Decimal | None) -> bool:
    """Whether a move needs somebody's word."""
    return move is not None and abs(move) > LARGEST_JUMP
