"""Densely connected networks: every layer reads the outputs of all layers before it.

Written as timm 1.0.31 computes them (timm/models/densenet.py): each layer concatenates its inputs anew, and keeps the result.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.image_classifier import RGB, Activation, ImageClassifier, MaxPool, Sequential
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.checkpointing import checkpoint
from app.tape.convolutions import BatchNorm, Conv2d
from app.tape.modules import Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tensor

BOTTLENECK = 4  # channels of the 1x1 convolution for each one that a layer adds


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseNetSpec:
    """Channels that each layer adds, and the layers of each of the four blocks."""

    growth: int
    depths: tuple[int, int, int, int]
    classes: int = 1000
    channels: int = RGB


class DenseLayer(Module):
    """Norm, ReLU, 1x1 convolution on everything so far; norm, ReLU, 3x3 convolution for the new channels."""

    def __init__(self, inputs: int, growth: int, options: Options) -> None:
        self.checkpointed = options.checkpointed
        self.norm1, self.conv1 = BatchNorm(inputs), Conv2d(inputs, BOTTLENECK * growth, 1, bias=False)
        self.norm2, self.conv2 = BatchNorm(BOTTLENECK * growth), Conv2d(BOTTLENECK * growth, growth, 3, Window.centred(3), bias=False)

    def __call__(self, features: list[Tensor]) -> Tensor:
        checkpointed = self.checkpointed and any(feature.requires_grad for feature in features)
        x = checkpoint(self.bottleneck, *features) if checkpointed else self.bottleneck(*features)
        return self.conv2(op.relu_(self.norm2(x)))

    def bottleneck(self, *features: Tensor) -> Tensor:
        """The part that checkpointing recomputes."""
        joined = op.concatenate(features, axis=1)
        return self.conv1(op.relu_(self.norm1(joined)))


class DenseBlock(Module):
    """Dense layers, and the concatenation of all their outputs."""

    def __init__(self, inputs: int, growth: int, depth: int, options: Options) -> None:
        self.layers = [DenseLayer(inputs + index * growth, growth, options) for index in range(depth)]

    def __call__(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers:
            features.append(layer(features))
        return op.concatenate(features, axis=1)


class AveragePool(Module):
    """2x2 average pooling."""

    def __call__(self, x: Tensor) -> Tensor:
        return op.average_pool(x, 2, 2)


class DenseNet(ImageClassifier):
    """Stem, four dense blocks with halving transitions between them, global average pooling, one linear layer."""

    family: ClassVar[str] = "convolutional"
    smallest: ClassVar[int] = 32

    def __init__(self, spec: DenseNetSpec, options: Options) -> None:
        self.channels = spec.channels
        width = 2 * spec.growth
        stem = Conv2d(spec.channels, width, 7, Window.centred(7, 2), bias=False)
        layers: list[Module] = [stem, BatchNorm(width), Activation(), MaxPool(3, 2, 1)]
        for number, depth in enumerate(spec.depths, start=1):
            layers.append(DenseBlock(width, spec.growth, depth, options))
            width += depth * spec.growth
            if number < len(spec.depths):
                layers.append(Sequential(BatchNorm(width), Activation(), Conv2d(width, width // 2, 1, bias=False), AveragePool()))
                width //= 2
        self.features = Sequential(*layers, BatchNorm(width), Activation())
        self.classifier = Linear(width, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.features(x)
        x = op.global_average_pool(x)
        return self.classifier(x)


SPECS = {
    "densenet121": DenseNetSpec(growth=32, depths=(6, 12, 24, 16)),
    "densenet161": DenseNetSpec(growth=48, depths=(6, 12, 36, 24)),
    "densenet169": DenseNetSpec(growth=32, depths=(6, 12, 32, 32)),
    "densenet201": DenseNetSpec(growth=32, depths=(6, 12, 48, 32)),
}
