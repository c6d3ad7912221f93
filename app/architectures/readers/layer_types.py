"""The layers that a layer list may name, as operators of a graph. Shapes are PyTorch's: channels first, sequences [length, features]."""

from collections.abc import Callable
from math import prod
from typing import Any

from app.architectures.graph import Program
from app.architectures.graph_attributes import Attributes
from app.architectures.graph_operators import ACTIVATIONS
from app.tape.tensor import Shape

DIMENSIONS = {1: "channels and length", 2: "channels, height and width", 3: "channels, frames, height and width"}
NORMALIZED = {"swish": "silu", "leakyrelu": "leaky_relu", "hard_swish": "hardswish", "hard_sigmoid": "hardsigmoid"}
MOST_RECURRENT_LAYERS = 64


class Entry:
    """One layer of the list on its way into a program. `given` are the values it works on; every setting read is noted."""

    def __init__(self, attributes: Attributes, program: Program, given: list[int]) -> None:
        self.attributes, self.program, self.given = attributes, program, given
        self.read = {"type", "name", "from"}

    @property
    def shape(self) -> Shape:
        """The shape of its first input for one sample, without the batch."""
        return self.program.shapes[self.given[0]][1:]

    def name(self, *names: str) -> str:
        """The one of a setting's names that is used; the first where none is."""
        used = next((name for name in names if name in self.attributes.values), names[0])
        self.read.add(used)
        return used

    def number(self, *names: str, default: int | None = None, least: int = 1, largest: int = 10**7) -> int:
        """A setting that is a whole number."""
        return self.attributes.number(self.name(*names), default, least=least, largest=largest)

    def numbers(self, count: int, *names: str, default: int | None = None, least: int = 1) -> list[int]:
        """A setting of one number for each dimension; a single one stands for all."""
        return list(self.attributes.numbers(self.name(*names), count, None if default is None else [default] * count, least=least))

    def flag(self, *names: str, default: bool) -> bool:
        """A setting that is true or false."""
        return self.attributes.flag(self.name(*names), default)

    def share(self, *names: str, default: float = 0.0) -> float:
        """A setting from 0 to 1."""
        return self.attributes.share(self.name(*names), default)

    def add(self, operator: str, source: int, **settings: Any) -> int:
        """Adds an operator to the program."""
        return self.program.add(operator, [source], settings)

    def activated(self, value: int) -> int:
        """The value after the activation that the layer names, if any."""
        name = self.name("activation")
        if self.attributes.values.get(name) in (None, "linear", "none"):
            return value
        word = NORMALIZED.get(str(self.attributes.values[name]), self.attributes.values[name])
        if word == "softmax":
            return self.add("softmax", value)
        return self.add("activation", value, name=Attributes({name: word}, self.attributes.path).word(name, ACTIVATIONS))

    def lengths(self, rank: int) -> list[int]:
        """The lengths to slide over. Raises InvalidInput where the input has another number of dimensions."""
        if len(self.shape) != rank + 1:
            raise self.wrong(f"needs an input of {DIMENSIONS[rank]}, but gets one of shape {list(self.shape)}")
        return list(self.shape[1:])

    def wrong(self, message: str) -> Exception:
        """The error for a layer that does not fit its input."""
        return self.attributes.wrong("type", message)


Layer = Callable[[Entry], int]


def _dense(entry: Entry) -> int:
    if len(entry.shape) > 2:
        raise entry.wrong(f"needs features, but gets an input of shape {list(entry.shape)}: put a flatten layer before it")
    out = entry.add("linear", entry.given[0], out=entry.number("out", "units", "features"), bias=entry.flag("bias", default=True))
    return entry.activated(out)


def _padding(entry: Entry, lengths: list[int], reach: list[int], stride: list[int]) -> list[int]:
    """Zeros at the starts, then at the ends; "same" keeps length / stride."""
    value = entry.attributes.values.get(entry.name("padding"))
    if value == "same":
        over = [max((-(-length // step) - 1) * step + taps - length, 0) for length, taps, step in zip(lengths, reach, stride, strict=True)]
        return [*(extra // 2 for extra in over), *(extra - extra // 2 for extra in over)]
    return [0] * 2 * len(lengths) if value == "valid" else entry.numbers(len(lengths), "padding", default=0, least=0) * 2


def _convolution(rank: int) -> Layer:
    def add(entry: Entry) -> int:
        lengths = entry.lengths(rank)
        kernel = entry.numbers(rank, "kernel", "kernel_size")
        stride = entry.numbers(rank, "stride", "strides", default=1)
        dilation = entry.numbers(rank, "dilation", default=1)
        reach = [spread * (taps - 1) + 1 for spread, taps in zip(dilation, kernel, strict=True)]
        out = entry.add(
            "conv", entry.given[0], out=entry.number("out", "filters", "channels"), kernel=kernel, stride=stride, dilation=dilation,
            pads=_padding(entry, lengths, reach, stride), groups=entry.number("groups", default=1), bias=entry.flag("bias", default=True),
        )  # fmt: skip
        return entry.activated(out)

    return add


def _transposed(rank: int) -> Layer:
    def add(entry: Entry) -> int:
        entry.lengths(rank)
        out = entry.add(
            "conv_transpose", entry.given[0], out=entry.number("out", "filters", "channels"),
            kernel=entry.numbers(rank, "kernel", "kernel_size"), stride=entry.numbers(rank, "stride", "strides", default=1),
            padding=entry.numbers(rank, "padding", default=0, least=0),
            output_padding=entry.numbers(rank, "output_padding", default=0, least=0),
            groups=entry.number("groups", default=1), bias=entry.flag("bias", default=True),
        )  # fmt: skip
        return entry.activated(out)

    return add


def _pooling(operator: str, rank: int) -> Layer:
    def add(entry: Entry) -> int:
        lengths = entry.lengths(rank)
        kernel = entry.numbers(rank, "kernel", "kernel_size", "size", default=2)
        stride_name = entry.name("stride", "strides")
        stride = entry.numbers(rank, stride_name) if stride_name in entry.attributes.values else kernel
        return entry.add(operator, entry.given[0], kernel=kernel, stride=stride, pads=_padding(entry, lengths, kernel, stride))

    return add


def _global_pooling(entry: Entry) -> int:
    if len(entry.shape) < 2:
        raise entry.wrong(f"needs channels and lengths, but gets an input of shape {list(entry.shape)}")
    return entry.add("resize", entry.given[0], shape=[1, entry.shape[0]])


def _adaptive_pooling(rank: int) -> Layer:
    def add(entry: Entry) -> int:
        entry.lengths(rank)
        return entry.add("resize", entry.given[0], shape=[1, entry.shape[0], *entry.numbers(rank, "out", "output_size", default=1)])

    return add


def _upsampling(entry: Entry) -> int:
    rank = len(entry.shape) - 1
    if rank not in DIMENSIONS:
        raise entry.wrong(f"needs channels and lengths, but gets an input of shape {list(entry.shape)}")
    factors = entry.numbers(rank, "factor", "scale", "scale_factor", default=2)
    lengths = [length * factor for length, factor in zip(entry.shape[1:], factors, strict=True)]
    return entry.add("resize", entry.given[0], shape=[1, entry.shape[0], *lengths])


def _norm(operator: str) -> Layer:
    return lambda entry: entry.add(operator, entry.given[0])


def _group_norm(entry: Entry) -> int:
    return entry.add("group_norm", entry.given[0], groups=entry.number("groups", default=32))


def _activation(name: str) -> Layer:
    return lambda entry: entry.add("activation", entry.given[0], name=name)


def _named_activation(entry: Entry) -> int:
    name = entry.name("activation", "name", "function")
    entry.attributes.word(name, frozenset({*ACTIVATIONS, *NORMALIZED, "softmax", "linear"}))
    return Entry(Attributes({"activation": entry.attributes.values[name]}, entry.attributes.path), entry.program, entry.given).activated(
        entry.given[0]
    )


def _softmax(entry: Entry) -> int:
    return entry.add("softmax", entry.given[0])


def _dropout(entry: Entry) -> int:
    return entry.add("dropout", entry.given[0], probability=entry.share("rate", "p", "probability", default=0.5))


def _embedding(entry: Entry) -> int:
    count = entry.number("count", "vocabulary", "num_embeddings", largest=10**9)
    return entry.add("embedding", entry.given[0], count=count, size=entry.number("size", "dimension", "out", "embedding_dim"))


def _recurrent(cell: str) -> Layer:
    def add(entry: Entry) -> int:
        if len(entry.shape) != 2:
            raise entry.wrong(f"needs an input of length and features, but gets one of shape {list(entry.shape)}")
        value, layers = entry.given[0], entry.number("layers", "num_layers", default=1, largest=MOST_RECURRENT_LAYERS)
        hidden, both = entry.number("hidden", "units", "out", "hidden_size"), entry.flag("bidirectional", default=False)
        sequences, dropout = entry.flag("sequences", "return_sequences", default=True), entry.share("dropout")
        for layer in range(layers):
            if layer and dropout:
                value = entry.add("dropout", value, probability=dropout)
            value = entry.add("recurrent", value, cell=cell, hidden=hidden, bidirectional=both, sequences=sequences or layer < layers - 1)
        return value

    return add


def _attention(entry: Entry) -> int:
    if len(entry.shape) != 2:
        raise entry.wrong(f"needs an input of length and features, but gets one of shape {list(entry.shape)}")
    heads, width = entry.number("heads", "num_heads", largest=4096), entry.shape[1]
    size = entry.number("size", "head_size", default=max(1, width // heads), largest=65_536)
    return entry.program.add("attention", entry.given[:2], {"heads": heads, "size": size})


def _flatten(entry: Entry) -> int:
    return entry.add("reshape", entry.given[0], shape=[1, prod(entry.shape)])


def _transpose(entry: Entry) -> int:
    if len(entry.shape) != 2:
        raise entry.wrong(f"exchanges the two dimensions of a sequence, but gets an input of shape {list(entry.shape)}")
    return entry.add("transpose", entry.given[0], order=[0, 2, 1])


def _joined(operator: str) -> Layer:
    def add(entry: Entry) -> int:
        if len(entry.given) < 2:
            raise entry.attributes.wrong("from", "name the layers whose outputs come together")
        return entry.program.add(operator, entry.given, {})

    return add


def _concatenation(entry: Entry) -> int:
    """Along the channels of maps, the features of sequences."""
    if len(entry.given) < 2:
        raise entry.attributes.wrong("from", "name the layers whose outputs come together")
    axis = entry.number("axis", default=-1 if len(entry.shape) < 3 else 1, least=-8, largest=8)
    return entry.program.add("concat", entry.given, {"axis": axis})


def _identity(entry: Entry) -> int:
    return entry.given[0]


JOINING = frozenset({"add", "sum", "multiply", "concat", "concatenate", "cat"})
RANKS = (1, 2, 3)

TYPES: dict[str, Layer] = {
    **dict.fromkeys(("dense", "linear", "fc"), _dense),
    **{f"conv{rank}d": _convolution(rank) for rank in RANKS},
    **{f"{name}{rank}d": _transposed(rank) for rank in RANKS for name in ("convtranspose", "transposedconv", "deconv")},
    **{f"{name}{rank}d": _pooling("max_pool", rank) for rank in RANKS for name in ("maxpool", "maxpooling")},
    **{f"{name}{rank}d": _pooling("average_pool", rank) for rank in RANKS for name in ("avgpool", "averagepool", "averagepooling")},
    **{f"adaptiveavgpool{rank}d": _adaptive_pooling(rank) for rank in RANKS},
    **dict.fromkeys(("globalavgpool", "globalaveragepool", "globalaveragepooling", "globalmaxpool"), _global_pooling),
    **dict.fromkeys(("upsample", "upsampling"), _upsampling),
    **dict.fromkeys(("batchnorm", "batchnorm1d", "batchnorm2d", "batchnorm3d", "batchnormalization"), _norm("batch_norm")),
    **dict.fromkeys(("layernorm", "layernormalization"), _norm("layer_norm")),
    **dict.fromkeys(("rmsnorm", "rmsnormalization"), _norm("rms_norm")),
    **dict.fromkeys(("groupnorm", "groupnormalization"), _group_norm),
    **{name.replace("_", ""): _activation(name) for name in ACTIVATIONS - {"other"}},
    **{name.replace("_", ""): _activation(meant) for name, meant in NORMALIZED.items()},
    "activation": _named_activation, "softmax": _softmax,
    "dropout": _dropout, "embedding": _embedding, "flatten": _flatten, "identity": _identity,
    "lstm": _recurrent("lstm"), "gru": _recurrent("gru"), "rnn": _recurrent("rnn"), "simplernn": _recurrent("rnn"),
    **dict.fromkeys(("attention", "multiheadattention", "selfattention"), _attention),
    "transpose": _transpose, "permute": _transpose,
    "add": _joined("add"), "sum": _joined("add"), "multiply": _joined("multiply"),
    **dict.fromkeys(("concat", "concatenate", "cat"), _concatenation),
}  # fmt: skip

COMMON = (
    "dense", "conv1d", "conv2d", "conv3d", "conv_transpose2d", "max_pool2d", "avg_pool2d", "global_avg_pool", "upsample", "batch_norm",
    "layer_norm", "group_norm", "relu", "gelu", "activation", "dropout", "embedding", "lstm", "gru", "rnn", "attention", "flatten",
    "transpose", "add", "concat",
)  # fmt: skip
