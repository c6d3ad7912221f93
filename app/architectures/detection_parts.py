"""Parts that object detectors share: images scaled to a usual size, a ResNet with frozen norms, and the feature pyramid.

Written as torchvision 0.28 computes them (models/detection/transform.py, backbone_utils.py, ops/misc.py, ops/feature_pyramid_network.py).
"""

from dataclasses import dataclass

from app.architectures.batch import held
from app.architectures.network import Inputs, Network
from app.tape import operators as op
from app.tape.convolutions import Conv2d
from app.tape.dtypes import FP32
from app.tape.modules import Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tape, Tensor
from app.units import round_up
from app.workloads.fields import invalid_field

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))  # inner channels and blocks of ResNet-50
ALL_STAGES = 5  # of a backbone, its stem counted as one
EXPANSION = 4
SIZE_MULTIPLE = 32
BOXES_PER_IMAGE = 8  # objects in a picture of COCO, about seven on average

Maps = list[Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec:
    """Sizes that detectors share: the shorter and the longer side that images are scaled to, channels of the pyramid, classes with one
    for the background, anchors at each place, and how many stages of the backbone are trained.
    """

    shorter: int = 800
    longer: int = 1333
    pyramid: int = 256
    classes: int = 91
    anchors: int = 3
    trained_stages: int = 3


class FrozenBatchNorm(Module):
    """Batch norm with fixed statistics and factors, which is a product and a sum."""

    def __init__(self, channels: int) -> None:
        self.weight, self.bias, self.running_mean, self.running_var = (Parameter(channels, buffer=True) for _ in range(4))

    def __call__(self, x: Tensor) -> Tensor:
        factor, summand = (x.tape.empty((1, x.shape[1], 1, 1), self.weight.dtype) for _ in range(2))
        return op.add(op.multiply(x, factor), summand)


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> Conv2d:
    return Conv2d(inputs, outputs, kernel, Window.centred(kernel, stride), bias=False)


class Bottleneck(Module):
    """1x1, 3x3 and 1x1 convolutions with frozen norms, added to the shortcut; in-place ReLU."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        outputs = EXPANSION * width
        self.conv1, self.bn1 = _conv(inputs, width, 1), FrozenBatchNorm(width)
        self.conv2, self.bn2 = _conv(width, width, 3, stride), FrozenBatchNorm(width)
        self.conv3, self.bn3 = _conv(width, outputs, 1), FrozenBatchNorm(outputs)
        resized = stride > 1 or inputs != outputs
        self.downsample = _conv(inputs, outputs, 1, stride) if resized else None
        self.downsample_bn = FrozenBatchNorm(outputs) if resized else None

    def __call__(self, x: Tensor) -> Tensor:
        identity = x
        x = self.conv1(x)
        x = op.relu_(self.bn1(x))
        x = self.conv2(x)
        x = op.relu_(self.bn2(x))
        x = self.conv3(x)
        x = self.bn3(x)
        if self.downsample is not None and self.downsample_bn is not None:
            identity = self.downsample_bn(self.downsample(identity))
        return op.relu_(op.add_(x, identity))


class Stage(Module):
    """Bottlenecks of one resolution."""

    def __init__(self, inputs: int, width: int, blocks: int, stride: int) -> None:
        outputs = EXPANSION * width
        self.blocks = [Bottleneck(outputs if index else inputs, width, 1 if index else stride) for index in range(blocks)]

    def __call__(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Backbone(Module):
    """A ResNet of bottlenecks without its classifier, ResNet-50 unless other stages are given; only the last stages are trained."""

    def __init__(self, trained_stages: int, stages: tuple[tuple[int, int], ...] = STAGES) -> None:
        self.conv1, self.bn1 = _conv(3, 64, 7, 2), FrozenBatchNorm(64)
        incoming = (64, *(EXPANSION * width for width, _ in stages))
        self.layers = [
            Stage(inputs, width, blocks, 2 if index else 1)
            for index, (inputs, (width, blocks)) in enumerate(zip(incoming, stages, strict=False))
        ]
        stem: list[Module] = [self.conv1] if trained_stages <= len(self.layers) else []
        for part in (*stem, *self.layers[: max(0, len(self.layers) - trained_stages)]):
            for weight in part.parameters():
                weight.requires_grad = False

    def __call__(self, x: Tensor) -> Maps:
        """The maps after each stage."""
        x = self.conv1(x)
        x = op.relu_(self.bn1(x))
        x = op.max_pool(x, 3, 2, 1)
        maps: Maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return maps


class EverySecondPlace(Module):
    """One more level: every second place of the coarsest."""

    def __call__(self, maps: Maps) -> Maps:
        return [*maps, op.max_pool(maps[-1], 1, 2)]


class StridedConvolutions(Module):
    """Two more levels, each by a convolution of the one before."""

    def __init__(self, channels: int) -> None:
        self.p6, self.p7 = (Conv2d(channels, channels, 3, Window.centred(3, 2)) for _ in range(2))

    def __call__(self, maps: Maps) -> Maps:
        sixth = self.p6(maps[-1])
        return [*maps, sixth, self.p7(op.activation(sixth, "relu"))]


class FeaturePyramid(Module):
    """Maps of several resolutions with the same channels, each with what the coarser ones saw; then further, coarser levels."""

    def __init__(self, incoming: tuple[int, ...], channels: int, extra_blocks: EverySecondPlace | StridedConvolutions) -> None:
        self.extra_blocks = extra_blocks
        self.inner_blocks = [Conv2d(inputs, channels, 1) for inputs in incoming]
        self.layer_blocks = [Conv2d(channels, channels, 3, Window.centred(3)) for _ in incoming]

    def __call__(self, maps: Maps) -> Maps:
        last = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](last)]
        for index in range(len(maps) - 2, -1, -1):
            lateral = self.inner_blocks[index](maps[index])
            top_down = op.resampled(last, *lateral.shape)  # stays alive until the next level
            last = op.add(lateral, top_down)
            results.insert(0, self.layer_blocks[index](last))
        return self.extra_blocks(results)


class Detector(Network):
    """A network that is given whole pictures, as large as they are, and scales them itself."""

    family = "detection"
    default_image = (480, 640)  # of COCO
    spec: DetectorSpec

    def pictures(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch after scaling to the usual size and padding."""
        height, width = inputs.image or self.default_image
        originals = [held(tape, (3, height, width), FP32) for _ in range(inputs.batch)]
        sides = self.scaled(height, width)
        images = []
        for original in originals:
            normed = op.scaled(op.add(original, tape.empty((3, 1, 1), FP32)))
            images.append(op.resampled(normed, 3, *sides))
            del normed
        padded = tuple(round_up(side, SIZE_MULTIPLE) for side in sides)
        return tape.empty((inputs.batch, 3, *padded), FP32)

    def scaled(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after scaling. Raises InvalidInput where little is left of the shorter side."""
        factor = min(self.spec.shorter / min(height, width), self.spec.longer / max(height, width))
        sides = int(height * factor), int(width * factor)
        if min(sides) < SIZE_MULTIPLE:
            raise invalid_field("image_size", "this picture is too long and narrow for the network")
        return sides


def rows_of_boxes(x: Tensor, numbers: int) -> Tensor:
    """A map of so many numbers for each anchor at each place as rows [batch, anchors, numbers], copied."""
    return op.copied(x).view(x.shape[0], -1, numbers)


def anchors(maps: Maps, batch: int, per_place: int) -> Maps:
    """The boxes that predictions start from, one tensor for each picture."""
    count = per_place * sum(x.shape[2] * x.shape[3] for x in maps)
    return [maps[0].tape.empty((count, 4), FP32) for _ in range(batch)]


def overlaps(tape: Tape, count: int) -> list[Tensor]:
    """For each of so many boxes the object that it covers most and that object's corners; made from all overlaps with all objects."""
    corners = [tape.empty((BOXES_PER_IMAGE, count, 2), FP32) for _ in range(3)]
    areas = [tape.empty((BOXES_PER_IMAGE, count), FP32) for _ in range(3)]
    del corners, areas
    return [tape.empty((count,), FP32), tape.empty((count, 4), FP32)]


def decoded(tape: Tape, count: int) -> Tensor:
    """Boxes [count, 4] from anchors and what was predicted to be added to them."""
    joined = tape.empty((count, 4), FP32)
    columns = [tape.empty((count,), FP32) for _ in range(16)]
    out = tape.empty((count, 4), FP32)
    del joined, columns
    return out
