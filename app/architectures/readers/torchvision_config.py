"""torchvision's detectors, as the model library writes their configurations down."""

from app.architectures.faster_rcnn import MaskRcnn, Rcnn, RcnnSpec
from app.architectures.network import Network, Options
from app.architectures.readers.fields import integer, items
from app.architectures.readers.transformers_config import Builder, Config
from app.architectures.retinanet import RetinaNet, RetinaNetSpec
from app.architectures.ssd import Ssd, SsdSpec
from app.workloads.fields import invalid_field

MOST_STAGES = 5


def _shared(config: Config, backbone: str, trained_stages: int) -> dict[str, int]:
    """Fields that all detectors have."""
    if config.get("backbone", backbone) != backbone:
        raise invalid_field("model.config.backbone", f"must be {backbone}")
    return {
        "classes": integer(config, "num_classes", default=91, largest=100_000),
        "trained_stages": integer(config, "trainable_backbone_layers", default=trained_stages, largest=MOST_STAGES),
    }


def _pyramid(config: Config, anchors: int) -> dict[str, int]:
    """Fields of those with a feature pyramid."""
    return {
        **_shared(config, "resnet50", 3),
        "shorter": integer(config, "min_size", default=800, largest=65_536),
        "longer": integer(config, "max_size", default=1333, largest=65_536),
        "pyramid": integer(config, "fpn_channels", default=256),
        "anchors": integer(config, "anchors_per_location", default=anchors, largest=100),
    }


def _rcnn(config: Config, options: Options) -> Network:
    masks = integer(config, "mask_roi_size") if config.get("mask_roi_size") else None
    spec = RcnnSpec(
        **_pyramid(config, 3),
        box_size=integer(config, "box_roi_size", default=7, largest=100),
        box_head=integer(config, "box_head_size", default=1024),
        sampled_regions=integer(config, "box_batch_size_per_image", default=512),
        sampled_anchors=integer(config, "rpn_batch_size_per_image", default=256),
        detections=integer(config, "box_detections_per_image", default=100),
        mask_size=masks,
        mask_layers=len(items(config, "mask_layers")) or 4,
        mask_channels=integer(config, "mask_predictor_channels", default=256),
    )
    return MaskRcnn(spec, options) if masks else Rcnn(spec, options)


def _retinanet(config: Config, options: Options) -> Network:
    layers = integer(config, "head_convs", default=4, largest=100)
    return RetinaNet(RetinaNetSpec(**_pyramid(config, 9), head_layers=layers), options)


def _ssd(config: Config, options: Options) -> Network:
    proportions = items(config, "aspect_ratios") or [[2], [2, 3], [2, 3], [2, 3], [2], [2]]
    if len(proportions) != 6 or not all(isinstance(row, (list, tuple)) for row in proportions):
        raise invalid_field("model.config.aspect_ratios", "must be six lists, one for each map")
    boxes = tuple(2 + 2 * len(row) for row in proportions)
    return Ssd(SsdSpec(**_shared(config, "vgg16", 4), size=integer(config, "size", default=300, largest=4096), boxes=boxes), options)


BUILDERS: dict[str, Builder] = {
    "torchvision/faster_rcnn": _rcnn,
    "torchvision/mask_rcnn": _rcnn,
    "torchvision/retinanet": _retinanet,
    "torchvision/ssd": _ssd,
}
