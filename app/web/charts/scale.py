"""From values to positions: linear from zero, or logarithmic where the values span more than a decade."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

DECADE = 10.0
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position on an axis, in per cent."""

    percent: float
    value: float


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from `low` to `high`."""

    low: float
    high: float
    logarithmic: bool = False

    def percent(self, value: float) -> float:
        """Where the value lies, 0 to 100."""
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(min(max(share, 0.0), 1.0) * 100, 3)

    def ticks(self) -> tuple[Tick, ...]:
        """Round values along the axis."""
        values = _logarithmic_ticks(self.low, self.high) if self.logarithmic else _linear_ticks(self.low, self.high)
        return tuple(Tick(self.percent(value), value) for value in values)


def scale_for(values: Sequence[float]) -> Scale:
    """The scale for positive values: from zero, or logarithmic where the largest is more than ten times the smallest."""
    low, high = min(values), max(values)
    if low > 0 and high / low > DECADE:
        return Scale(_floor_125(low), _ceil_125(high), logarithmic=True)
    step = _step(high or 1.0)
    return Scale(0.0, math.ceil((high or 1.0) * 1.0001 / step) * step)


def _step(span: float, wanted: int = 4) -> float:
    rough = span / wanted
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(factor * magnitude for factor in _STEPS if factor * magnitude >= rough)


def _linear_ticks(low: float, high: float) -> list[float]:
    step = _step(high - low)
    first = math.ceil(low / step)
    return [step * index for index in range(first, math.floor(high / step * 1.0001) + 1)]


def _logarithmic_ticks(low: float, high: float) -> list[float]:
    decades = math.log10(high / low)
    factors = (1, 2, 5) if decades <= 1.5 else (1, 3) if decades <= 2.5 else (1,)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
    return [value for value in values if low * 0.999 <= value <= high * 1.001]


def _floor_125(value: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(value))
    return max(factor for factor in (1.0, 2.0, 5.0) if factor * magnitude <= value * 1.0001) * magnitude


def _ceil_125(value: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(value))
    return min(factor for factor in (1.0, 2.0, 5.0, 10.0) if factor * magnitude >= value * 0.9999) * magnitude
