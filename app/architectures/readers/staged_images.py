"""Configurations of transformers' image networks that work in stages: ConvNeXt, ResNet, RegNet."""

from collections.abc import Mapping
from typing import Any

from app.architectures.convnext import ConvNext, ConvNextSpec
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Network, Options
from app.architectures.readers.fields import activation, flag, integer, integers
from app.architectures.readers.image_encoders import labels
from app.architectures.readers.transformers_config import Builder
from app.architectures.transformers_resnet import KINDS, ResidualNetwork, ResidualSpec
from app.workloads.fields import invalid_field

Config = Mapping[str, Any]
Counts = tuple[int, ...]

MOST_BLOCKS = 1_024  # of all stages, so that any estimate ends quickly
WIDEST = 65_536  # channels


def stages(config: Config, widths: str, depths: str, *, wide: Counts, deep: Counts) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels and blocks of each stage, with the family's defaults. Raises InvalidInput where their numbers differ or are too large."""
    channels, blocks = integers(config, widths, wide), integers(config, depths, deep)
    if len(channels) != len(blocks):
        raise invalid_field(f"model.config.{depths}", f"must have one entry for each of the {len(channels)} {widths}")
    if sum(blocks) > MOST_BLOCKS:
        raise invalid_field(f"model.config.{depths}", f"must be at most {MOST_BLOCKS:,} blocks together")
    if max(channels) > WIDEST:
        raise invalid_field(f"model.config.{widths}", f"must be at most {WIDEST:,} channels")
    return channels, blocks


def _convnext(config: Config, options: Options, *, second: bool) -> Network:
    refuse_checkpointing(options)
    widths, depths = stages(config, "hidden_sizes", "depths", wide=(96, 192, 384, 768), deep=(3, 3, 9, 3))
    spec = ConvNextSpec(
        depths=depths,
        widths=widths,
        response_norm=second,
        inlined=True,
        factors=config.get("layer_scale_init_value", 1) != 0,
        activation=activation(config, "hidden_act", default="gelu"),
        patch=integer(config, "patch_size", default=4, largest=1024),
        image=integer(config, "image_size", default=224, largest=WIDEST),
        classes=labels(config),
        channels=integer(config, "num_channels", default=3),
    )
    return ConvNext(spec, options)


def convnext(config: Config, options: Options) -> Network:
    """ConvNextConfig."""
    return _convnext(config, options, second=False)


def convnextv2(config: Config, options: Options) -> Network:
    """ConvNextV2Config."""
    return _convnext(config, options, second=True)


def _residual(config: Config, wide: Counts, deep: Counts, fields: Mapping[str, Any]) -> ResidualSpec:
    """Fields that ResNet and RegNet share."""
    widths, depths = stages(config, "hidden_sizes", "depths", wide=wide, deep=deep)
    if fields["kind"] not in KINDS:
        raise invalid_field("model.config.layer_type", f"must be one of {', '.join(sorted(KINDS))}")
    return ResidualSpec(
        depths=depths,
        widths=widths,
        activation=activation(config, "hidden_act", default="relu"),
        labels=labels(config),
        channels=integer(config, "num_channels", default=3),
        **fields,
    )


def resnet(config: Config, options: Options) -> Network:
    """ResNetConfig."""
    fields = {
        "kind": str(config.get("layer_type") or "bottleneck"),
        "embedding": integer(config, "embedding_size", default=64),
        "strided_first": flag(config, "downsample_in_bottleneck", False),
        "first_stride": 2 if flag(config, "downsample_in_first_stage", False) else 1,
    }
    return ResidualNetwork(_residual(config, (256, 512, 1024, 2048), (3, 4, 6, 3), fields), options)


def regnet(config: Config, options: Options) -> Network:
    """RegNetConfig."""
    fields = {
        "kind": str(config.get("layer_type") or "y"),
        "embedding": integer(config, "embedding_size", default=32),
        "group": integer(config, "groups_width", default=64),
        "first_stride": 2 if flag(config, "downsample_in_first_stage", True) else 1,
    }
    return ResidualNetwork(_residual(config, (128, 192, 512, 1088), (2, 6, 12, 2), fields), options)


BUILDERS: dict[str, Builder] = {
    "convnext": convnext,
    "convnextv2": convnextv2,
    "regnet": regnet,
    "resnet": resnet,
}
