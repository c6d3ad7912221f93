"""MobileNetV3: mobile blocks with squeeze-and-excitation and hard-swish; the last convolution works on the pooled features.

Written as timm 1.0.31 computes it (timm/models/mobilenetv3.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.image_classifier import RGB, ImageClassifier
from app.architectures.inverted_residual import MobileBlock, MobileStyle, NormActivation, PaddedConv, Stages, rounded_channels, scaled_stage
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.modules import Linear
from app.tape.tensor import Tensor

Stage = tuple[MobileBlock, ...]
STEM = 16
SMALLEST_SCALED_STEM = 0.75  # width below which the stem keeps its channels


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileNetV3Spec:
    """Stages, one entry a block, and the channels before and after them."""

    stages: tuple[Stage, ...]
    stem: int
    features: int
    style: MobileStyle
    classes: int = 1000
    channels: int = RGB


class MobileNetV3(ImageClassifier):
    """A stem, stages of mobile blocks, global average pooling, a 1x1 convolution, one linear layer."""

    family: ClassVar[str] = "convolutional"

    def __init__(self, spec: MobileNetV3Spec, options: Options) -> None:
        self.options, self.channels, self.activation = options, spec.channels, spec.style.activation
        self.conv_stem = PaddedConv(spec.channels, spec.stem, 3, stride=2, same=spec.style.padding_same)
        self.bn1 = NormActivation(spec.stem, spec.style.activation)
        self.blocks = Stages(spec.stem, spec.stages, spec.style)
        self.conv_head = Conv2d(self.blocks.outputs, spec.features, 1)
        self.classifier = Linear(spec.features, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.conv_stem(x)
        x = self.bn1(x)
        x = self.blocks(x, checkpointed=self.options.checkpointed)
        x = op.global_average_pool(x, keep_lengths=True)
        x = self.conv_head(x)
        x = op.activation_(x, self.activation)
        return self.classifier(x.flatten(1))


def _inverted(
    repeats: int, kernel: int, stride: int, expansion: float, channels: int, *, squeeze: float = 0.0, relu: bool = False
) -> MobileBlock:  # fmt: skip
    return MobileBlock(
        kind="inverted", repeats=repeats, kernel=kernel, stride=stride, expansion=expansion, outputs=channels, squeeze=squeeze,
        activation="relu" if relu else None,
    )  # fmt: skip


_LARGE: Sequence[Stage] = (
    (MobileBlock(kind="separable", outputs=16, activation="relu"),),
    (_inverted(1, 3, 2, 4, 24, relu=True), _inverted(1, 3, 1, 3, 24, relu=True)),
    (_inverted(3, 5, 2, 3, 40, squeeze=0.25, relu=True),),
    (_inverted(1, 3, 2, 6, 80), _inverted(1, 3, 1, 2.5, 80), _inverted(2, 3, 1, 2.3, 80)),
    (_inverted(2, 3, 1, 6, 112, squeeze=0.25),),
    (_inverted(3, 5, 2, 6, 160, squeeze=0.25),),
    (MobileBlock(kind="plain", kernel=1, outputs=960, skip=False),),
)
_SMALL: Sequence[Stage] = (
    (MobileBlock(kind="separable", stride=2, outputs=16, squeeze=0.25, activation="relu"),),
    (_inverted(1, 3, 2, 4.5, 24, relu=True), _inverted(1, 3, 1, 3.67, 24, relu=True)),
    (_inverted(1, 5, 2, 4, 40, squeeze=0.25), _inverted(2, 5, 1, 6, 40, squeeze=0.25)),
    (_inverted(2, 5, 1, 3, 48, squeeze=0.25),),
    (_inverted(3, 5, 2, 6, 96, squeeze=0.25),),
    (MobileBlock(kind="plain", kernel=1, outputs=576, skip=False),),
)
_SIZES = {"large": (_LARGE, 1280), "small": (_SMALL, 1024)}
_WIDTHS = {"large": {"075": 0.75, "100": 1.0}, "small": {"050": 0.5, "075": 0.75, "100": 1.0}}


def _spec(size: str, width: float, *, same: bool) -> MobileNetV3Spec:
    stages, features = _SIZES[size]
    return MobileNetV3Spec(
        stages=tuple(tuple(scaled_stage(stage, width, 1.0)) for stage in stages),
        stem=STEM if width < SMALLEST_SCALED_STEM else rounded_channels(STEM * width),
        features=features,
        style=MobileStyle(activation="hardswish", padding_same=same, squeeze_expanded=True),
    )


SPECS = {
    f"{prefix}mobilenetv3_{size}_{name}": _spec(size, width, same=bool(prefix))
    for prefix in ("", "tf_")
    for size, widths in _WIDTHS.items()
    for name, width in widths.items()
}
del SPECS["tf_mobilenetv3_small_050"]  # not published
