"""MobileNetV2 and EfficientNet of transformers: inverted residuals padded as TensorFlow does, with activations that are not in place.

Written as transformers 5.23 computes them (modeling_mobilenet_v2.py, modeling_efficientnet.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.image_classifier import RGB, ImageClassifier, refuse_checkpointing
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.convolutions import BatchNorm, Conv2d
from app.tape.modules import Blocks, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class InvertedBlock:
    """One block: input, inner and output channels; `squeezed`: channels inside squeeze-and-excitation, 0 for none; `added`: to its input,
    after a dropout of `dropout`.
    """

    inputs: int
    inner: int
    outputs: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    squeezed: int = 0
    added: bool = False
    dropout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileSpec:
    """Channels of the stem and of the last convolution, and the blocks between. `padded`: every convolution's input is padded by a copy,
    even where by nothing, as MobileNetV2 does; `padded_strides`: only that of strided ones, as EfficientNet does.
    """

    stem: int
    blocks: tuple[InvertedBlock, ...]
    features: int
    activation: str
    padded: bool
    padded_strides: bool
    stem_held: bool  # the stem's output outlives the blocks, as EfficientNet's does
    dropout: float
    image: int
    labels: int
    channels: int = RGB


class ConvLayer(Module):
    """A convolution without bias, batch norm and an activation, if any."""

    def __init__(
        self, spec: MobileSpec, inputs: int, outputs: int, block: InvertedBlock | None = None, *, grouped: bool = False, active: bool = True
    ) -> None:
        kernel, stride, dilation = (block.kernel, block.stride, block.dilation) if block else (1, 1, 1)
        self.reach, self.stride = dilation * (kernel - 1) + 1, stride
        self.padded = spec.padded or (spec.padded_strides and stride > 1)
        padding = 0 if self.padded else self.reach // 2
        window = Window(stride=stride, padding=padding, dilation=dilation)
        self.convolution = Conv2d(inputs, outputs, kernel, window, groups=inputs if grouped else 1, bias=False)
        self.normalization, self.activation = BatchNorm(outputs), spec.activation if active else None

    def __call__(self, x: Tensor) -> Tensor:
        if self.padded:
            x = op.padded(x, *x.shape[:2], *(self._covered(length) for length in x.shape[2:]))
        x = self.convolution(x)
        x = self.normalization(x)
        return activate(x, self.activation) if self.activation else x

    def _covered(self, length: int) -> int:
        """The length with the zeros that make the output length / stride."""
        return length + max(self.reach - (length % self.stride or self.stride), 0)


class SqueezeExcite(Module):
    """Every channel times a factor between 0 and 1 that follows from the means of all channels."""

    def __init__(self, spec: MobileSpec, channels: int, squeezed: int) -> None:
        self.reduce, self.expand, self.activation = Conv2d(channels, squeezed, 1), Conv2d(squeezed, channels, 1), spec.activation

    def __call__(self, x: Tensor) -> Tensor:
        factor = op.global_average_pool(x, keep_lengths=True)
        factor = activate(self.reduce(factor), self.activation)
        factor = op.activation(self.expand(factor), "sigmoid")
        return op.multiply(x, factor)


class Block(Module):
    """Expansion, depthwise convolution, squeeze-and-excitation and projection, added to the input where the sizes allow it."""

    def __init__(self, spec: MobileSpec, block: InvertedBlock) -> None:
        self.block = block
        self.expansion = ConvLayer(spec, block.inputs, block.inner) if block.inner != block.inputs else None
        self.depthwise = ConvLayer(spec, block.inner, block.inner, block, grouped=True)
        self.squeeze = SqueezeExcite(spec, block.inner, block.squeezed) if block.squeezed else None
        self.projection = ConvLayer(spec, block.inner, block.outputs, active=False)

    def __call__(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.expansion(x) if self.expansion is not None else x
        x = self.depthwise(x)
        x = self.squeeze(x) if self.squeeze is not None else x
        x = self.projection(x)
        return op.add(op.dropout(x, self.block.dropout), shortcut) if self.block.added else x


class MobileNetwork(ImageClassifier):
    """A stem, blocks, a 1x1 convolution, global average pooling, one linear layer."""

    family: ClassVar[str] = "convolutional"

    def __init__(self, spec: MobileSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.spec, self.channels, self.default_image = spec, spec.channels, (spec.image, spec.image)
        self.stem = ConvLayer(spec, spec.channels, spec.stem, InvertedBlock(inputs=0, inner=0, outputs=0, stride=2))
        self.blocks = Blocks(spec.blocks, lambda index: Block(spec, spec.blocks[index]))
        self.head = ConvLayer(spec, spec.blocks[-1].outputs, spec.features)
        self.classifier = Linear(spec.features, spec.labels) if spec.labels else None

    def logits(self, x: Tensor) -> Tensor:
        """Class scores, or the pooled maps where there is no classifier."""
        x = self._encoded(x)
        pooled = op.dropout(op.global_average_pool(x), self.spec.dropout)
        return pooled if self.classifier is None else self.classifier(pooled)

    def _encoded(self, x: Tensor) -> Tensor:
        if not self.spec.stem_held:
            return self.head(self.blocks.run(self.stem(x)))
        embedded = self.stem(x)
        x = self.blocks(embedded)
        return self.head(x)
