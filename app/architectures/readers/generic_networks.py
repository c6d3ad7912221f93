"""The generic networks, `unet`, `lstm` and `mlp`, from their hyper-parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.architectures.lstm import DEFAULT_DROPOUT, LstmLanguageModel, LstmSpec
from app.architectures.network import Network, Options
from app.architectures.perceptron import Perceptron, PerceptronSpec
from app.architectures.readers.fields import LARGEST_SIZE, MOST_LAYERS, fraction
from app.architectures.unet import UNet, UNetSpec
from app.workloads.fields import invalid_field

LARGEST_WIDTH = 10**6


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
LSTM_OPTIONS = {
    "vocabulary": Bound(LARGEST_SIZE, ("vocab", "vocab_size")),
    "embedding_size": Bound(LARGEST_WIDTH, ("emb",)),
    "hidden_size": Bound(LARGEST_WIDTH, ("hidden",)),
    "layers": Bound(MOST_LAYERS, ("num_layers",)),
}
MLP_OPTIONS = {
    "inputs": Bound(LARGEST_SIZE, ("in_features", "input_size", "features")),
    "hidden_size": Bound(LARGEST_WIDTH),
    "layers": Bound(MOST_LAYERS, ("num_layers", "depth")),
    "classes": Bound(LARGEST_WIDTH, ("num_classes", "out_features", "outputs")),
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


def _lstm(hyper_parameters: Mapping[str, Any], options: Options) -> Network:
    sizes = {name: value for name, value in hyper_parameters.items() if name != "dropout"}
    dropout = fraction(hyper_parameters, "dropout", DEFAULT_DROPOUT)
    return LstmLanguageModel(LstmSpec(**integers(sizes, LSTM_OPTIONS), dropout=dropout), options)


def _mlp(hyper_parameters: Mapping[str, Any], options: Options) -> Network:
    """`hidden` is a list of widths; or `hidden_size` and `layers` for so many equal ones."""
    rest = {name: value for name, value in hyper_parameters.items() if name not in {"dropout", "hidden"}}
    sizes = integers(rest, MLP_OPTIONS)
    width, count = sizes.pop("hidden_size", 512), sizes.pop("layers", 2)
    given = hyper_parameters.get("hidden")
    if isinstance(given, int):
        width, given = integers({"hidden_size": given}, MLP_OPTIONS)["hidden_size"], None
    hidden = _widths(given) if given is not None else (width,) * count
    return Perceptron(PerceptronSpec(**sizes, hidden=hidden, dropout=fraction(hyper_parameters, "dropout", 0.0)), options)


def _widths(given: Any) -> tuple[int, ...]:
    largest = MLP_OPTIONS["hidden_size"].largest
    right = isinstance(given, (list, tuple)) and len(given) <= MOST_LAYERS
    if not right or not all(type(width) is int and 1 <= width <= largest for width in given):
        raise invalid_field("model.options.hidden", f"must be a list of at most {MOST_LAYERS} whole numbers from 1 to {largest:,}")
    return tuple(given)


BUILDERS: dict[str, Callable[[Mapping[str, Any], Options], Network]] = {"unet": _unet, "lstm": _lstm, "mlp": _mlp}
