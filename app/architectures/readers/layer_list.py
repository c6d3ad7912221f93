"""A network as a list of layers, such as a tutorial shows it."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.architectures.network import Network, Options
from app.workloads.fields import invalid_field


def build(shape: Sequence[int], layers: Sequence[Mapping[str, Any]], options: Options) -> Network:
    """The network of a layer list. Raises InvalidInput naming the layer that is not understood."""
    raise invalid_field("model.layers", "layer lists are not read yet; name a preset or paste a config.json")
