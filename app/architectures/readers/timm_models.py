"""Vision networks by timm's names, and the generic networks, with their hyper-parameters."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from app.architectures import (
    beit,
    convnext,
    densenet,
    efficientnet,
    mixer,
    mobilenet,
    regnet,
    resnet,
    swin,
    swin_v2,
    vgg,
    vision_transformer,
    yolo,
)
from app.architectures.network import Network, Options
from app.architectures.readers import generic_networks
from app.workloads.fields import invalid_field

NamedBuilder = Callable[[Mapping[str, Any], Options], Network]

COMMON = {"num_classes": "classes", "in_chans": "channels", "img_size": "image"}  # timm's names for what every image network can be given
LARGEST = 100_000


def _with_options(spec: Any, hyper_parameters: Mapping[str, Any]) -> Any:
    """The specification with timm's create_model arguments put in. Raises InvalidInput for one that is not understood."""
    changes: dict[str, int] = {}
    for name, value in hyper_parameters.items():
        field = COMMON.get(name)
        if field is None or not hasattr(spec, field):
            raise invalid_field(f"model.options.{name}", f"is not an option of this network; it takes {', '.join(COMMON)}")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
            raise invalid_field(f"model.options.{name}", f"must be a whole number from 1 to {LARGEST:,}")
        changes[field] = value
    return replace(spec, **changes)


def _of(network: Callable[[Any, Options], Network], spec: Any) -> NamedBuilder:
    return lambda hyper_parameters, options: network(_with_options(spec, hyper_parameters), options)


BUILDERS: dict[str, NamedBuilder] = {
    **{name: _of(resnet.ResNet, spec) for name, spec in resnet.SPECS.items()},
    **{name: _of(vgg.Vgg, spec) for name, spec in vgg.SPECS.items()},
    **{name: _of(vision_transformer.VisionTransformer, spec) for name, spec in vision_transformer.SPECS.items()},
    **{name: _of(beit.Beit, spec) for name, spec in beit.SPECS.items()},
    **{name: _of(densenet.DenseNet, spec) for name, spec in densenet.SPECS.items()},
    **{name: _of(efficientnet.EfficientNet, spec) for name, spec in efficientnet.SPECS.items()},
    **{name: _of(mobilenet.MobileNetV3, spec) for name, spec in mobilenet.SPECS.items()},
    **{name: _of(convnext.ConvNext, spec) for name, spec in convnext.SPECS.items()},
    **{name: _of(swin.Swin, spec) for name, spec in swin.SPECS.items()},
    **{name: _of(swin_v2.SwinV2, spec) for name, spec in swin_v2.SPECS.items()},
    **{name: _of(regnet.RegNet, spec) for name, spec in regnet.SPECS.items()},
    **{name: _of(mixer.Mixer, spec) for name, spec in mixer.SPECS.items()},
    **{name: _of(lambda spec, _: yolo.Yolo(spec), spec) for name, spec in yolo.SPECS.items()},
    **generic_networks.BUILDERS,
}


def knows(name: str) -> bool:
    """Whether there is a program under this name."""
    return _plain(name) in BUILDERS


def _plain(name: str) -> str:
    """The name without the hub's `timm/` and without the tag of the pretrained weights: `timm/resnet50.a1_in1k` is a resnet50."""
    return name.removeprefix("timm/").split(".")[0]


def build(name: str, hyper_parameters: Mapping[str, Any], options: Options) -> Network:
    """The named network. Raises InvalidInput where it is not known."""
    plain = _plain(name)
    if plain not in BUILDERS:
        raise invalid_field("model.preset", f"'{name[:60]}' is not a network that is known here")
    return BUILDERS[plain](hyper_parameters, options)
