"""ONNX operators as operators of a graph document."""

from collections.abc import Callable, Sequence
from math import prod

from app.architectures.graph import Program
from app.architectures.readers.onnx_node import CannotConvert, Conversion, Node
from app.architectures.readers.onnx_values import Numbers, Result, Weight
from app.tape.tensor import Shape

MOST_PARTS = 64  # of one split
DEFAULT_DROPOUT = 0.5  # of ONNX's Dropout before opset 12

Converter = Callable[[Conversion], Sequence[int]]


def convert(node: Node, program: Program) -> Sequence[int]:
    """Adds a node to the program; gives the numbers of its outputs. Raises CannotConvert or InvalidInput where it is not understood."""
    conversion = Conversion(node, program)
    if node.operator in UNARY:
        return [conversion.add("activation", conversion.result(), name=UNARY[node.operator])]
    if node.operator in COPIES:
        return [conversion.add("copy", conversion.result())]
    if node.operator not in CONVERTERS:
        raise CannotConvert
    return CONVERTERS[node.operator](conversion)


def _pads(conversion: Conversion, shape: Shape, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """Zeros at the start of each dimension, then at the ends: as given, or as `auto_pad` works them out."""
    auto = conversion.word("auto_pad", "NOTSET")
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        return conversion.integers("pads", [0] * 2 * len(kernel))
    if min(*stride, 1) < 1 or len(stride) != len(kernel) or len(dilation) != len(kernel):
        raise CannotConvert
    totals = [
        max(0, (-(-length // step) - 1) * step + spread * (taps - 1) + 1 - length)
        for length, taps, step, spread in zip(shape[2:], kernel, stride, dilation, strict=False)
    ]
    small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return [*small, *large] if auto == "SAME_UPPER" else [*large, *small]


def _filters(conversion: Conversion) -> tuple[Shape, list[int]]:
    """A convolution's weight and the lengths of its kernel, of which there must be one at least."""
    weight = conversion.weight(1)
    if len(weight) < 3:
        raise CannotConvert
    return weight, list(weight[2:])


def _convolution(conversion: Conversion) -> Sequence[int]:
    (weight, kernel), shape = _filters(conversion), conversion.shape()
    ones = [1] * len(kernel)
    stride, dilation = conversion.integers("strides", ones), conversion.integers("dilations", ones)
    pads = _pads(conversion, shape, kernel, stride, dilation)
    groups, bias = conversion.integer("group", 1), conversion.at(2) is not None
    added = conversion.add(
        "conv", conversion.result(), out=weight[0], kernel=kernel, stride=stride, pads=pads, dilation=dilation, groups=groups, bias=bias
    )
    return [added]


def _quantized_convolution(conversion: Conversion) -> Sequence[int]:
    """QLinearConv: scales and zero points stand between its input, weight and bias."""
    node = conversion.node
    given = [node.given[index] if index < len(node.given) else None for index in (0, 3, 8)]
    plain = Node(operator="Conv", given=given, attributes=node.attributes, outputs=1)
    return _convolution(Conversion(plain, conversion.program))


def _transposed_convolution(conversion: Conversion) -> Sequence[int]:
    weight, kernel = _filters(conversion)
    groups = conversion.integer("group", 1)
    ones = [1] * len(kernel)
    pads = conversion.integers("pads", [0] * 2 * len(kernel))
    if len(pads) != 2 * len(kernel):
        raise CannotConvert
    ends = list(zip(pads[: len(kernel)], pads[len(kernel) :], strict=True))
    added = conversion.add(
        "conv_transpose", conversion.result(), out=weight[1] * groups, kernel=kernel, stride=conversion.integers("strides", ones),
        padding=[min(pair) for pair in ends], dilation=conversion.integers("dilations", ones),
        output_padding=conversion.integers("output_padding", [0] * len(kernel)), groups=groups, bias=conversion.at(2) is not None,
    )  # fmt: skip
    return [added]


def _dense(conversion: Conversion) -> Sequence[int]:
    """Gemm: a linear layer whose weight may be stored either way round."""
    weight = conversion.weight(1)
    if len(weight) != 2:
        raise CannotConvert
    out = weight[0] if conversion.integer("transB", 0) else weight[1]
    return [conversion.add("linear", conversion.result(), out=out, bias=conversion.at(2) is not None)]


def _product(conversion: Conversion) -> Sequence[int]:
    if isinstance(conversion.at(1), Result):
        return [conversion.add("matmul", conversion.result(0), conversion.result(1))]
    weight = conversion.weight(1)
    if len(weight) != 2:
        raise CannotConvert
    return [conversion.add("linear", conversion.result(), out=weight[1], bias=conversion.node.bias == weight[1])]


def _combined(operator: str) -> Converter:
    """A sum or product of values; with a constant, a weight of its own or, for a single number, a copy."""

    def convert_node(conversion: Conversion) -> Sequence[int]:
        values = [value.index for value in conversion.node.given if isinstance(value, Result)]
        if len(values) > 1:
            return [conversion.add(operator, *values)]
        constants = [value for value in conversion.node.given if isinstance(value, Weight) and prod(value.shape) > 1]
        if not constants or not constants[0].trained:
            return [conversion.add("copy", values[0])]
        return [conversion.add(f"{operator}_weight", values[0], shape=list(constants[0].shape))]

    return convert_node


def _pool(operator: str) -> Converter:
    def convert_node(conversion: Conversion) -> Sequence[int]:
        kernel = conversion.integers("kernel_shape")
        ones = [1] * len(kernel)
        stride = conversion.integers("strides", ones)
        pads = _pads(conversion, conversion.shape(), kernel, stride, ones)
        ceil = bool(conversion.integer("ceil_mode", 0))
        return [conversion.add(operator, conversion.result(), kernel=kernel, stride=stride, pads=pads, ceil=ceil)]

    return convert_node


def _global_pool(conversion: Conversion) -> Sequence[int]:
    shape = conversion.shape()
    return [conversion.add("resize", conversion.result(), shape=[*shape[:2], *[1] * (len(shape) - 2)])]


def _reduced(conversion: Conversion) -> Sequence[int]:
    shape = conversion.shape()
    axes = conversion.numbers(1, "axes") or range(len(shape))
    gone = {axis % len(shape) for axis in axes} if shape else set()
    keep = bool(conversion.integer("keepdims", 1))
    after = [1 if axis in gone else length for axis, length in enumerate(shape) if keep or axis not in gone]
    return [conversion.add("resize", conversion.result(), shape=after)]


def _reshape(conversion: Conversion) -> Sequence[int]:
    shape, wanted = conversion.shape(), conversion.numbers(1, "shape")
    if wanted is None:
        raise CannotConvert
    copied = [shape[i] if n == 0 and i < len(shape) and not conversion.integer("allowzero", 0) else n for i, n in enumerate(wanted)]
    batch = conversion.node.exported_batch
    if copied and batch > 1 and prod(n for n in copied if n != -1) > 0 and copied[0] % batch == 0 and copied[0] > 0:
        copied[0] //= batch
    return [conversion.add("reshape", conversion.result(), shape=_filled(copied, prod(shape)))]


def _filled(wanted: list[int], size: int) -> list[int]:
    """A target shape with its -1 worked out."""
    known = prod(n for n in wanted if n != -1)
    if wanted.count(-1) > 1 or (-1 in wanted and not known):
        raise CannotConvert
    return [size // known if n == -1 else n for n in wanted]


def _flatten(conversion: Conversion) -> Sequence[int]:
    shape = conversion.shape()
    axis = conversion.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise CannotConvert
    axis = axis + len(shape) if axis < 0 else axis
    return [conversion.add("reshape", conversion.result(), shape=[prod(shape[:axis]), prod(shape[axis:])])]


def _squeeze(conversion: Conversion) -> Sequence[int]:
    shape, axes = conversion.shape(), conversion.numbers(1, "axes")
    gone = {axis % len(shape) for axis in axes} if axes and shape else {axis for axis, length in enumerate(shape) if length == 1 and axis}
    return [conversion.add("reshape", conversion.result(), shape=[n for axis, n in enumerate(shape) if axis not in gone])]


def _unsqueeze(conversion: Conversion) -> Sequence[int]:
    shape, axes = conversion.shape(), conversion.numbers(1, "axes")
    rank = len(shape) + len(axes or ())
    new = {axis % rank for axis in axes} if axes else set()
    lengths = iter(shape)
    return [conversion.add("reshape", conversion.result(), shape=[1 if axis in new else next(lengths, 1) for axis in range(rank)])]


def _transpose(conversion: Conversion) -> Sequence[int]:
    order = conversion.integers("perm", range(len(conversion.shape()))[::-1])
    return [conversion.add("transpose", conversion.result(), order=order)]


def _concatenation(conversion: Conversion) -> Sequence[int]:
    values = [value.index for value in conversion.node.given if isinstance(value, Result)]
    if len(values) == len(conversion.node.given):
        return [conversion.add("concat", *values, axis=conversion.integer("axis", 0))]
    shape = list(conversion.program.shapes[values[0]])
    axis = conversion.axis(0, len(shape))
    constants = [value.shape for value in conversion.node.given if isinstance(value, Weight) and len(value.shape) == len(shape)]
    shape[axis] = sum(conversion.program.shapes[value][axis] for value in values) + sum(constant[axis] for constant in constants)
    return [conversion.add("resize", values[0], shape=shape)]


def _split(conversion: Conversion) -> Sequence[int]:
    shape, count = list(conversion.shape()), conversion.node.outputs
    if count > MOST_PARTS:
        raise CannotConvert
    axis = conversion.axis(0, len(shape))
    sizes = conversion.numbers(1, "split") or [-(-shape[axis] // count)] * count
    if len(sizes) != count or min(sizes) < 0:
        raise CannotConvert
    return [conversion.add("part", conversion.result(), shape=[*shape[:axis], size, *shape[axis + 1 :]]) for size in sizes]


def _slice(conversion: Conversion) -> Sequence[int]:
    shape = list(conversion.shape())
    starts, ends = conversion.numbers(1, "starts"), conversion.numbers(2, "ends")
    if starts is None or ends is None:
        raise CannotConvert
    axes = conversion.numbers(3, "axes") or tuple(range(len(starts)))
    steps = conversion.numbers(4, "steps") or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps or any(not -len(shape) <= axis < len(shape) for axis in axes):
        raise CannotConvert
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        shape[axis] = len(range(*slice(start, end, step).indices(shape[axis])))
    return [conversion.add("part", conversion.result(), shape=shape)]


def _gather(conversion: Conversion) -> Sequence[int]:
    """Rows of a table of weights by index: an embedding. Fixed indices of a value: a part of it."""
    table, wanted = conversion.at(0), conversion.at(1)
    if isinstance(table, Weight) and isinstance(wanted, Result) and len(table.shape) == 2:
        return [conversion.add("embedding", wanted.index, count=table.shape[0], size=table.shape[1])]
    shape = list(conversion.shape())
    axis = conversion.axis(0, len(shape))
    if not isinstance(wanted, (Numbers, Weight)):
        raise CannotConvert
    after = [*shape[:axis], *wanted.shape, *shape[axis + 1 :]]
    return [conversion.add("part" if prod(after) <= prod(shape) else "resize", conversion.result(), shape=after)]


def _padded(conversion: Conversion) -> Sequence[int]:
    shape, pads = conversion.shape(), conversion.numbers(1, "pads")
    if pads is None or len(pads) != 2 * len(shape):
        raise CannotConvert
    after = [length + first + last for length, first, last in zip(shape, pads, pads[len(shape) :], strict=False)]
    return [conversion.add("resize", conversion.result(), shape=after)]


def _resized(conversion: Conversion) -> Sequence[int]:
    """Resize by known sizes (its fourth input); by scales only where a factor of two is usual: feature pyramids and decoders."""
    shape = conversion.shape()
    sizes = conversion.at(3)
    if isinstance(sizes, Numbers) and len(sizes.values) == len(shape):
        after = [shape[0], *sizes.values[1:]]
    else:
        after = [*shape[:2], *(2 * length for length in shape[2:])]
    return [conversion.add("resize", conversion.result(), shape=after)]


def _expanded(conversion: Conversion) -> Sequence[int]:
    shape, wanted = conversion.shape(), conversion.numbers(1, "shape")
    if wanted is None:
        raise CannotConvert
    rank = max(len(shape), len(wanted))
    left, right = ((1,) * (rank - len(n)) + tuple(n) for n in (shape, wanted))
    return [conversion.add("resize", conversion.result(), shape=[max(a, b) for a, b in zip(left, right, strict=True)])]


def _tiled(conversion: Conversion) -> Sequence[int]:
    shape, repeats = conversion.shape(), conversion.numbers(1, "repeats")
    if repeats is None or len(repeats) != len(shape):
        raise CannotConvert
    return [conversion.add("resize", conversion.result(), shape=[a * b for a, b in zip(shape, repeats, strict=True)])]


def _depth_to_space(conversion: Conversion) -> Sequence[int]:
    shape, side = conversion.shape(), conversion.integer("blocksize", 1)
    if len(shape) != 4 or side < 1:
        raise CannotConvert
    channels, lengths = shape[1], shape[2:]
    if conversion.node.operator == "DepthToSpace":
        return [conversion.add("resize", conversion.result(), shape=[shape[0], channels // side**2, *(n * side for n in lengths)])]
    return [conversion.add("resize", conversion.result(), shape=[shape[0], channels * side**2, *(n // side for n in lengths)])]


def _recurrent(conversion: Conversion) -> Sequence[int]:
    """LSTM, GRU, RNN over [length, batch, features]; outputs all states [length, directions, batch, hidden] and the last ones."""
    kind = conversion.node.operator.lower()
    hidden = conversion.integer("hidden_size", 0)
    both = conversion.word("direction", "forward") == "bidirectional"
    batch_first = conversion.add("transpose", conversion.result(), order=[1, 0, 2])
    states = conversion.add("recurrent", batch_first, cell=kind, hidden=hidden, bidirectional=both)
    length, directions = conversion.shape()[0], 2 if both else 1
    every = conversion.add("reshape", states, shape=[length, directions, 1, hidden])
    last = conversion.add("part", states, shape=[directions, 1, hidden])
    return [every, last, last]


def _batch_norm(conversion: Conversion) -> Sequence[int]:
    return [conversion.add("batch_norm", conversion.result())]


def _layer_norm(conversion: Conversion) -> Sequence[int]:
    return [conversion.add("layer_norm", conversion.result())]


def _softmax(conversion: Conversion) -> Sequence[int]:
    return [conversion.add("softmax", conversion.result())]


def _passed_on(conversion: Conversion) -> Sequence[int]:
    """No bytes of its own."""
    return [conversion.result()]


def _dropped(conversion: Conversion) -> Sequence[int]:
    ratio = conversion.node.attributes.get("ratio", DEFAULT_DROPOUT)
    return [conversion.add("dropout", conversion.result(), probability=ratio)]


UNARY = {
    "Relu": "relu", "LeakyRelu": "leaky_relu", "PRelu": "prelu", "Elu": "elu", "Selu": "selu", "Celu": "celu", "Sigmoid": "sigmoid",
    "Tanh": "tanh", "Gelu": "gelu", "HardSwish": "hardswish", "HardSigmoid": "hardsigmoid", "Softplus": "softplus", "Softsign": "softsign",
    "Mish": "mish", "Swish": "silu", "Clip": "relu6", "Erf": "other", "Exp": "other", "Log": "other", "Sqrt": "other", "Abs": "other",
    "Sin": "other", "Cos": "other", "Reciprocal": "other", "ThresholdedRelu": "other", "Shrink": "other",
}  # fmt: skip
COPIES = frozenset(
    {
        "Neg", "Floor", "Ceil", "Round", "Sign", "Not", "IsNaN", "IsInf", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "Equal",
        "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Xor", "Pow", "Mod", "CumSum", "LpNormalization", "LRN", "Hardmax",
        "ScatterND", "ScatterElements", "Trilu", "MeanVarianceNormalization", "BitShift",
    }
)  # fmt: skip
CONVERTERS: dict[str, Converter] = {
    "Add": _combined("add"), "Sub": _combined("add"), "Sum": _combined("add"), "Mean": _combined("add"), "Max": _combined("add"),
    "Min": _combined("add"), "Mul": _combined("multiply"), "Div": _combined("multiply"), "Where": _combined("add"),
    "Conv": _convolution, "FusedConv": _convolution, "QLinearConv": _quantized_convolution, "ConvInteger": _convolution,
    "ConvTranspose": _transposed_convolution, "Gemm": _dense, "MatMul": _product, "MatMulInteger": _product,
    "MaxPool": _pool("max_pool"), "AveragePool": _pool("average_pool"), "LpPool": _pool("average_pool"),
    "GlobalAveragePool": _global_pool, "GlobalMaxPool": _global_pool,
    "ReduceMean": _reduced, "ReduceSum": _reduced, "ReduceMax": _reduced, "ReduceMin": _reduced,
    "ReduceL2": _reduced, "ReduceProd": _reduced,
    "BatchNormalization": _batch_norm, "InstanceNormalization": _batch_norm, "GroupNormalization": _batch_norm,
    "LayerNormalization": _layer_norm, "RMSNormalization": _layer_norm, "SimplifiedLayerNormalization": _layer_norm,
    "Softmax": _softmax, "LogSoftmax": _softmax, "Dropout": _dropped, "Identity": _passed_on,
    "Reshape": _reshape, "Flatten": _flatten, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Transpose": _transpose,
    "Concat": _concatenation, "Split": _split, "Slice": _slice, "Gather": _gather, "Pad": _padded, "Resize": _resized,
    "Upsample": _resized, "Expand": _expanded, "Tile": _tiled, "DepthToSpace": _depth_to_space, "SpaceToDepth": _depth_to_space,
    "LSTM": _recurrent, "GRU": _recurrent, "RNN": _recurrent,
}  # fmt: skip
