"""The generic networks from their hyper-parameters: `unet`, `lstm`, `mlp`, graph networks, transformers over tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.architectures.graph_networks import LAYERS as GRAPH_LAYERS
from app.architectures.graph_networks import GraphNetwork, GraphSpec
from app.architectures.lstm import DEFAULT_DROPOUT, LstmLanguageModel, LstmSpec
from app.architectures.network import Network, Options
from app.architectures.perceptron import Perceptron, PerceptronSpec
from app.architectures.readers.fields import LARGEST_SIZE, MOST_LAYERS, fraction
from app.architectures.tabular_transformer import FT_DEFAULTS, SHARED_PART, TAB_DEFAULTS, FtTransformer, TableSpec, TabTransformer
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

GRAPH_OPTIONS = {
    "nodes": Bound(10**9, ("num_nodes",)),
    "edges": Bound(10**11, ("num_edges",)),
    "features": Bound(LARGEST_WIDTH, ("in_channels", "num_features", "inputs")),
    "hidden": Bound(LARGEST_WIDTH, ("hidden_size", "hidden_channels")),
    "layers": Bound(100, ("num_layers", "depth")),
    "classes": Bound(LARGEST_WIDTH, ("num_classes", "out_channels", "outputs")),
    "heads": Bound(1_000),
}

TABLE_OPTIONS = {
    "numeric": Bound(100_000, ("numeric_columns", "n_cont_features", "num_continuous")),
    "categorical": Bound(100_000, ("category_columns",)),
    "cardinality": Bound(LARGEST_SIZE),
    "width": Bound(LARGEST_WIDTH, ("d_block", "dim", "hidden_size")),
    "layers": Bound(MOST_LAYERS, ("n_blocks", "depth", "num_layers")),
    "heads": Bound(1_000, ("attention_n_heads",)),
    "classes": Bound(LARGEST_WIDTH, ("num_classes", "d_out", "outputs")),
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


def _graph_network(kind: str) -> Callable[[Mapping[str, Any], Options], Network]:
    def build(hyper_parameters: Mapping[str, Any], options: Options) -> Network:
        sizes = {name: value for name, value in hyper_parameters.items() if name != "dropout"}
        spec = GraphSpec(**integers(sizes, GRAPH_OPTIONS), dropout=fraction(hyper_parameters, "dropout", 0.5))
        if kind == "gat" and spec.hidden % spec.heads:
            raise invalid_field("model.options.heads", f"{spec.hidden} hidden channels cannot be shared by {spec.heads} heads")
        return GraphNetwork(kind, spec, options)

    return build


def _table_spec(hyper_parameters: Mapping[str, Any], defaults: TableSpec) -> TableSpec:
    rest = {name: value for name, value in hyper_parameters.items() if name not in {"dropout", "attention_dropout"}}
    none = [name for name in ("numeric", "categorical") if rest.get(name) == 0]
    sizes = {**integers({name: value for name, value in rest.items() if name not in none}, TABLE_OPTIONS), **dict.fromkeys(none, 0)}
    dropout = fraction(hyper_parameters, "dropout", defaults.dropout)
    of_attention = fraction(hyper_parameters, "attention_dropout", defaults.attention_dropout)
    return replace(defaults, **sizes, dropout=dropout, attention_dropout=of_attention)


def _ft_transformer(hyper_parameters: Mapping[str, Any], options: Options) -> Network:
    spec = _table_spec(hyper_parameters, FT_DEFAULTS)
    if not spec.numeric + spec.categorical:
        raise invalid_field("model.options.numeric", "there are no columns")
    if spec.width % spec.heads:
        raise invalid_field("model.options.heads", f"a width of {spec.width} cannot be shared by {spec.heads} heads")
    return FtTransformer(spec, options)


def _tab_transformer(hyper_parameters: Mapping[str, Any], options: Options) -> Network:
    spec = _table_spec(hyper_parameters, TAB_DEFAULTS)
    if not spec.categorical:
        raise invalid_field("model.options.categorical", "this network attends to columns of categories; it needs one at least")
    if spec.width < SHARED_PART:
        raise invalid_field("model.options.width", f"must be at least {SHARED_PART}")
    return TabTransformer(spec, options)


BUILDERS: dict[str, Callable[[Mapping[str, Any], Options], Network]] = {
    "unet": _unet,
    "lstm": _lstm,
    "mlp": _mlp,
    **{kind: _graph_network(kind) for kind in GRAPH_LAYERS},
    "ft_transformer": _ft_transformer,
    "tab_transformer": _tab_transformer,
}
