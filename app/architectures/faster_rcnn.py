"""Faster R-CNN and Mask R-CNN on a ResNet-50 with a feature pyramid.

Written as torchvision 0.28 computes them (models/detection/rpn.py, roi_heads.py, faster_rcnn.py, mask_rcnn.py). How many regions hold an
object depends on the pictures; as many are taken as the sampler allows.
"""

from dataclasses import dataclass

from app.architectures.batch import held_indices
from app.architectures.detection_parts import (
    EXPANSION,
    STAGES,
    Backbone,
    Detector,
    DetectorSpec,
    EverySecondPlace,
    FeaturePyramid,
    Maps,
    anchors,
    decoded,
    overlaps,
    rows_of_boxes,
)
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.convolutions import Conv2d, TransposedConv2d
from app.tape.modules import Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tape, Tensor

PROPOSALS_WHEN_RUN = 1000  # regions for each picture that a trained network looks at
POSITIVE_SHARE = 4  # one of so many sampled regions may hold an object


@dataclass(frozen=True, slots=True, kw_only=True)
class RcnnSpec(DetectorSpec):
    """Sizes of the region heads. `mask_size`: pixels of a region for its mask along each side, None without masks."""

    box_size: int = 7
    box_head: int = 1024
    sampled_regions: int = 512
    sampled_anchors: int = 256
    detections: int = 100
    mask_size: int | None = None
    mask_channels: int = 256
    mask_layers: int = 4


class ProposalHead(Module):
    """Scores and corrections of the anchors at each place of each map."""

    def __init__(self, channels: int, per_place: int) -> None:
        self.conv = Conv2d(channels, channels, 3, Window.centred(3))
        self.cls_logits, self.bbox_pred = Conv2d(channels, per_place, 1), Conv2d(channels, 4 * per_place, 1)

    def __call__(self, maps: Maps) -> tuple[Maps, Maps]:
        scores: Maps = []
        corrections: Maps = []
        for x in maps:
            hidden = op.relu_(self.conv(x))
            scores.append(self.cls_logits(hidden))
            corrections.append(self.bbox_pred(hidden))
        return scores, corrections


class BoxHead(Module):
    """Pooled regions through two dense layers to class scores and corrections for each class."""

    def __init__(self, spec: RcnnSpec) -> None:
        self.fc6, self.fc7 = Linear(spec.pyramid * spec.box_size**2, spec.box_head), Linear(spec.box_head, spec.box_head)
        self.cls_score, self.bbox_pred = Linear(spec.box_head, spec.classes), Linear(spec.box_head, 4 * spec.classes)

    def __call__(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        x = regions.flatten(1)
        x = op.activation(self.fc6(x), "relu")
        x = op.activation(self.fc7(x), "relu")
        return self.cls_score(x), self.bbox_pred(x)


class MaskHead(Module):
    """Pooled regions to a mask for each class, twice as fine."""

    def __init__(self, spec: RcnnSpec) -> None:
        width = spec.mask_channels
        incoming = (spec.pyramid, *[width] * (spec.mask_layers - 1))
        self.layers = [Conv2d(inputs, width, 3, Window.centred(3)) for inputs in incoming]
        self.conv5_mask = TransposedConv2d(width, width, 2, Window(stride=2))
        self.mask_fcn_logits = Conv2d(width, spec.classes, 1)

    def __call__(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = op.relu_(layer(x))
        x = op.relu_(self.conv5_mask(x))
        return self.mask_fcn_logits(x)


class Rcnn(Detector):
    """Pictures to boxes with classes, and masks where there is a head for them."""

    def __init__(self, spec: RcnnSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.spec: RcnnSpec = spec
        self.backbone = Backbone(spec.trained_stages)
        self.fpn = FeaturePyramid(tuple(EXPANSION * width for width, _ in STAGES), spec.pyramid, EverySecondPlace())
        self.rpn, self.box_head = ProposalHead(spec.pyramid, spec.anchors), BoxHead(spec)
        self.mask_head = MaskHead(spec) if spec.mask_size else None

    def maps(self, tape: Tape, inputs: Inputs) -> Maps:
        """The pyramid."""
        return self.fpn(self.backbone(self.pictures(tape, inputs)))

    def proposals(self, maps: Maps, batch: int) -> tuple[Tensor, Tensor]:
        """Scores and corrections of all anchors, after the best of them have been picked."""
        scores, corrections = self.rpn(maps)
        score = op.concatenate([rows_of_boxes(x, 1) for x in scores], axis=1)
        correction = op.concatenate([rows_of_boxes(x, 4) for x in corrections], axis=1)
        decoded(score.tape, batch * score.shape[1])
        return score, correction

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Losses of the anchors, the regions and, where there is a head for them, the masks."""
        spec, batch = self.spec, inputs.batch
        maps = self.maps(tape, inputs)
        boxes = anchors(maps, batch, spec.anchors)
        score, correction = self.proposals(maps, batch)
        targets = [overlaps(tape, boxes[0].shape[0]) for _ in range(batch)]
        encoded = decoded(tape, batch * boxes[0].shape[0])
        sampled = batch * spec.sampled_anchors
        losses = [op.mean(op.part(score, sampled)), op.mean(op.part(correction, sampled // 2, 4))]
        del boxes, targets, encoded
        losses += self._region_losses(tape, maps, batch)
        total = losses[0]
        for loss in losses[1:]:
            total = op.add(total, loss)
        return total

    def _region_losses(self, tape: Tape, maps: Maps, batch: int) -> list[Tensor]:
        spec = self.spec
        regions = batch * spec.sampled_regions
        pooled = op.pooled_regions(maps[:-1], regions, spec.box_size)
        classes, corrections = self.box_head(pooled)
        losses = [op.cross_entropy(classes, held_indices(tape, regions)), op.mean(op.part(corrections, regions // POSITIVE_SHARE, 4))]
        if self.mask_head is not None and spec.mask_size:
            masks = self.mask_head(op.pooled_regions(maps[:-1], regions // POSITIVE_SHARE, spec.mask_size))
            losses.append(op.mean(op.part(masks, masks.shape[0], *masks.shape[2:])))
        return losses

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Boxes, classes and masks without gradients."""
        spec, batch = self.spec, inputs.batch
        maps = self.maps(tape, inputs)
        boxes = anchors(maps, batch, spec.anchors)
        predicted = self.proposals(maps, batch)
        regions = batch * PROPOSALS_WHEN_RUN
        classes, corrections = self.box_head(op.pooled_regions(maps[:-1], regions, spec.box_size))
        found = decoded(tape, regions * spec.classes)
        probabilities = op.softmax(classes)
        del boxes, predicted, corrections, found
        if self.mask_head is not None and spec.mask_size:
            return op.activation(self.mask_head(op.pooled_regions(maps[:-1], batch * spec.detections, spec.mask_size)), "sigmoid")
        return probabilities


class MaskRcnn(Rcnn):
    """With a head for masks. How many regions get one depends on the pictures, so that its interval is wider."""

    family = "detection_with_masks"
