"""RetinaNet on a ResNet-50 with a feature pyramid: every anchor of every map is classified with the focal loss.

Written as torchvision 0.28 computes it (models/detection/retinanet.py, ops/focal_loss.py).
"""

from dataclasses import dataclass

from app.architectures.detection_parts import (
    EXPANSION,
    STAGES,
    Backbone,
    Detector,
    DetectorSpec,
    FeaturePyramid,
    Maps,
    StridedConvolutions,
    anchors,
    decoded,
    overlaps,
    rows_of_boxes,
)
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.modules import Module
from app.tape.operators import Window
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class RetinaNetSpec(DetectorSpec):
    """Convolutions of each head before its last one."""

    anchors: int = 9
    head_layers: int = 4


class Head(Module):
    """Convolutions with in-place ReLU and a last one, over all maps; rows of so many numbers for each anchor."""

    def __init__(self, spec: RetinaNetSpec, numbers: int) -> None:
        channels, self.numbers = spec.pyramid, numbers
        self.conv = [Conv2d(channels, channels, 3, Window.centred(3)) for _ in range(spec.head_layers)]
        self.last = Conv2d(channels, spec.anchors * numbers, 3, Window.centred(3))

    def __call__(self, maps: Maps) -> Tensor:
        rows: Maps = []
        for level in maps:
            x = level
            for layer in self.conv:
                x = op.relu_(layer(x))
            rows.append(rows_of_boxes(self.last(x), self.numbers))
            del x
        return op.concatenate(rows, axis=1)


class RetinaNet(Detector):
    """Pictures to scores of all classes for all anchors, and corrections of the anchors."""

    def __init__(self, spec: RetinaNetSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.spec: RetinaNetSpec = spec
        channels = spec.pyramid
        self.backbone = Backbone(spec.trained_stages)
        self.fpn = FeaturePyramid(tuple(EXPANSION * width for width, _ in STAGES[1:]), channels, StridedConvolutions(channels))
        self.classification_head, self.regression_head = Head(spec, spec.classes), Head(spec, 4)

    def maps(self, tape: Tape, inputs: Inputs) -> Maps:
        """The pyramid without its finest level."""
        return self.fpn(self.backbone(self.pictures(tape, inputs))[1:])

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Focal loss of all anchors, picture by picture, and the distance of the boxes that hold an object."""
        maps = self.maps(tape, inputs)
        scores, corrections = self.classification_head(maps), self.regression_head(maps)
        boxes = anchors(maps, inputs.batch, self.spec.anchors)
        count = scores.shape[1]
        matched = [overlaps(tape, count) for _ in range(inputs.batch)]
        total = op.mean(op.part(corrections, inputs.batch, self.spec.anchors, 4))
        for own in op.split(scores, (1,) * inputs.batch, axis=0):
            total = op.add(total, self._focal_loss(own))
        del boxes, matched
        return total

    def _focal_loss(self, scores: Tensor) -> Tensor:
        """Of one picture's anchors; those that cover an object halfway are left out by a copy of the others."""
        tape = scores.tape
        given = tape.empty(scores.shape, scores.dtype)
        valid, targets = op.copied(scores), tape.empty(scores.shape, scores.dtype)
        probability = op.activation(valid, "sigmoid")
        error = op.activation(valid, "logsigmoid")
        agreement = op.add(op.multiply(probability, targets), op.multiply(op.shifted(probability), op.shifted(targets)))
        weighted = op.multiply(error, op.power(op.shifted(agreement)))
        loss = op.multiply(op.add(op.scaled(targets), op.scaled(op.shifted(targets))), weighted)
        del given
        return op.mean(loss)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Scores and boxes without gradients."""
        maps = self.maps(tape, inputs)
        scores, corrections = self.classification_head(maps), self.regression_head(maps)
        boxes = anchors(maps, inputs.batch, self.spec.anchors)
        decoded(tape, inputs.batch * scores.shape[1])
        del corrections, boxes
        return op.activation(scores, "sigmoid")
