"""EfficientNet, its lite form, EfficientNetV2, MobileNetV2 and MnasNet: a stem, stages of mobile blocks, a 1x1 convolution, a classifier.

Written as timm 1.0.31 computes them (timm/models/efficientnet.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from app.architectures.image_classifier import RGB, ImageClassifier
from app.architectures.inverted_residual import MobileBlock, MobileStyle, NormActivation, PaddedConv, Stages, rounded_channels, scaled_stage
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.modules import Linear
from app.tape.tensor import Tensor

Stage = tuple[MobileBlock, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientNetSpec:
    """Stages, one entry a block, and the channels before and after them."""

    stages: tuple[Stage, ...]
    stem: int
    features: int
    style: MobileStyle
    image: int = 224
    classes: int = 1000
    channels: int = RGB


class EfficientNet(ImageClassifier):
    """A stem, stages of mobile blocks, a 1x1 convolution, global average pooling, one linear layer."""

    family: ClassVar[str] = "convolutional"

    def __init__(self, spec: EfficientNetSpec, options: Options) -> None:
        self.options, self.channels, self.default_image = options, spec.channels, (spec.image, spec.image)
        self.conv_stem = PaddedConv(spec.channels, spec.stem, 3, stride=2, same=spec.style.padding_same)
        self.bn1 = NormActivation(spec.stem, spec.style.activation)
        self.blocks = Stages(spec.stem, spec.stages, spec.style)
        self.conv_head = PaddedConv(self.blocks.outputs, spec.features, 1)
        self.bn2 = NormActivation(spec.features, spec.style.activation)
        self.classifier = Linear(spec.features, spec.classes)

    def logits(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.conv_stem(x)
        x = self.bn1(x)
        x = self.blocks(x, checkpointed=self.options.checkpointed)
        x = self.conv_head(x)
        x = self.bn2(x)
        x = op.global_average_pool(x)
        return self.classifier(x)


def _blocks(kind: str, rows: Sequence[tuple[int, int, int, float, int]], squeeze: float = 0.0) -> list[Stage]:
    """Stages of one kind each, from (repeats, kernel, stride, expansion, channels)."""
    return [
        (MobileBlock(kind=kind, repeats=repeats, kernel=kernel, stride=stride, expansion=expansion, outputs=channels, squeeze=squeeze),)
        for repeats, kernel, stride, expansion, channels in rows
    ]


_FIRST = (1, 3, 1, 1, 16)
_B0 = ((2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))
_MOBILE_V2 = ((2, 3, 2, 6, 24), (3, 3, 2, 6, 32), (4, 3, 2, 6, 64), (3, 3, 1, 6, 96), (3, 3, 2, 6, 160), (1, 3, 1, 6, 320))
_MNASNET = ((3, 3, 2, 3, 24), (3, 5, 2, 3, 40), (3, 5, 2, 6, 80), (2, 3, 1, 6, 96), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))
_V2_FUSED = {
    "s": ((4, 3, 2, 4, 48), (4, 3, 2, 4, 64)),
    "m": ((5, 3, 2, 4, 48), (5, 3, 2, 4, 80)),
    "l": ((7, 3, 2, 4, 64), (7, 3, 2, 4, 96)),
    "xl": ((8, 3, 2, 4, 64), (8, 3, 2, 4, 96)),
}
_V2_INVERTED = {
    "s": ((6, 3, 2, 4, 128), (9, 3, 1, 6, 160), (15, 3, 2, 6, 256)),
    "m": ((7, 3, 2, 4, 160), (14, 3, 1, 6, 176), (18, 3, 2, 6, 304), (5, 3, 1, 6, 512)),
    "l": ((10, 3, 2, 4, 192), (19, 3, 1, 6, 224), (25, 3, 2, 6, 384), (7, 3, 1, 6, 640)),
    "xl": ((16, 3, 2, 4, 192), (24, 3, 1, 6, 256), (32, 3, 2, 6, 512), (8, 3, 1, 6, 640)),
}
_V2_PLAIN = MobileBlock(kind="plain", repeats=2, outputs=24)
_V2_EXPANDED = MobileBlock(kind="fused", repeats=2, outputs=24)
_V2_STEM = {"s": (24, 2), "m": (24, 3), "l": (32, 4), "xl": (32, 4)}  # channels, and blocks of the first stage
_V2_IMAGE = {"s": 300, "m": 384, "l": 384, "xl": 384}

_SCALES = {  # width, depth, image
    "b0": (1.0, 1.0, 224), "b1": (1.0, 1.1, 240), "b2": (1.1, 1.2, 256), "b3": (1.2, 1.4, 288), "b4": (1.4, 1.8, 320),
    "b5": (1.6, 2.2, 448), "b6": (1.8, 2.6, 528), "b7": (2.0, 3.1, 600), "b8": (2.2, 3.6, 672),
}  # fmt: skip
_TF_IMAGES = {"b0": 224, "b1": 240, "b2": 260, "b3": 300, "b4": 380, "b5": 456, "b6": 528, "b7": 600, "b8": 672}
_LITE_SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2), "lite3": (1.2, 1.4), "lite4": (1.4, 1.8)}
_LITE_IMAGES = {"lite0": 224, "lite1": 240, "lite2": 260, "lite3": 300, "lite4": 380}
_MOBILE_V2_SCALES = {"035": (0.35, 1.0), "050": (0.5, 1.0), "075": (0.75, 1.0), "100": (1.0, 1.0), "140": (1.4, 1.0)}
_MOBILE_V2_DEEP_SCALES = {"110d": (1.1, 1.2), "120d": (1.2, 1.4)}


def _scaled(stages: Sequence[Stage], width: float, depth: float, *, ends_fixed: bool = False) -> tuple[Stage, ...]:
    """Width applied to every stage, depth to all or to all but the first and the last."""
    ends = (0, len(stages) - 1) if ends_fixed else ()
    return tuple(tuple(scaled_stage(stage, width, 1.0 if index in ends else depth)) for index, stage in enumerate(stages))


def _efficientnet(width: float, depth: float, image: int, *, same: bool) -> EfficientNetSpec:
    stages = [*_blocks("separable", [_FIRST], 0.25), *_blocks("inverted", _B0, 0.25)]
    return EfficientNetSpec(
        stages=_scaled(stages, width, depth), stem=rounded_channels(32 * width), features=rounded_channels(1280 * width), image=image,
        style=MobileStyle(activation="silu", padding_same=same),
    )  # fmt: skip


def _lite(width: float, depth: float, image: int, *, same: bool) -> EfficientNetSpec:
    stages = [*_blocks("separable", [_FIRST]), *_blocks("inverted", _B0)]
    return EfficientNetSpec(
        stages=_scaled(stages, width, depth, ends_fixed=True), stem=32, features=1280, image=image,
        style=MobileStyle(activation="relu6", padding_same=same),
    )  # fmt: skip


def _version_2(size: str) -> EfficientNetSpec:
    stem, repeats = _V2_STEM[size]
    first = MobileBlock(kind="plain", repeats=repeats, outputs=stem)
    stages = [(first,), *_blocks("fused", _V2_FUSED[size]), *_blocks("inverted", _V2_INVERTED[size], 0.25)]
    return EfficientNetSpec(
        stages=_scaled(stages, 1.0, 1.0), stem=stem, features=1280, image=_V2_IMAGE[size],
        style=MobileStyle(activation="silu", padding_same=True),
    )  # fmt: skip


def _version_2_early(
    width: float, depth: float | tuple[float, ...], first: MobileBlock, last: int, features: int, image: int
) -> EfficientNetSpec:
    """The variants of timm's author from before the official release: symmetric padding, another first and last stage."""
    rows = (*_V2_INVERTED["s"][:2], (15, 3, 2, 6, last))
    stages = [(first,), *_blocks("fused", _V2_FUSED["s"]), *_blocks("inverted", rows, 0.25)]
    depths = depth if isinstance(depth, tuple) else (depth,) * len(stages)
    return EfficientNetSpec(
        stages=tuple(tuple(scaled_stage(stage, width, share)) for stage, share in zip(stages, depths, strict=True)),
        stem=rounded_channels(24 * width), features=rounded_channels(features * width), image=image, style=MobileStyle(activation="silu"),
    )  # fmt: skip


def _mnasnet() -> EfficientNetSpec:
    first, *middle, last = [*_blocks("separable", [_FIRST]), *_blocks("inverted", _MNASNET)]
    stages = [(replace(first[0], skip=False),), *middle, (replace(last[0], skip=False),)]
    return EfficientNetSpec(stages=_scaled(stages, 1.0, 1.0), stem=32, features=1280, style=MobileStyle(activation="relu"))


def _mobile_v2(width: float, depth: float, *, fixed: bool) -> EfficientNetSpec:
    stages = [*_blocks("separable", [_FIRST]), *_blocks("inverted", _MOBILE_V2)]
    return EfficientNetSpec(
        stages=_scaled(stages, width, depth, ends_fixed=fixed), stem=32 if fixed else rounded_channels(32 * width),
        features=1280 if fixed else max(1280, rounded_channels(1280 * width)), style=MobileStyle(activation="relu6"),
    )  # fmt: skip


SPECS = {
    **{f"efficientnet_{name}": _efficientnet(*scale, same=False) for name, scale in _SCALES.items()},
    **{f"tf_efficientnet_{name}": _efficientnet(*scale[:2], _TF_IMAGES[name], same=True) for name, scale in _SCALES.items()},
    **{f"efficientnet_{name}": _lite(*scale, _LITE_IMAGES[name], same=False) for name, scale in _LITE_SCALES.items()},
    **{f"tf_efficientnet_{name}": _lite(*scale, _LITE_IMAGES[name], same=True) for name, scale in _LITE_SCALES.items()},
    **{f"tf_efficientnetv2_{size}": _version_2(size) for size in _V2_FUSED},
    "efficientnetv2_rw_t": _version_2_early(0.8, 0.9, _V2_PLAIN, 256, 1280, 224),
    "efficientnetv2_rw_s": _version_2_early(1.0, 1.0, _V2_EXPANDED, 272, 1792, 288),
    "efficientnetv2_rw_m": _version_2_early(1.2, (1.2,) * 4 + (1.6,) * 2, _V2_EXPANDED, 272, 1792, 320),
    "mnasnet_100": _mnasnet(),
    **{f"mobilenetv2_{name}": _mobile_v2(*scale, fixed=False) for name, scale in _MOBILE_V2_SCALES.items()},
    **{f"mobilenetv2_{name}": _mobile_v2(*scale, fixed=True) for name, scale in _MOBILE_V2_DEEP_SCALES.items()},
}
