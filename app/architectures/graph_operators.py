"""The operators of a graph document, each made from its attributes and the shapes of its inputs.

A shape in an attribute is that of one sample: its first dimension grows with the batch. Everything is checked here, because a graph
comes from a file or a request: whatever does not fit raises InvalidInput.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from app.architectures.graph_attributes import Attributes
from app.architectures.lstm import RecurrentCell
from app.tape import operators as op
from app.tape.convolutions import BatchNorm, Conv1d, Conv2d, Conv3d, Convolution, GroupNorm, TransposedConv2d
from app.tape.modules import Embedding, LayerNorm, Linear, Module, RMSNorm
from app.tape.operators import EagerStyle, Window
from app.tape.operators.pooling import pooled_length
from app.tape.tensor import Parameter, Shape, Tensor

LARGEST_VALUE = 2**44  # elements of one tensor of one sample

ACTIVATIONS = frozenset(
    {
        "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh", "hardswish", "hardsigmoid",
        "softplus", "softsign", "mish", "prelu", "other",
    }
)  # fmt: skip

Step = Callable[..., Tensor]


Make = Callable[[Attributes, Sequence[Shape]], Step]


def with_batch(shape: Shape, batch: int) -> Shape:
    """A shape of one sample for a batch."""
    return (shape[0] * batch, *shape[1:]) if shape else shape


class Shaped:
    """An operator whose result has a given shape of one sample; the batch is that of its input over the one it was made with."""

    def __init__(self, operator: Callable[..., Tensor], before: Shape, after: Shape) -> None:
        self.operator, self.before, self.after = operator, max(1, prod(before)), after

    def __call__(self, x: Tensor) -> Tensor:
        return self.operator(x, *with_batch(self.after, max(1, x.size // self.before)))


def _rank(attributes: Attributes, shape: Shape) -> int:
    """Spatial dimensions of [batch, channels, length, ...]."""
    rank = len(shape) - 2
    if not 1 <= rank <= 3:
        raise attributes.wrong("from", f"its input has the shape {list(shape)}; batch, channels and one to three lengths are needed")
    return rank


@dataclass(frozen=True, slots=True)
class Slide:
    """How a kernel slides over an input: `padded` is the shape to pad to first where the padding is not the same at both ends."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    padded: Shape | None


def _slide(attributes: Attributes, shape: Shape, dilation: Sequence[int], *, ceil: bool = False) -> Slide:
    rank = _rank(attributes, shape)
    kernel, stride = attributes.numbers("kernel", rank), attributes.numbers("stride", rank, [1] * rank)
    pads = attributes.numbers("pads", 2 * rank, [0] * 2 * rank, least=0)
    reach = [spread * (size - 1) + 1 for spread, size in zip(dilation, kernel, strict=True)]
    ends = list(zip(pads[:rank], pads[rank:], strict=True))
    wanted = [
        pooled_length(length + first + last, taps, step, ceil=ceil)
        for length, (first, last), taps, step in zip(shape[2:], ends, reach, stride, strict=True)
    ]
    if min(wanted) < 1:
        raise attributes.wrong("kernel", f"reaches over its input of {list(shape)}")
    even = [
        next((p for p in {*pair} if pooled_length(length, taps, step, p, ceil=ceil) == count), None)
        for length, pair, taps, step, count in zip(shape[2:], ends, reach, stride, wanted, strict=True)
    ]
    padding = tuple(p for p in even if p is not None)
    if len(padding) == rank:
        return Slide(kernel, stride, padding, None)
    longer = (*shape[:2], *(length + sum(pair) for length, pair in zip(shape[2:], ends, strict=True)))
    return Slide(kernel, stride, (0,) * rank, longer)


class Sliding(Module):
    """A convolution or pooling, after padding where that is uneven."""

    def __init__(self, step: Step, before: Shape, padded: Shape | None) -> None:
        self.step = step
        self.pad = Shaped(op.padded, before, padded) if padded else None

    def __call__(self, x: Tensor) -> Tensor:
        x = self.pad(x) if self.pad else x
        return self.step(x)


def _channels(attributes: Attributes, shape: Shape) -> tuple[int, int, int]:
    """Input channels, output channels and groups."""
    inputs, outputs, groups = shape[1], attributes.number("out"), attributes.number("groups", 1)
    if not inputs or inputs % groups or outputs % groups:
        raise attributes.wrong("groups", f"{groups} groups do not divide {inputs} and {outputs} channels")
    return inputs, outputs, groups


CONVOLUTIONS: dict[int, type[Convolution]] = {1: Conv1d, 2: Conv2d, 3: Conv3d}


def _convolution(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    rank = _rank(attributes, shapes[0])
    dilation = attributes.numbers("dilation", rank, [1] * rank)
    slide = _slide(attributes, shapes[0], dilation)
    inputs, outputs, groups = _channels(attributes, shapes[0])
    window = Window(stride=slide.stride, padding=slide.padding, dilation=dilation)
    layer = CONVOLUTIONS[rank](inputs, outputs, slide.kernel, window, groups=groups, bias=attributes.flag("bias", True))
    return Sliding(layer, shapes[0], slide.padded)


class TransposedConv1d(TransposedConv2d):
    """Transposed convolution over [batch, channels, length]."""

    rank = 1


class TransposedConv3d(TransposedConv2d):
    """Transposed convolution over [batch, channels, frames, height, width]."""

    rank = 3


TRANSPOSED: dict[int, type[TransposedConv2d]] = {1: TransposedConv1d, 2: TransposedConv2d, 3: TransposedConv3d}


def _transposed_convolution(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    """Uneven padding is given as the smaller end and an output padding that takes the rest away."""
    rank = _rank(attributes, shapes[0])
    inputs, outputs, groups = _channels(attributes, shapes[0])
    kernel = attributes.numbers("kernel", rank)
    window = Window(
        stride=attributes.numbers("stride", rank, [1] * rank),
        padding=attributes.numbers("padding", rank, [0] * rank, least=0),
        dilation=attributes.numbers("dilation", rank, [1] * rank),
        output_padding=attributes.numbers("output_padding", rank, [0] * rank, least=0),
    )
    if min(window.transposed_length(axis, length, kernel[axis]) for axis, length in enumerate(shapes[0][2:])) < 1:
        raise attributes.wrong("padding", f"takes away all of an input of {list(shapes[0])}")
    return TRANSPOSED[rank](inputs, outputs, kernel, window, groups=groups, bias=attributes.flag("bias", True))


def _pooling(pool: Callable[..., Tensor]) -> Make:
    def make(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
        ceil = attributes.flag("ceil", False)
        slide = _slide(attributes, shapes[0], (1,) * _rank(attributes, shapes[0]), ceil=ceil)
        return Sliding(lambda x: pool(x, slide.kernel, slide.stride, slide.padding, ceil=ceil), shapes[0], slide.padded)

    return make


def _linear(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    if not shapes[0] or not shapes[0][-1]:
        raise attributes.wrong("from", "its input has no features")
    return Linear(shapes[0][-1], attributes.number("out"), bias=attributes.flag("bias", True))


def _embedding(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    return Embedding(attributes.number("count", largest=10**9), attributes.number("size"))


def _batch_norm(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    if len(shapes[0]) < 2:
        raise attributes.wrong("from", "its input has no channels")
    return BatchNorm(shapes[0][1])


def _layer_norm(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    if not shapes[0]:
        raise attributes.wrong("from", "its input has no features")
    return LayerNorm(shapes[0][-1], affine=attributes.flag("affine", True))


def _rms_norm(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    if not shapes[0]:
        raise attributes.wrong("from", "its input has no features")
    return RMSNorm(shapes[0][-1])


def _group_norm(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    if len(shapes[0]) < 2:
        raise attributes.wrong("from", "its input has no channels")
    groups = attributes.number("groups", largest=shapes[0][1])
    if shapes[0][1] % groups:
        raise attributes.wrong("groups", f"{groups} groups do not divide {shapes[0][1]} channels")
    return GroupNorm(groups, shapes[0][1])


class WithWeight(Module):
    """x + w or x w for a weight of the node's own."""

    def __init__(self, combine: Callable[[Tensor, Tensor], Tensor], shape: Shape) -> None:
        self.combine = combine
        self.weight = Parameter(*shape)

    def __call__(self, x: Tensor) -> Tensor:
        return self.combine(x, self.weight)


def _with_weight(combine: Callable[[Tensor, Tensor], Tensor]) -> Make:
    def make(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
        shape = attributes.shape()
        _check_broadcast(attributes, [shapes[0], shape])
        return WithWeight(combine, shape)

    return make


def _check_broadcast(attributes: Attributes, shapes: Sequence[Shape]) -> None:
    longest = max(map(len, shapes))
    full = [(1,) * (longest - len(shape)) + shape for shape in shapes]
    if any(len({n for n in lengths if n != 1}) > 1 for lengths in zip(*full, strict=True)):
        raise attributes.wrong("from", f"shapes {', '.join(str(list(shape)) for shape in shapes)} do not go together")


def _joined(combine: Callable[[Tensor, Tensor], Tensor]) -> Make:
    def make(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
        _check_broadcast(attributes, shapes)
        return lambda first, *others: _folded(combine, first, others)

    return make


def _folded(combine: Callable[[Tensor, Tensor], Tensor], first: Tensor, others: Sequence[Tensor]) -> Tensor:
    for other in others:
        first = combine(first, other)
    return first


def _matmul(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    a, b = shapes
    turned = attributes.flag("transposed", False)
    inner = b[-1 if turned else -2] if len(b) > 1 else None
    if len(a) < 2 or inner != a[-1] or prod(b[:-2]) > prod(a[:-2]):
        raise attributes.wrong("from", f"matrices of {list(a)} and {list(b)} cannot be multiplied")
    _check_broadcast(attributes, [a[:-2], b[:-2]])
    return lambda x, y: op.matmul(x, y.transpose(-1, -2) if turned else y)


def _concatenation(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    rank = len(shapes[0])
    axis = attributes.number("axis", least=-rank, largest=max(0, rank - 1)) % max(1, rank)
    others = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if not rank or any(len(shape) != rank for shape in shapes) or len(others) > 1:
        raise attributes.wrong("from", "shapes must be equal but for the joined dimension")
    return lambda *tensors: op.concatenate(tensors, axis)


def _viewed(x: Tensor, *shape: int) -> Tensor:
    return x.view(*shape)


def _reshape(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    shape = attributes.shape()
    if prod(shape) != prod(shapes[0]):
        raise attributes.wrong("shape", f"{list(shape)} holds another number of elements than {list(shapes[0])}")
    return Shaped(_viewed, shapes[0], shape)


def _part(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    shape = attributes.shape()
    if prod(shape) > prod(shapes[0]):
        raise attributes.wrong("shape", f"{list(shape)} is larger than {list(shapes[0])}, of which it is a part")
    return Shaped(op.part, shapes[0], shape)


def _resize(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    return Shaped(op.resampled, shapes[0], attributes.shape())


def _transpose(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    order = attributes.numbers("order", len(shapes[0]), least=0)
    if sorted(order) != list(range(len(order))):
        raise attributes.wrong("order", f"must list the dimensions 0 to {len(order) - 1} once each")
    return lambda x: op.rearranged(x, *(x.shape[axis] for axis in order))


def _activation(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    name = attributes.word("name", ACTIVATIONS)
    return lambda x: op.activation(x, name)


def _dropout(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    probability = attributes.share("probability")
    return lambda x: op.dropout(x, probability)


def _copy(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    return lambda x, *others: op.scaled(x)


def _softmax(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    return op.softmax


class RecurrentLayer(Module):
    """A recurrent layer over [batch, length, features]: all states, or the last one."""

    def __init__(self, cells: list[RecurrentCell], *, sequences: bool) -> None:
        self.cells, self.sequences = cells, sequences

    def __call__(self, x: Tensor) -> Tensor:
        outputs = [cell(x) for cell in self.cells]
        out = op.concatenate(outputs, axis=2) if len(outputs) > 1 else outputs[0]
        del outputs
        return out if self.sequences else op.part(out, out.shape[0], out.shape[2])


def _recurrent(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    if len(shapes[0]) != 3 or 0 in shapes[0]:
        raise attributes.wrong("from", "its input must be batch, length and features")
    kind = attributes.word("cell", frozenset(op.CELLS))
    sizes = (shapes[0][2], attributes.number("hidden", largest=10**6))
    second_bias, directions = attributes.flag("second_bias", True), 2 if attributes.flag("bidirectional", False) else 1
    cells = [RecurrentCell(kind, *sizes, second_bias=second_bias) for _ in range(directions)]
    return RecurrentLayer(cells, sequences=attributes.flag("sequences", True))


class AttentionLayer(Module):
    """Multi-head attention written out: queries of the first input, keys and values of the second."""

    def __init__(self, widths: tuple[int, int], heads: int, size: int) -> None:
        self.heads, self.size = heads, size
        self.query = Linear(widths[0], heads * size)
        self.key, self.value = Linear(widths[1], heads * size), Linear(widths[1], heads * size)
        self.output = Linear(heads * size, widths[0])

    def __call__(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        memory = x if memory is None else memory
        q, k, v = (self._heads(part) for part in (self.query(x), self.key(memory), self.value(memory)))
        style = EagerStyle(fp32_softmax=False, cast_back=False)
        out, _ = op.eager_attention(q, k, v, biases=(), dropout_probability=0.0, style=style)
        return self.output(out.flatten(2, 3))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, self.size).transpose(1, 2)


def _attention(attributes: Attributes, shapes: Sequence[Shape]) -> Step:
    used = [shapes[0], shapes[min(1, len(shapes) - 1)]]
    if any(len(shape) != 3 or 0 in shape for shape in used):
        raise attributes.wrong("from", "its inputs must be batch, length and features")
    return AttentionLayer((used[0][2], used[1][2]), attributes.number("heads", largest=4096), attributes.number("size", largest=65_536))


OPERATORS: dict[str, Make] = {
    "activation": _activation,
    "add": _joined(op.add),
    "add_weight": _with_weight(op.add),
    "attention": _attention,
    "average_pool": _pooling(op.average_pool),
    "batch_norm": _batch_norm,
    "concat": _concatenation,
    "conv": _convolution,
    "conv_transpose": _transposed_convolution,
    "copy": _copy,
    "dropout": _dropout,
    "embedding": _embedding,
    "group_norm": _group_norm,
    "layer_norm": _layer_norm,
    "linear": _linear,
    "matmul": _matmul,
    "max_pool": _pooling(op.max_pool),
    "multiply": _joined(op.multiply),
    "multiply_weight": _with_weight(op.multiply),
    "part": _part,
    "recurrent": _recurrent,
    "reshape": _reshape,
    "resize": _resize,
    "rms_norm": _rms_norm,
    "softmax": _softmax,
    "transpose": _transpose,
}
INPUTS = {"matmul": (2, 2), "add": (1, 64), "multiply": (1, 64), "concat": (1, 256), "copy": (1, 64), "attention": (1, 2)}  # least, most
