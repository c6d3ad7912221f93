"""The generic networks, `unet`, `lstm` and `mlp`, from their hyper-parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.architectures.network import Network, Options
from app.architectures.unet import UNet, UNetSpec
from app.workloads.fields import invalid_field


@dataclass(frozen=True, slots=True)
class Bound:
    """Largest value of an option, and other names it goes by."""

    largest: int
    aliases: tuple[str, ...] = ()


UNET_OPTIONS = {
    "base_channels": Bound(4_096),
    "depth": Bound(8),
    "classes": Bound(100_000, ("num_classes", "out_channels")),
    "in_channels": Bound(4_096, ("in_ch", "in_chans")),
}


def integers(hyper_parameters: Mapping[str, Any], known: Mapping[str, Bound]) -> dict[str, int]:
    """The options by their proper names. Raises InvalidInput for one that is unknown or out of bounds."""
    names = {alias: name for name, bound in known.items() for alias in (name, *bound.aliases)}
    found: dict[str, int] = {}
    for given, value in hyper_parameters.items():
        name = names.get(given)
        if name is None:
            raise invalid_field(f"model.options.{given[:60]}", f"is not an option of this network; it takes {', '.join(known)}")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= known[name].largest:
            raise invalid_field(f"model.options.{given}", f"must be a whole number from 1 to {known[name].largest:,}")
        found[name] = value
    return found


def _unet(hyper_parameters: Mapping[str, Any], options: Options) -> Network:
    return UNet(UNetSpec(**integers(hyper_parameters, UNET_OPTIONS)), options)


BUILDERS: dict[str, Callable[[Mapping[str, Any], Options], Network]] = {"unet": _unet}
