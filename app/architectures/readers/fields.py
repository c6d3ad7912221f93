"""Reading numbers out of a configuration somebody else wrote: bounded, with a clear sentence naming the field."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from app.architectures.activations import NAMES as ACTIVATIONS
from app.workloads.fields import invalid_field

LARGEST_SIZE = 10**7  # of any hidden size, vocabulary or width
MOST_LAYERS = 1_024


def integer(config: Mapping[str, Any], *names: str, default: int | None = None, largest: int = LARGEST_SIZE) -> int:
    """The first of these fields that is present, as an integer from 1 to `largest`. Raises InvalidInput naming the field."""
    name = next((name for name in names if config.get(name) is not None), names[0])
    value = config.get(name, default)
    if value is None:
        value = default
    if value is None:
        raise invalid_field(f"model.config.{names[0]}", "this value is needed to build the network")
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise invalid_field(f"model.config.{name}", f"must be a whole number from 1 to {largest:,}")
    return value


def optional_count(config: Mapping[str, Any], name: str) -> int:
    """A whole number from 0; 0 where it is absent."""
    return integer(config, name) if config.get(name) not in (None, 0) else 0


def items(config: Mapping[str, Any], name: str) -> list[Any]:
    """A list, empty where it is absent. Raises InvalidInput for anything else."""
    value = config.get(name)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise invalid_field(f"model.config.{name}", "must be a list")
    return list(value)


def integers(config: Mapping[str, Any], name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """A list of whole numbers from 1, `default` where it is absent or empty."""
    return tuple(integer({name: value}, name) for value in items(config, name)) or default


def architecture(config: Mapping[str, Any]) -> str:
    """The class that the configuration is of, the first of `architectures`; empty where none is named."""
    return next((str(name) for name in items(config, "architectures")), "")


def nested(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A configuration within the configuration, empty where it is absent. Raises InvalidInput for anything else."""
    value = config.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid_field(f"model.config.{name}", "must be a configuration of its own")
    return value


def layers(config: Mapping[str, Any], *names: str, default: int | None = None) -> int:
    """A number of layers, bounded so that any estimate ends quickly."""
    return integer(config, *names, default=default, largest=MOST_LAYERS)


def activation(config: Mapping[str, Any], *names: str, default: str) -> str:
    """The name of an activation function. Raises InvalidInput where it is not known."""
    name = next((name for name in names if config.get(name) is not None), names[0])
    value = config.get(name) or default
    if not isinstance(value, str) or value not in ACTIVATIONS:
        raise invalid_field(f"model.config.{name}", f"'{str(value)[:40]}' is not known; use one of {', '.join(sorted(ACTIVATIONS))}")
    return value


def fraction(config: Mapping[str, Any], name: str, default: float) -> float:
    """A number from 0 to 1, such as a dropout probability."""
    value = config.get(name, default)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise invalid_field(f"model.config.{name}", "must be a number from 0 to 1")
    return float(value)


def positive(config: Mapping[str, Any], name: str, default: float) -> float:
    """A number above 0, such as a factor of a size."""
    value = config.get(name, default)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LARGEST_SIZE:
        raise invalid_field(f"model.config.{name}", "must be a number above 0")
    return float(value)


def number(config: Mapping[str, Any], name: str, default: float) -> float:
    """A finite number."""
    value = config.get(name, default)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise invalid_field(f"model.config.{name}", "must be a number")
    return float(value)


def flag(config: Mapping[str, Any], name: str, default: bool) -> bool:
    """A true-or-false field."""
    value = config.get(name, default)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise invalid_field(f"model.config.{name}", "must be true or false")
    return value


def divides(config_name: str, whole: int, part: int, part_name: str) -> int:
    """whole / part. Raises InvalidInput where it does not divide."""
    if whole % part:
        raise invalid_field(f"model.config.{config_name}", f"{whole} is not a multiple of {part_name} ({part})")
    return whole // part


def turned_share(config: Mapping[str, Any], name: str, default: float) -> float:
    """The share of each head that rotary positions turn."""
    rope = config.get("rope_parameters")
    if isinstance(rope, Mapping) and "partial_rotary_factor" in rope:
        return fraction(rope, "partial_rotary_factor", default)
    return fraction(config, name, default)
