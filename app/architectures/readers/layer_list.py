"""A network as a list of layers, such as a tutorial shows it: each takes the result of the one before it.

Shapes are those of PyTorch: [channels, height, width] for images, [length, features] for sequences, [length] for token ids. `add` and
`concat` join the result of an earlier layer, named by its place in the list (`"with": 0` is the first layer).
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from app.architectures.graph import GraphNetwork, Program
from app.architectures.graph_attributes import Attributes
from app.architectures.graph_operators import ACTIVATIONS
from app.architectures.network import Network, Options
from app.errors import FieldError, InvalidInput
from app.workloads.model import Graph, GraphInput

WINDOW = ("kernel", "stride", "padding", "dilation")
COMMON = ("type", "name", "activation")


class Row:
    """The layers read so far: the program they make, and the value that each of them left."""

    def __init__(self, shape: Sequence[int], *, tokens: bool) -> None:
        self.input = GraphInput(shape=tuple(shape), kind="indices" if tokens else "values")
        self.program = Program([self.input])
        self.results: list[int] = []
        self.value = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the newest value for one sample, batch included."""
        return self.program.shapes[self.value]

    def add(self, operator: str, *others: int, **attributes: Any) -> None:
        """Runs an operator on the newest value (and others)."""
        self.value = self.program.add(operator, [self.value, *others], attributes)


Read = Callable[[Row, Attributes], None]


def _padding(layer: Attributes, row: Row, kernel: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """Zeros at the starts, then the ends; "same" keeps the length at stride 1."""
    if layer.values.get("padding") == "same":
        reach = [spread * (taps - 1) for taps, spread in zip(kernel, dilation, strict=True)]
        return [*(total // 2 for total in reach), *(total - total // 2 for total in reach)]
    return [*layer.numbers("padding", len(kernel), [0] * len(kernel), least=0)] * 2


def _rank(layer: Attributes, row: Row) -> int:
    kind = str(layer.values["type"])
    rank = next((int(digit) for digit in "123" if f"{digit}d" in kind), len(row.shape) - 2)
    if len(row.shape) != rank + 2:
        raise layer.wrong("type", f"needs channels and {rank} lengths; the layer before it gives {list(row.shape[1:])}")
    return rank


def _convolution(row: Row, layer: Attributes) -> None:
    rank = _rank(layer, row)
    kernel, dilation = layer.numbers("kernel", rank), layer.numbers("dilation", rank, [1] * rank)
    row.add(
        "conv", out=layer.number("out"), kernel=kernel, stride=layer.numbers("stride", rank, [1] * rank), dilation=dilation,
        pads=_padding(layer, row, kernel, dilation), groups=layer.number("groups", 1), bias=layer.flag("bias", True),
    )  # fmt: skip


def _transposed_convolution(row: Row, layer: Attributes) -> None:
    rank = _rank(layer, row)
    row.add(
        "conv_transpose", out=layer.number("out"), kernel=layer.numbers("kernel", rank), stride=layer.numbers("stride", rank, [1] * rank),
        padding=layer.numbers("padding", rank, [0] * rank, least=0), bias=layer.flag("bias", True),
        output_padding=layer.numbers("output_padding", rank, [0] * rank, least=0),
    )  # fmt: skip


def _pooling(operator: str) -> Read:
    def read(row: Row, layer: Attributes) -> None:
        rank = _rank(layer, row)
        kernel = layer.numbers("kernel", rank)
        pads = _padding(layer, row, kernel, [1] * rank)
        row.add(operator, kernel=kernel, stride=layer.numbers("stride", rank, kernel), pads=pads)

    return read


def _global_pooling(row: Row, layer: Attributes) -> None:
    _rank(layer, row)
    row.add("average_pool", kernel=row.shape[2:])
    row.add("reshape", shape=row.shape[:2])


def _plain(operator: str) -> Read:
    return lambda row, layer: row.add(operator)


def _dense(row: Row, layer: Attributes) -> None:
    row.add("linear", out=layer.number("out"), bias=layer.flag("bias", True))


def _activation(row: Row, layer: Attributes) -> None:
    kind = layer.values["type"]
    _activate(row, layer.word("name", ACTIVATIONS | {"softmax"}) if kind == "activation" else str(kind))


def _activate(row: Row, name: str) -> None:
    if name == "softmax":
        row.add("softmax")
    else:
        row.add("activation", name=name)


def _dropout(row: Row, layer: Attributes) -> None:
    row.add("dropout", probability=layer.share("probability", 0.5))


def _embedding(row: Row, layer: Attributes) -> None:
    row.add("embedding", count=layer.number("count", largest=10**9), size=layer.number("out"))


def _recurrent(row: Row, layer: Attributes) -> None:
    row.add(
        "recurrent", cell=str(layer.values["type"]), hidden=layer.number("out", largest=10**6), sequences=layer.flag("sequences", True),
        bidirectional=layer.flag("bidirectional", False),
    )  # fmt: skip


def _attention(row: Row, layer: Attributes) -> None:
    heads = layer.number("heads", largest=4096)
    if row.shape[-1] % heads:
        raise layer.wrong("heads", f"{row.shape[-1]} features do not divide by {heads} heads")
    row.add("attention", heads=heads, size=row.shape[-1] // heads)


def _flatten(row: Row, layer: Attributes) -> None:
    row.add("reshape", shape=(1, prod(row.shape[1:])))


def _joining(operator: str, **attributes: Any) -> Read:
    def read(row: Row, layer: Attributes) -> None:
        named = layer.values.get("with")
        places: list[Any] = list(named) if isinstance(named, (list, tuple)) else [named]
        if not places or not all(type(place) is int and 0 <= place < len(row.results) for place in places):
            raise layer.wrong("with", f"must name an earlier layer, from 0 to {len(row.results) - 1}")
        row.add(operator, *(row.results[place] for place in places), **attributes)

    return read


# Type -> how it is read, and the fields it takes beside type, name and activation.
_CONVOLUTION = (_convolution, (*WINDOW, "out", "groups", "bias"))
_TRANSPOSED = (_transposed_convolution, (*WINDOW[:3], "out", "bias", "output_padding"))
_RECURRENT = (_recurrent, ("out", "sequences", "bidirectional"))
LAYERS: dict[str, tuple[Read, tuple[str, ...]]] = {
    **{f"conv{rank}d": _CONVOLUTION for rank in (1, 2, 3)},
    **{f"conv{rank}d_transpose": _TRANSPOSED for rank in (1, 2, 3)},
    **{f"max_pool{rank}d": (_pooling("max_pool"), WINDOW[:3]) for rank in (1, 2, 3)},
    **{f"avg_pool{rank}d": (_pooling("average_pool"), WINDOW[:3]) for rank in (1, 2, 3)},
    "global_avg_pool": (_global_pooling, ()),
    "batch_norm": (_plain("batch_norm"), ()),
    "layer_norm": (_plain("layer_norm"), ()),
    "dense": (_dense, ("out", "bias")),
    "linear": (_dense, ("out", "bias")),
    "activation": (_activation, ("name",)),
    **dict.fromkeys((*ACTIVATIONS - {"other"}, "softmax"), (_activation, ())),
    "dropout": (_dropout, ("probability",)),
    "embedding": (_embedding, ("count", "out")),
    **dict.fromkeys(("lstm", "gru", "rnn"), _RECURRENT),
    "attention": (_attention, ("heads",)),
    "flatten": (_flatten, ()),
    "add": (_joining("add"), ("with",)),
    "concat": (_joining("concat", axis=1), ("with",)),
}


def build(shape: Sequence[int], layers: Sequence[Mapping[str, Any]], options: Options) -> Network:
    """The network of a layer list. Raises InvalidInput naming the layer that is not understood or does not fit the one before it."""
    row = Row(shape, tokens=bool(layers) and layers[0].get("type") == "embedding")
    for index, layer in enumerate(layers):
        path = f"model.layers.{index}"
        try:
            _read(row, Attributes(layer, path))
        except InvalidInput as refused:
            raise _at_layer(refused, path) from None
        row.results.append(row.value)
    return GraphNetwork(Graph(inputs=(row.input,), nodes=tuple(row.program.documents), output=row.value), options)


def _read(row: Row, layer: Attributes) -> None:
    kind = layer.values.get("type")
    if not isinstance(kind, str) or kind not in LAYERS:
        raise layer.wrong("type", f"'{str(kind)[:40]}' is not a layer; use one of {', '.join(sorted(LAYERS))}")
    read, fields = LAYERS[kind]
    unknown = next((name for name in layer.values if name not in (*COMMON, *fields)), None)
    if unknown is not None:
        raise layer.wrong(str(unknown)[:40], f"is not a setting of {kind}; it takes {', '.join(fields) or 'none'}")
    read(row, layer)
    if kind != "activation" and "activation" in layer.values:
        _activate(row, layer.word("activation", ACTIVATIONS | {"softmax"}))


def _at_layer(refused: InvalidInput, path: str) -> InvalidInput:
    """What the graph says of a node, said of the layer that it was made for."""
    error = refused.errors[0]
    if error.path.startswith(path):
        return refused
    field = error.path.rpartition(".")[2]
    return InvalidInput([FieldError(path=f"{path}.{'type' if field in ('from', 'op') else field}", message=error.message)])
