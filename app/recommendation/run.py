"""What one run of a job takes on a machine: hours, energy, electricity, rent."""

from dataclasses import dataclass
from decimal import Decimal

from app.money import Money
from app.placement import Speed

HOUR_SECONDS = 3600
KWH_PER_MWH = 1000
WATTS_PER_KW = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A whole training. Energy is that of the machine under full load from start to end, which is an upper bound where cards wait."""

    hours: float
    energy_kwh: float
    electricity: Money | None  # None where no price of a kilowatt hour was given


def run_of(speed: Speed, power_w: int, price_of_mwh: Money | None) -> Run | None:
    """The run on a machine that draws `power_w`; None where the length of the job or its speed is not known.

    The price is that of 1,000 kWh, so that whole minor units (cents) lose nothing of it.
    """
    if speed.run_seconds is None:
        return None
    hours = speed.run_seconds / HOUR_SECONDS
    energy = hours * power_w / WATTS_PER_KW
    cost = Money.of(price_of_mwh.amount * Decimal(energy) / KWH_PER_MWH, price_of_mwh.currency) if price_of_mwh else None
    return Run(hours=hours, energy_kwh=energy, electricity=cost)


def rent_of(speed: Speed, hourly: Money) -> Money | None:
    """What the same run costs at a price per hour; None where its length is not known."""
    if speed.run_seconds is None:
        return None
    return Money.of(hourly.amount * Decimal(speed.run_seconds) / HOUR_SECONDS, hourly.currency)
