"""Vision networks by timm's names, and the generic networks, with their hyper-parameters."""

from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.network import Network, Options
from app.workloads.fields import invalid_field

NamedBuilder = Callable[[Mapping[str, Any], Options], Network]

BUILDERS: dict[str, NamedBuilder] = {}


def knows(name: str) -> bool:
    """Whether there is a program under this name."""
    return name in BUILDERS


def build(name: str, hyper_parameters: Mapping[str, Any], options: Options) -> Network:
    """The named network. Raises InvalidInput where it is not known."""
    if name not in BUILDERS:
        raise invalid_field("model.preset", f"'{name[:60]}' is not a network that is known here")
    return BUILDERS[name](hyper_parameters, options)
