"""Keras layers as operators of a graph document, channels first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from app.architectures.graph import Program
from app.tape.tensor import Shape


class CannotConvert(Exception):
    """This layer, or this use of it, is not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of the document: its class, name, configuration and where its inputs come from."""

    kind: str
    name: str
    config: Mapping[str, Any]
    inbound: Any = None


def channels_first(lengths: Sequence[int], data_format: object = None) -> Shape:
    """A shape without its batch with the channels in front, where there are lengths to slide over; sequences stay [length, features]."""
    if len(lengths) < 3 or data_format == "channels_first":
        return tuple(lengths)
    return (lengths[-1], *lengths[:-1])


class Conversion:
    """A layer on its way into a program."""

    def __init__(self, layer: Layer, program: Program, given: Sequence[int]) -> None:
        self.layer, self.program, self.given = layer, program, list(given)

    @property
    def x(self) -> int:
        """The first input."""
        return self.given[0]

    @property
    def shape(self) -> Shape:
        """Its shape for one sample."""
        return self.program.shapes[self.x]

    def add(self, operator: str, *sources: int, **attributes: Any) -> int:
        """Adds an operator to the program."""
        return self.program.add(operator, sources, attributes)

    def integer(self, *names: str) -> int:
        """The first of these settings that is there, as a whole number."""
        value = next((self.layer.config[name] for name in names if self.layer.config.get(name) is not None), None)
        if type(value) is not int:
            raise CannotConvert
        return value

    def integers(self, name: str, count: int, default: int | None = None) -> list[int]:
        """A setting of so many whole numbers; a single one stands for all."""
        value = self.layer.config.get(name)
        value = default if value is None else value
        listed = [value] * count if type(value) is int else value
        if not isinstance(listed, list) or len(listed) != count or not all(type(n) is int for n in listed):
            raise CannotConvert
        return listed

    def flag(self, name: str, default: bool) -> bool:
        """A setting that is true or false."""
        value = self.layer.config.get(name, default)
        return value if isinstance(value, bool) else default

    def word(self, name: str) -> str:
        """A setting that is a name, or an object with a name."""
        value = self.layer.config.get(name)
        if isinstance(value, Mapping):
            value = value.get("class_name")
        return value.lower() if isinstance(value, str) else ""

    def activated(self, value: int, default: str = "linear") -> int:
        """The value after the layer's own activation."""
        name = self.word("activation") or default
        if name == "linear":
            return value
        return self.add("softmax", value) if name == "softmax" else self.add("activation", value, name=ACTIVATIONS.get(name, "other"))


ACTIVATIONS = {
    "relu": "relu", "relu6": "relu6", "leaky_relu": "leaky_relu", "leakyrelu": "leaky_relu", "elu": "elu", "selu": "selu", "gelu": "gelu",
    "silu": "silu", "swish": "silu", "sigmoid": "sigmoid", "tanh": "tanh", "hard_sigmoid": "hardsigmoid", "hard_swish": "hardswish",
    "hard_silu": "hardswish", "softplus": "softplus", "softsign": "softsign", "mish": "mish", "prelu": "prelu", "exponential": "other",
}  # fmt: skip

Converter = Callable[[Conversion], int]


def convert(layer: Layer, program: Program, given: Sequence[int]) -> int:
    """Adds a layer to the program; gives the number of its output. Raises CannotConvert or InvalidInput where it is not understood."""
    converter = CONVERTERS.get(layer.kind)
    if converter is None:
        raise CannotConvert
    return converter(Conversion(layer, program, given))


def _padding(conversion: Conversion, kernel: list[int], stride: list[int], dilation: list[int]) -> list[int]:
    """Zeros at the starts, then the ends: none for "valid", as many as keep length / stride for "same"; all in front for "causal"."""
    padding = conversion.word("padding") or "valid"
    if padding == "valid":
        return [0] * 2 * len(kernel)
    if min(stride) < 1:
        raise CannotConvert
    lengths = conversion.shape[2:]
    totals = [
        max(0, (-(-length // step) - 1) * step + spread * (taps - 1) + 1 - length)
        for length, taps, step, spread in zip(lengths, kernel, stride, dilation, strict=False)
    ]
    if padding == "causal":
        return [*totals, *[0] * len(kernel)]
    return [*(total // 2 for total in totals), *(total - total // 2 for total in totals)]


def _swapped(conversion: Conversion, value: int) -> int:
    """[batch, length, features] as [batch, features, length], or back. Keras's one-dimensional layers have features last."""
    return conversion.add("transpose", value, order=[0, 2, 1])


def _convolution(rank: int, *, depthwise: bool = False) -> Converter:
    def make(conversion: Conversion) -> int:
        source = _swapped(conversion, conversion.x) if rank == 1 else conversion.x
        inner = Conversion(conversion.layer, conversion.program, [source])
        out = _convolved(inner, rank, depthwise=depthwise)
        return conversion.activated(_swapped(conversion, out) if rank == 1 else out)

    return make


def _convolved(conversion: Conversion, rank: int, *, depthwise: bool) -> int:
    if len(conversion.shape) != rank + 2:
        raise CannotConvert
    kernel, stride = conversion.integers("kernel_size", rank), conversion.integers("strides", rank, 1)
    dilation, channels = conversion.integers("dilation_rate", rank, 1), conversion.shape[1]
    multiplier = conversion.integers("depth_multiplier", 1, 1)[0]
    return conversion.add(
        "conv", conversion.x, out=channels * multiplier if depthwise else conversion.integer("filters"), kernel=kernel, stride=stride,
        pads=_padding(conversion, kernel, stride, dilation), dilation=dilation,
        groups=channels if depthwise else conversion.integers("groups", 1, 1)[0], bias=conversion.flag("use_bias", True),
    )  # fmt: skip


def _separable(conversion: Conversion) -> int:
    """A depthwise convolution without bias, then one of size one."""
    plain = Layer(kind="", name="", config={**conversion.layer.config, "use_bias": False})
    depthwise = _convolved(Conversion(plain, conversion.program, conversion.given), 2, depthwise=True)
    out = conversion.add("conv", depthwise, out=conversion.integer("filters"), kernel=[1, 1], bias=conversion.flag("use_bias", True))
    return conversion.activated(out)


def _transposed(rank: int) -> Converter:
    def make(conversion: Conversion) -> int:
        """Output is length x stride for "same", more by the kernel's overhang for "valid"."""
        source = _swapped(conversion, conversion.x) if rank == 1 else conversion.x
        kernel, stride = conversion.integers("kernel_size", rank), conversion.integers("strides", rank, 1)
        same = conversion.word("padding") == "same"
        over = [max(0, taps - step) for taps, step in zip(kernel, stride, strict=True)]
        padding = [-(-extra // 2) for extra in over] if same else [0] * rank
        missing = [step - taps if taps < step else 0 for taps, step in zip(kernel, stride, strict=True)]
        rest = [2 * pad - extra + gap for pad, extra, gap in zip(padding, over, missing, strict=True)] if same else missing
        out = conversion.add(
            "conv_transpose", source, out=conversion.integer("filters"), kernel=kernel, stride=stride, padding=padding,
            output_padding=rest, bias=conversion.flag("use_bias", True),
        )  # fmt: skip
        return conversion.activated(_swapped(conversion, out) if rank == 1 else out)

    return make


def _pool(operator: str, rank: int) -> Converter:
    def make(conversion: Conversion) -> int:
        source = _swapped(conversion, conversion.x) if rank == 1 else conversion.x
        inner = Conversion(conversion.layer, conversion.program, [source])
        kernel = inner.integers("pool_size", rank, 2)
        stride = kernel if conversion.layer.config.get("strides") is None else inner.integers("strides", rank)
        out = inner.add(operator, source, kernel=kernel, stride=stride, pads=_padding(inner, kernel, stride, [1] * rank))
        return _swapped(conversion, out) if rank == 1 else out

    return make


def _global_pool(rank: int) -> Converter:
    def make(conversion: Conversion) -> int:
        shape = conversion.shape
        channels = shape[-1] if rank == 1 else shape[1]
        after = [shape[0], channels] if not conversion.flag("keepdims", False) else [shape[0], channels, *[1] * rank]
        return conversion.add("resize", conversion.x, shape=after)

    return make


def _dense(conversion: Conversion) -> int:
    """The features of maps are their channels, which lie in front here."""
    shape, units = conversion.shape, conversion.integer("units", "output_dim")
    bias = conversion.flag("use_bias", True)
    if len(shape) > 3:
        ones = [1] * (len(shape) - 2)
        return conversion.activated(conversion.add("conv", conversion.x, out=units, kernel=ones, bias=bias))
    return conversion.activated(conversion.add("linear", conversion.x, out=units, bias=bias))


def _embedding(conversion: Conversion) -> int:
    return conversion.add("embedding", conversion.x, count=conversion.integer("input_dim"), size=conversion.integer("output_dim"))


def _batch_norm(conversion: Conversion) -> int:
    """Over the features, which are last for sequences."""
    if len(conversion.shape) != 3:
        return conversion.add("batch_norm", conversion.x)
    return _swapped(conversion, conversion.add("batch_norm", _swapped(conversion, conversion.x)))


def _layer_norm(conversion: Conversion) -> int:
    return conversion.add("layer_norm" if len(conversion.shape) < 4 else "batch_norm", conversion.x)


def _activation(default: str) -> Converter:
    return lambda conversion: conversion.activated(conversion.x, default)


def _named_activation(name: str) -> Converter:
    return lambda conversion: conversion.add("activation", conversion.x, name=name)


def _dropout(conversion: Conversion) -> int:
    return conversion.add("dropout", conversion.x, probability=conversion.layer.config.get("rate", 0.0))


def _flatten(conversion: Conversion) -> int:
    shape = conversion.shape
    return conversion.add("reshape", conversion.x, shape=[shape[0], prod(shape[1:])])


def _reshape(conversion: Conversion) -> int:
    wanted = conversion.layer.config.get("target_shape")
    if not isinstance(wanted, list) or not all(type(n) is int for n in wanted) or wanted.count(-1) > 1:
        raise CannotConvert
    known = prod(n for n in wanted if n != -1)
    if not known:
        raise CannotConvert
    lengths = [prod(conversion.shape) // known if n == -1 else n for n in wanted]
    return conversion.add("reshape", conversion.x, shape=[1, *channels_first(lengths)])


def _permute(conversion: Conversion) -> int:
    dims = conversion.layer.config.get("dims")
    if len(conversion.shape) != 3 or not isinstance(dims, list):
        raise CannotConvert
    return conversion.add("transpose", conversion.x, order=[0, *dims])


def _repeated(conversion: Conversion) -> int:
    shape = conversion.shape
    return conversion.add("resize", conversion.x, shape=[shape[0], conversion.integer("n"), *shape[1:]])


def _zero_padding(rank: int) -> Converter:
    def make(conversion: Conversion) -> int:
        padding = conversion.layer.config.get("padding", 1)
        pairs = padding if isinstance(padding, list) else [padding] * rank
        ends = [sum(pair) if isinstance(pair, list) and all(type(n) is int for n in pair) else pair for pair in pairs]
        if len(ends) != rank or not all(type(n) is int for n in ends):
            raise CannotConvert
        both = [end if isinstance(pair, list) else 2 * end for end, pair in zip(ends, pairs, strict=True)]
        return _with_lengths(conversion, [length + extra for length, extra in zip(_lengths(conversion, rank), both, strict=True)])

    return make


def _upsampling(rank: int) -> Converter:
    def make(conversion: Conversion) -> int:
        factors = conversion.integers("size", rank, 2)
        return _with_lengths(conversion, [length * factor for length, factor in zip(_lengths(conversion, rank), factors, strict=True)])

    return make


def _lengths(conversion: Conversion, rank: int) -> list[int]:
    """The lengths to slide over, without batch and channels."""
    shape = conversion.shape
    if len(shape) != rank + 2:
        raise CannotConvert
    return [shape[1]] if rank == 1 else list(shape[2:])


def _with_lengths(conversion: Conversion, lengths: list[int]) -> int:
    shape = conversion.shape
    after = [shape[0], *lengths, shape[2]] if len(shape) == 3 else [*shape[:2], *lengths]
    return conversion.add("resize", conversion.x, shape=after)


def _joined(operator: str) -> Converter:
    return lambda conversion: conversion.add(operator, *conversion.given)


def _concatenation(conversion: Conversion) -> int:
    """Along the features unless another axis is given; those of maps lie in front here."""
    rank = len(conversion.shape)
    axis = conversion.integers("axis", 1, -1)[0]
    if not -rank <= axis < rank:
        raise CannotConvert
    axis %= rank
    if rank > 3:
        axis = 1 if axis == rank - 1 else axis + 1 if axis else 0
    return conversion.add("concat", *conversion.given, axis=axis)


def _two_biases(conversion: Conversion, kind: str) -> bool:
    """A GRU that resets after the product keeps the biases of both products, as cuDNN does; the other cells have one."""
    return kind == "gru" and conversion.flag("reset_after", True)


def _recurrent(kind: str) -> Converter:
    def make(conversion: Conversion) -> int:
        return conversion.add(
            "recurrent", conversion.x, cell=kind, hidden=conversion.integer("units"),
            sequences=conversion.flag("return_sequences", False), second_bias=_two_biases(conversion, kind),
        )  # fmt: skip

    return make


def _bidirectional(conversion: Conversion) -> int:
    inner = conversion.layer.config.get("layer")
    config = inner.get("config") if isinstance(inner, Mapping) else None
    kind = CELLS.get(str(inner.get("class_name"))) if isinstance(inner, Mapping) else None
    if not isinstance(config, Mapping) or kind is None:
        raise CannotConvert
    wrapped = Conversion(Layer(kind=kind, name=conversion.layer.name, config=config), conversion.program, conversion.given)
    return wrapped.add(
        "recurrent", wrapped.x, cell=kind, hidden=wrapped.integer("units"), bidirectional=True,
        sequences=wrapped.flag("return_sequences", False), second_bias=_two_biases(wrapped, kind),
    )  # fmt: skip


def _time_distributed(conversion: Conversion) -> int:
    """A dense layer at every step: dense layers work on the last dimension anyway."""
    inner = conversion.layer.config.get("layer")
    config = inner.get("config") if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(config, Mapping) or inner.get("class_name") != "Dense":
        raise CannotConvert
    return _dense(Conversion(Layer(kind="Dense", name="", config=config), conversion.program, conversion.given))


def _attention(conversion: Conversion) -> int:
    return conversion.add("attention", *conversion.given[:2], heads=conversion.integer("num_heads"), size=conversion.integer("key_dim"))


def _passed_on(conversion: Conversion) -> int:
    """Nothing to keep: preprocessing, or active in training data only."""
    return conversion.x


def _elementwise(conversion: Conversion) -> int:
    return conversion.add("copy", conversion.x)


CELLS = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn", "CuDNNLSTM": "lstm", "CuDNNGRU": "gru"}
CONVERTERS: dict[str, Converter] = {
    "Dense": _dense, "Embedding": _embedding,
    "Conv1D": _convolution(1), "Conv2D": _convolution(2), "Conv3D": _convolution(3), "Convolution2D": _convolution(2),
    "DepthwiseConv1D": _convolution(1, depthwise=True), "DepthwiseConv2D": _convolution(2, depthwise=True), "SeparableConv2D": _separable,
    "Conv1DTranspose": _transposed(1), "Conv2DTranspose": _transposed(2), "Conv3DTranspose": _transposed(3),
    "MaxPooling1D": _pool("max_pool", 1), "MaxPooling2D": _pool("max_pool", 2), "MaxPooling3D": _pool("max_pool", 3),
    "AveragePooling1D": _pool("average_pool", 1), "AveragePooling2D": _pool("average_pool", 2),
    "AveragePooling3D": _pool("average_pool", 3),
    "GlobalAveragePooling1D": _global_pool(1), "GlobalAveragePooling2D": _global_pool(2), "GlobalAveragePooling3D": _global_pool(3),
    "GlobalMaxPooling1D": _global_pool(1), "GlobalMaxPooling2D": _global_pool(2), "GlobalMaxPooling3D": _global_pool(3),
    "BatchNormalization": _batch_norm, "LayerNormalization": _layer_norm, "RMSNormalization": _layer_norm,
    "GroupNormalization": _batch_norm, "UnitNormalization": _elementwise,
    "Activation": _activation("linear"), "ReLU": _named_activation("relu"), "LeakyReLU": _named_activation("leaky_relu"),
    "ELU": _named_activation("elu"), "PReLU": _named_activation("prelu"), "Softmax": _activation("softmax"),
    "Dropout": _dropout, "SpatialDropout1D": _dropout, "SpatialDropout2D": _dropout, "AlphaDropout": _dropout, "GaussianDropout": _dropout,
    "GaussianNoise": _elementwise, "ActivityRegularization": _passed_on, "Masking": _elementwise,
    "Flatten": _flatten, "Reshape": _reshape, "Permute": _permute, "RepeatVector": _repeated,
    "ZeroPadding1D": _zero_padding(1), "ZeroPadding2D": _zero_padding(2), "ZeroPadding3D": _zero_padding(3),
    "UpSampling1D": _upsampling(1), "UpSampling2D": _upsampling(2), "UpSampling3D": _upsampling(3),
    "Add": _joined("add"), "Subtract": _joined("add"), "Average": _joined("add"), "Maximum": _joined("add"), "Minimum": _joined("add"),
    "Multiply": _joined("multiply"), "Concatenate": _concatenation,
    "LSTM": _recurrent("lstm"), "GRU": _recurrent("gru"), "SimpleRNN": _recurrent("rnn"), "CuDNNLSTM": _recurrent("lstm"),
    "CuDNNGRU": _recurrent("gru"), "Bidirectional": _bidirectional, "TimeDistributed": _time_distributed,
    "MultiHeadAttention": _attention,
    "Rescaling": _elementwise, "Normalization": _elementwise, "RandomFlip": _passed_on, "RandomRotation": _passed_on,
    "RandomZoom": _passed_on, "RandomContrast": _passed_on, "RandomTranslation": _passed_on, "RandomCrop": _passed_on,
}  # fmt: skip
