"""SSD300 on VGG-16: boxes from six maps of a picture that is scaled to 300 x 300.

Written as torchvision 0.28 computes it (models/detection/ssd.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.batch import held_indices
from app.architectures.detection_parts import Detector, DetectorSpec, Maps, anchors, decoded, overlaps, rows_of_boxes
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.modules import Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tape, Tensor

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions of VGG-16
DENSE = 1024  # channels of what was VGG's first dense layer
EXTRA = ((256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 256, 1, 0))  # inner, outer channels, stride, padding


@dataclass(frozen=True, slots=True, kw_only=True)
class SsdSpec(DetectorSpec):
    """Boxes at each place of each map: two squares and two for each further proportion."""

    size: int = 300
    boxes: tuple[int, ...] = (4, 6, 6, 6, 4, 4)
    trained_stages: int = 4


class Ssd(Detector):
    """Pictures to scores of all classes for all boxes, and corrections of the boxes."""

    family: ClassVar[str] = "detection"

    def __init__(self, spec: SsdSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.spec: SsdSpec = spec
        incoming = (3, *(width for width, _ in STAGES))
        self.stages = [
            [Conv2d(width if index else inputs, width, 3, Window.centred(3)) for index in range(count)]
            for inputs, (width, count) in zip(incoming, STAGES, strict=False)
        ]
        self.convolutions = [convolution for stage in self.stages for convolution in stage]
        self.scale_weight = Parameter(STAGES[3][0])
        self.fc6, self.fc7 = Conv2d(STAGES[-1][0], DENSE, 3, Window(padding=6, dilation=6)), Conv2d(DENSE, DENSE, 1)
        self.extra: list[Module] = []
        widths = [STAGES[3][0], DENSE]
        for inner, outer, stride, padding in EXTRA:
            self.extra += [Conv2d(widths[-1], inner, 1), Conv2d(inner, outer, 3, Window(stride=stride, padding=padding))]
            widths.append(outer)
        pairs = list(zip(widths, spec.boxes, strict=True))
        self.classification = [Conv2d(width, spec.classes * count, 3, Window.centred(3)) for width, count in pairs]
        self.regression = [Conv2d(width, 4 * count, 3, Window.centred(3)) for width, count in pairs]
        for stage in self.stages[: len(STAGES) - spec.trained_stages]:
            for convolution in stage:
                convolution.weight.requires_grad = False
                if convolution.bias is not None:
                    convolution.bias.requires_grad = False

    def maps(self, tape: Tape, inputs: Inputs) -> Maps:
        """Six maps, from the fourth stage on."""
        x = self.pictures(tape, inputs)
        for index, stage in enumerate(self.stages[:4]):
            x = op.max_pool(x, 2, 2, ceil=index == 3) if index else x
            x = self._convolved(stage, x)
        maps = [op.multiply(self.scale_weight.view(1, -1, 1, 1), self._unit(x))]
        x = self._convolved(self.stages[4], op.max_pool(x, 2, 2))
        x = op.relu_(self.fc6(op.max_pool(x, 3, 1, 1)))
        maps.append(op.relu_(self.fc7(x)))
        for first, second in zip(self.extra[::2], self.extra[1::2], strict=True):
            x = op.relu_(first(maps[-1]))  # type: ignore[operator]
            maps.append(op.relu_(second(x)))  # type: ignore[operator]
        return maps

    def _convolved(self, stage: list[Conv2d], x: Tensor) -> Tensor:
        for convolution in stage:
            x = op.relu_(convolution(x))
        return x

    def _unit(self, x: Tensor) -> Tensor:
        """Each pixel's channels over their length."""
        length = x.tape.empty((x.shape[0], 1, *x.shape[2:]), x.dtype)
        return op.multiply(x, length)

    def scaled(self, height: int, width: int) -> tuple[int, int]:
        """Always the same size, whatever the picture's."""
        del height, width
        return self.spec.size, self.spec.size

    def rows(self, maps: Maps) -> tuple[Tensor, Tensor]:
        """Corrections and scores of all boxes."""
        corrections = op.concatenate([rows_of_boxes(head(x), 4) for head, x in zip(self.regression, maps, strict=True)], axis=1)
        classes = self.spec.classes
        return corrections, op.concatenate(
            [rows_of_boxes(head(x), classes) for head, x in zip(self.classification, maps, strict=True)], axis=1
        )

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Cross-entropy of all boxes, and the distance of those that hold an object."""
        maps = self.maps(tape, inputs)
        corrections, scores = self.rows(maps)
        boxes = anchors(maps, inputs.batch, 1)
        matched = [overlaps(tape, scores.shape[1]) for _ in range(inputs.batch)]
        loss = op.cross_entropy(scores.flatten(0, 1), held_indices(tape, inputs.batch * scores.shape[1]))
        del boxes, matched
        return op.add(loss, op.mean(op.part(corrections, inputs.batch, 4)))

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Scores and boxes without gradients."""
        maps = self.maps(tape, inputs)
        corrections, scores = self.rows(maps)
        scores = op.softmax(scores)
        decoded(tape, inputs.batch * corrections.shape[1])
        return scores
