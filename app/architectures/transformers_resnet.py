"""ResNet and RegNet of transformers: residual blocks of convolutions, with activations that are not in place.

Written as transformers 5.23 computes them (modeling_resnet.py, modeling_regnet.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.image_classifier import RGB, ImageClassifier, refuse_checkpointing
from app.architectures.inverted_residual import SqueezeExcite
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.convolutions import BatchNorm, Conv2d
from app.tape.modules import Blocks, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tensor

REDUCTION = 4  # channels outside a bottleneck for each one inside
SQUEEZED = 4  # input channels of a block for each one inside squeeze-and-excitation


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualSpec:
    """Blocks and channels of each stage, and the kind of block: `basic` or `bottleneck` of ResNet, `x` or `y` of RegNet.

    `group`: channels of a group in RegNet; `strided_first`: a bottleneck's first convolution has the stride; no `labels`: no classifier.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    kind: str
    embedding: int
    group: int = 64
    activation: str = "relu"
    strided_first: bool = False
    first_stride: int = 1
    labels: int = 1000
    channels: int = RGB

    @property
    def regnet(self) -> bool:
        """Whether the blocks and the stem are those of RegNet."""
        return self.kind in {"x", "y"}


class ConvLayer(Module):
    """A convolution without bias, batch norm and an activation, if any."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, groups: int = 1, activation: str | None = "relu"
    ) -> None:
        self.convolution = Conv2d(inputs, outputs, kernel, Window.centred(kernel, stride), groups=groups, bias=False)
        self.normalization, self.activation = BatchNorm(outputs), activation

    def __call__(self, x: Tensor) -> Tensor:
        x = self.convolution(x)
        x = self.normalization(x)
        return activate(x, self.activation) if self.activation else x


def _basic(spec: ResidualSpec, inputs: int, outputs: int, stride: int) -> list[Module]:
    return [ConvLayer(inputs, outputs, stride=stride), ConvLayer(outputs, outputs, activation=None)]


def _bottleneck(spec: ResidualSpec, inputs: int, outputs: int, stride: int) -> list[Module]:
    inner = outputs // REDUCTION
    first, second = (stride, 1) if spec.strided_first else (1, stride)
    return [
        ConvLayer(inputs, inner, 1, stride=first), ConvLayer(inner, inner, stride=second), ConvLayer(inner, outputs, 1, activation=None),
    ]  # fmt: skip


def _grouped(spec: ResidualSpec, inputs: int, outputs: int, stride: int) -> list[Module]:
    squeeze = [SqueezeExcite(outputs, round(inputs / SQUEEZED), "relu", "sigmoid")] if spec.kind == "y" else []
    groups = max(1, outputs // spec.group)
    return [
        ConvLayer(inputs, outputs, 1, activation=spec.activation),
        ConvLayer(outputs, outputs, stride=stride, groups=groups, activation=spec.activation),
        *squeeze,
        ConvLayer(outputs, outputs, 1, activation=None),
    ]


_LAYERS: dict[str, Callable[[ResidualSpec, int, int, int], list[Module]]] = {
    "basic": _basic, "bottleneck": _bottleneck, "x": _grouped, "y": _grouped,
}  # fmt: skip
KINDS = frozenset(_LAYERS)


class Block(Module):
    """Convolutions added to the shortcut in place, then the activation."""

    def __init__(self, spec: ResidualSpec, inputs: int, outputs: int, stride: int) -> None:
        self.activation = spec.activation
        resized = stride > 1 or inputs != outputs
        self.shortcut = ConvLayer(inputs, outputs, 1, stride=stride, activation=None) if resized else None
        self.layers = _LAYERS[spec.kind](spec, inputs, outputs, stride)

    def __call__(self, x: Tensor) -> Tensor:
        residual = x
        for layer in self.layers:
            x = layer(x)  # type: ignore[operator]
        residual = self.shortcut(residual) if self.shortcut is not None else residual
        x = op.add_(x, residual)
        return activate(x, self.activation)


class ResidualNetwork(ImageClassifier):
    """A stem, stages of residual blocks, global average pooling, one linear layer."""

    family: ClassVar[str] = "convolutional"

    def __init__(self, spec: ResidualSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.spec, self.channels = spec, spec.channels
        kernel = 3 if spec.regnet else 7
        self.embedder = ConvLayer(spec.channels, spec.embedding, kernel, stride=2, activation=spec.activation)
        inputs = (spec.embedding, *spec.widths[:-1])
        strides = (spec.first_stride, *(2 for _ in spec.widths[1:]))
        self.stages = [_stage(spec, *sizes) for sizes in zip(inputs, spec.widths, spec.depths, strides, strict=True)]
        self.classifier = Linear(spec.widths[-1], spec.labels) if spec.labels else None

    def logits(self, x: Tensor) -> Tensor:
        """Class scores, or the pooled maps where there is no classifier."""
        embedded = self._embedded(x)
        x = embedded
        for stage in self.stages:
            x = stage(x)
        pooled = op.global_average_pool(x)
        return pooled if self.classifier is None else self.classifier(pooled)

    def _embedded(self, x: Tensor) -> Tensor:
        x = self.embedder(x)
        return x if self.spec.regnet else op.max_pool(x, 3, 2, 1)


def _stage(spec: ResidualSpec, inputs: int, width: int, depth: int, stride: int) -> Blocks:
    def block(index: int) -> Block:
        return Block(spec, width if index else inputs, width, 1 if index else stride)

    return Blocks([index > 0 for index in range(depth)], block)
