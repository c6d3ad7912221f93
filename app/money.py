"""Money as integer minor units with a currency, and conversion at dated reference rates. Never floats."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import total_ordering

MINOR_DIGITS = {"JPY": 0, "KRW": 0, "ISK": 0, "IDR": 2, "HUF": 2}  # ISO 4217; every other currency here has two
SYMBOLS = {"GBP": "£", "USD": "$", "EUR": "€"}
_CODES = {symbol: code for code, symbol in SYMBOLS.items()}
_AMOUNT = re.compile(r"^\s*([A-Za-z]{3}|[£$€])?\s*(\d[\d\s,_']*(?:\.\d{1,2})?)\s*([A-Za-z]{3}|[£$€])?\s*$")
_LARGEST = Decimal(10) ** 12


def minor_digits(currency: str) -> int:
    """How many decimals the currency has (ISO 4217)."""
    return MINOR_DIGITS.get(currency, 2)


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (pence, cents). Only amounts of one currency can be added or compared."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> "Money":
        """Money from a decimal amount ("2540.00"), rounded half to even. Raises ValueError where it is not an amount."""
        try:
            value = Decimal(str(amount))
        except InvalidOperation as error:
            raise ValueError(f"'{str(amount)[:40]}' is not an amount of money") from error
        if not value.is_finite() or abs(value) > _LARGEST:
            raise ValueError(f"'{str(amount)[:40]}' is not an amount of money")
        scaled = value.scaleb(minor_digits(currency)).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
        return cls(int(scaled), currency)

    @property
    def amount(self) -> Decimal:
        """The amount in major units."""
        return Decimal(self.minor).scaleb(-minor_digits(self.currency))

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other).minor, self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.minor * quantity, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other).minor

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be combined without a rate")
        return other

    def __str__(self) -> str:
        """As shown on a page: "£2,540", pence only where there are any."""
        amount = self.amount
        text = f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount:,.2f}"
        return f"{SYMBOLS[self.currency]}{text}" if self.currency in SYMBOLS else f"{text} {self.currency}"

    def to_json(self) -> dict[str, str]:
        """The contract's Money: {"amount": "2540.00", "currency": "GBP"}."""
        return {"amount": str(self.amount), "currency": self.currency}


def parse_money(text: str, default_currency: str) -> Money:
    """Money as people write it: "£3,000", "EUR 2 000", "2500 usd", "3000". Raises ValueError where it is not an amount."""
    match = _AMOUNT.match(text)
    if not match or (match[1] and match[3]):
        raise ValueError(f'\'{text[:40]}\' is not an amount such as "3000", "£3,000" or "EUR 2 000"')
    unit = match[1] or match[3] or default_currency
    return Money.of(re.sub(r"[\s,_']", "", match[2]), _CODES.get(unit, unit.upper()))


@dataclass(frozen=True, slots=True)
class ExchangeRates:
    """Reference rates of one day: units of each currency per euro (European Central Bank)."""

    as_of: date
    per_euro: Mapping[str, Decimal] = field(default_factory=dict)
    source: str = ""

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency that can be converted, the euro among them."""
        return tuple(sorted({*self.per_euro, "EUR"}))

    def rate(self, currency: str) -> Decimal:
        """Units of `currency` per euro. Raises ValueError naming the currency where there is no rate."""
        if currency == "EUR":
            return Decimal(1)
        if currency not in self.per_euro:
            raise ValueError(f"there is no exchange rate for '{currency[:12]}'; use one of {', '.join(self.currencies)}")
        return self.per_euro[currency]

    def convert(self, money: Money, currency: str) -> Money:
        """The same value in another currency, rounded half to even to its minor unit."""
        if money.currency == currency:
            return money
        return Money.of(money.amount * self.rate(currency) / self.rate(money.currency), currency)
