"""YOLOv8 and YOLO11 detectors: a backbone, a pyramid down and up again, and boxes as distributions of distances at every place.

Source: cfg/models/v8/yolov8.yaml, cfg/models/11/yolo11.yaml, nn/tasks.py, utils/loss.py, utils/tal.py (ultralytics 8.4).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.batch import held, weight_dtype
from app.architectures.network import Inputs, Network
from app.architectures.yolo_loss import detection_loss
from app.architectures.yolo_parts import AttentionStage, Bottleneck, Branch, Conv, CrossStage, Maps, PoolingPyramid, SplitStage
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Module
from app.tape.tensor import Parameter, Tape, Tensor
from app.units import round_up
from app.workloads.fields import invalid_field

BINS = 16  # distances that each side of a box is spread over
SIDES = 4
COARSEST = 32  # pixels between places of the coarsest map
CHANNEL_MULTIPLE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloSpec:
    """Scale of one size: multiples of the blocks and of the channels, and the most channels before scaling.

    `version` 8 or 11; `large`: YOLO11's stages all have the deeper inner blocks.
    """

    version: int
    depth: float
    width: float
    most_channels: int
    large: bool = False
    classes: int = 80
    image: int = 640

    def channels(self, nominal: int) -> int:
        """Channels of a stage that has so many at width 1."""
        return round_up(int(min(nominal, self.most_channels) * self.width), CHANNEL_MULTIPLE)

    def blocks(self, nominal: int) -> int:
        """Inner blocks of a stage that has so many at depth 1."""
        return max(round(nominal * self.depth), 1)


def _eight(depth: float, width: float, most: int) -> YoloSpec:
    return YoloSpec(version=8, depth=depth, width=width, most_channels=most)


def _eleven(depth: float, width: float, most: int, *, large: bool) -> YoloSpec:
    return YoloSpec(version=11, depth=depth, width=width, most_channels=most, large=large)


SPECS: dict[str, YoloSpec] = {
    "yolov8n": _eight(0.33, 0.25, 1024),
    "yolov8s": _eight(0.33, 0.50, 1024),
    "yolov8m": _eight(0.67, 0.75, 768),
    "yolov8l": _eight(1.00, 1.00, 512),
    "yolov8x": _eight(1.00, 1.25, 512),
    "yolo11n": _eleven(0.50, 0.25, 1024, large=False),
    "yolo11s": _eleven(0.50, 0.50, 1024, large=False),
    "yolo11m": _eleven(0.50, 1.00, 512, large=True),
    "yolo11l": _eleven(1.00, 1.00, 512, large=True),
    "yolo11x": _eleven(1.00, 1.50, 512, large=True),
}


def c2f_stage(spec: YoloSpec, inputs: int, outputs: int, place: int) -> Module:
    """YOLOv8's stage: plain bottlenecks, that add their input in the backbone (the first four)."""
    count, added, width = spec.blocks((3, 6, 6, 3, 3, 3, 3, 3)[place]), place < 4, outputs // 2
    return SplitStage(inputs, outputs, width, [Bottleneck(width, width, expansion=1.0, added=added) for _ in range(count)])


def c3k2_stage(spec: YoloSpec, inputs: int, outputs: int, place: int) -> Module:
    """YOLO11's stage: bottlenecks half as wide inside or, in the deep places and in large sizes, cross stages."""
    width = int(outputs * (0.25 if place < 2 else 0.5))
    if spec.large or place in (2, 3, 7):
        return SplitStage(inputs, outputs, width, [CrossStage(width, width, 2, (3, 3)) for _ in range(spec.blocks(2))])
    return SplitStage(inputs, outputs, width, [Bottleneck(width, width) for _ in range(spec.blocks(2))])


class Backbone(Module):
    """Five halvings of the picture, each followed by a stage from the second on."""

    def __init__(self, spec: YoloSpec) -> None:
        stage = c2f_stage if spec.version == 8 else c3k2_stage
        c1, c2, c3, c4, c5 = (spec.channels(nominal) for nominal in (64, 128, 256, 512, 1024))
        outputs = (c2, c3, c4, c5) if spec.version == 8 else (c3, c4, c4, c5)
        self.stem = Conv(3, c1, 3, 2)
        self.down = [Conv(c1, c2, 3, 2), Conv(outputs[0], c3, 3, 2), Conv(outputs[1], c4, 3, 2), Conv(outputs[2], c5, 3, 2)]
        self.stages = [stage(spec, given, made, place) for place, (given, made) in enumerate(zip((c2, c3, c4, c5), outputs, strict=True))]
        self.pool = PoolingPyramid(c5, c5)
        self.attention = AttentionStage(c5, spec.blocks(2)) if spec.version == 11 else None
        self.outputs = outputs[1:]

    def __call__(self, x: Tensor) -> Maps:
        """The maps of the last three resolutions."""
        x = self.stem(x)
        maps: Maps = []
        for down, stage in zip(self.down, self.stages, strict=True):
            x = down(x)
            x = stage(x)  # type: ignore[operator]
            maps.append(x)
        x = self.pool(maps.pop())
        return [*maps[1:], self.attention(x) if self.attention else x]


class Neck(Module):
    """From the coarsest map to the finest and back, each joined with what the backbone or the way down made there."""

    def __init__(self, spec: YoloSpec, incoming: tuple[int, ...]) -> None:
        stage = c2f_stage if spec.version == 8 else c3k2_stage
        fine, middle, coarse = incoming
        c3, c4, c5 = (spec.channels(nominal) for nominal in (256, 512, 1024))
        self.inner = stage(spec, coarse + middle, c4, 4)
        self.finest = stage(spec, c4 + fine, c3, 5)
        self.down = [Conv(c3, c3, 3, 2), Conv(c4, c4, 3, 2)]
        self.outer = [stage(spec, c3 + c4, c4, 6), stage(spec, c4 + coarse, c5, 7)]
        self.outputs = (c3, c4, c5)

    def __call__(self, maps: Maps) -> Maps:
        fine, middle, coarse = maps
        inner = self.inner(_joined_larger(coarse, middle))  # type: ignore[operator]
        finest = self.finest(_joined_larger(inner, fine))  # type: ignore[operator]
        middling = self.outer[0](op.concatenate([self.down[0](finest), inner], axis=1))  # type: ignore[operator]
        coarsest = self.outer[1](op.concatenate([self.down[1](middling), coarse], axis=1))  # type: ignore[operator]
        return [finest, middling, coarsest]


def _joined_larger(small: Tensor, large: Tensor) -> Tensor:
    """The smaller map, each place repeated to the larger one's size, joined with it."""
    repeated = op.resampled(op.raise_to_fp32(small), *small.shape[:2], *large.shape[2:])
    return op.promoted_concatenation([repeated, large], axis=1)


class Yolo(Network):
    """A detector of one version and size."""

    family: ClassVar[str] = "detection"
    default_image = (640, 640)

    def __init__(self, spec: YoloSpec) -> None:
        self.spec = spec
        self.backbone = Backbone(spec)
        self.neck = Neck(spec, self.backbone.outputs)
        finest = self.neck.outputs[0]
        box, score = max(16, finest // 4, SIDES * BINS), max(finest, min(spec.classes, 100))
        self.cv2 = [Branch(given, box, SIDES * BINS, light=False) for given in self.neck.outputs]
        self.cv3 = [Branch(given, score, spec.classes, light=spec.version == 11) for given in self.neck.outputs]
        self.dfl = Parameter(1, BINS, 1, 1)
        self.dfl.requires_grad = False

    def predicted(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Distances of box sides [batch, 64, places] and scores [batch, classes, places] of all maps together."""
        maps = self.neck(self.backbone(x))
        boxes = op.concatenate([_flat(head(y)) for head, y in zip(self.cv2, maps, strict=True)], axis=2)
        scores = op.concatenate([_flat(head(y)) for head, y in zip(self.cv3, maps, strict=True)], axis=2)
        return boxes, scores

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Scores by cross-entropy, boxes by overlap and by the distribution of their distances."""
        picture = self._pictures(tape, inputs)
        boxes, scores = self.predicted(picture)
        return detection_loss(boxes, scores)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Boxes and scores of all places, [batch, 4 + classes, places]."""
        boxes, scores = self.predicted(self._pictures(tape, inputs))
        batch, _, places = boxes.shape
        spread = op.softmax(op.contiguous(boxes.view(batch, BINS, SIDES, places)))
        sides = tape.empty((batch, SIDES, places), spread.dtype)
        del spread
        return op.concatenate([sides, op.activation(scores, "sigmoid")], axis=1)

    def _pictures(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch, in fp32 where it is trained on. Raises InvalidInput where a side is no multiple of the coarsest step."""
        height, width = inputs.image or (self.spec.image, self.spec.image)
        if height % COARSEST or width % COARSEST:
            raise invalid_field("image_size", f"both sides must be multiples of {COARSEST}")
        return held(tape, (inputs.batch, 3, height, width), FP32 if tape.training else weight_dtype(self))


def _flat(x: Tensor) -> Tensor:
    return x.view(*x.shape[:2], -1)
