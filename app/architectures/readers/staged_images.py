"""Configurations of transformers' image networks that work in stages: ConvNeXt, ResNet, RegNet, SegFormer, Swin."""

from collections.abc import Mapping
from typing import Any

from app.architectures.convnext import ConvNext, ConvNextSpec
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Network, Options
from app.architectures.readers.encoders import label_count
from app.architectures.readers.fields import activation, architecture, divides, flag, fraction, integer, integers
from app.architectures.readers.image_encoders import labels
from app.architectures.readers.likeness import Unmodelled
from app.architectures.readers.transformers_config import Builder
from app.architectures.segformer import Segformer, SegformerSpec, SegformerStage
from app.architectures.transformers_resnet import KINDS, ResidualNetwork, ResidualSpec
from app.architectures.transformers_swin import ShiftedWindows, ShiftedWindowSpec
from app.architectures.transformers_swin_v2 import ShiftedWindowsV2
from app.workloads.fields import invalid_field

Config = Mapping[str, Any]
Counts = tuple[int, ...]

MOST_BLOCKS = 1_024  # of all stages, so that any estimate ends quickly
WIDEST = 65_536  # channels
LARGEST_RATIO = 64


def stages(config: Config, widths: str, depths: str, *, wide: Counts, deep: Counts) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels and blocks of each stage, with the family's defaults. Raises InvalidInput where their numbers differ or are too large."""
    channels, blocks = integers(config, widths, wide), integers(config, depths, deep)
    matching(depths, blocks, widths, channels)
    if sum(blocks) > MOST_BLOCKS:
        raise invalid_field(f"model.config.{depths}", f"must be at most {MOST_BLOCKS:,} blocks together")
    if max(channels) > WIDEST:
        raise invalid_field(f"model.config.{widths}", f"must be at most {WIDEST:,} channels")
    return channels, blocks


def matching(name: str, entries: Counts, other_name: str, others: Counts) -> None:
    """Raises InvalidInput where one list has not as many entries as the other."""
    if len(entries) != len(others):
        raise invalid_field(f"model.config.{name}", f"must have one entry for each of the {len(others)} {other_name}")


def ratio(config: Config, name: str, default: float) -> float:
    """How many times as wide the inner part is. Raises InvalidInput for anything but a number up to 64."""
    value = config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LARGEST_RATIO:
        raise invalid_field(f"model.config.{name}", f"must be a number above 0, up to {LARGEST_RATIO}")
    return float(value)


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


def swin(config: Config, options: Options) -> Network:
    """SwinConfig."""
    return ShiftedWindows(_windows(config), options)


def swinv2(config: Config, options: Options) -> Network:
    """Swinv2Config. Raises InvalidInput where it asks for absolute positions, which transformers cannot run either."""
    if flag(config, "use_absolute_embeddings", False):
        raise invalid_field("model.config.use_absolute_embeddings", "transformers has one of these positions too many; use false")
    return ShiftedWindowsV2(_windows(config), options)


def _windows(config: Config) -> ShiftedWindowSpec:
    """Fields that both versions of Swin have."""
    depths = integers(config, "depths", (2, 2, 6, 2))
    heads, width = integers(config, "num_heads", (3, 6, 12, 24)), integer(config, "embed_dim", default=96, largest=WIDEST)
    matching("num_heads", heads, "depths", depths)
    for stage, count in enumerate(heads):
        divides("embed_dim", width * 2**stage, count, "num_heads")
    return ShiftedWindowSpec(
        width=width,
        depths=depths,
        heads=heads,
        window=integer(config, "window_size", default=7, largest=1024),
        patch=integer(config, "patch_size", default=4, largest=1024),
        expansion=ratio(config, "mlp_ratio", 4.0),
        qkv_bias=flag(config, "qkv_bias", True),
        activation=activation(config, "hidden_act", default="gelu"),
        dropout=fraction(config, "hidden_dropout_prob", 0.0),
        attention_dropout=fraction(config, "attention_probs_dropout_prob", 0.0),
        drop_path=fraction(config, "drop_path_rate", 0.1),
        positions=flag(config, "use_absolute_embeddings", False),
        image=integer(config, "image_size", default=224, largest=WIDEST),
        labels=labels(config),
        channels=integer(config, "num_channels", default=3),
    )


STAGE_FIELDS: dict[str, tuple[str, Counts]] = {  # of a stage: the configuration's list and its default
    "width": ("hidden_sizes", (32, 64, 160, 256)),
    "depth": ("depths", (2, 2, 2, 2)),
    "heads": ("num_attention_heads", (1, 2, 5, 8)),
    "patch": ("patch_sizes", (7, 3, 3, 3)),
    "stride": ("strides", (4, 2, 2, 2)),
    "reduction": ("sr_ratios", (8, 4, 2, 1)),
    "expansion": ("mlp_ratios", (4, 4, 4, 4)),
}


def _segformer_stages(config: Config) -> tuple[SegformerStage, ...]:
    stages(config, "hidden_sizes", "depths", wide=STAGE_FIELDS["width"][1], deep=STAGE_FIELDS["depth"][1])
    lists = {field: integers(config, name, default) for field, (name, default) in STAGE_FIELDS.items()}
    for field, (name, _) in STAGE_FIELDS.items():
        matching(name, lists[field], "hidden_sizes", lists["width"])
    for width, heads in zip(lists["width"], lists["heads"], strict=True):
        divides("hidden_sizes", width, heads, "num_attention_heads")
    return tuple(SegformerStage(**dict(zip(lists, values, strict=True))) for values in zip(*lists.values(), strict=True))


def segformer(config: Config, options: Options) -> Network:
    """SegformerConfig: a classifier of images or of every position, as `architectures` says."""
    segments = architecture(config).endswith("ForSemanticSegmentation")
    spec = SegformerSpec(
        stages=_segformer_stages(config),
        activation=activation(config, "hidden_act", default="gelu"),
        dropout=fraction(config, "hidden_dropout_prob", 0.0),
        attention_dropout=fraction(config, "attention_probs_dropout_prob", 0.0),
        drop_path=fraction(config, "drop_path_rate", 0.1),
        decoder_dropout=fraction(config, "classifier_dropout_prob", 0.1),
        decoder=integer(config, "decoder_hidden_size", default=256, largest=WIDEST) if segments else 0,
        labels=label_count(config) if segments else labels(config),
        image=integer(config, "image_size", default=512 if segments else 224, largest=WIDEST),
        channels=integer(config, "num_channels", default=3),
    )
    return Segformer(spec, options)


def with_known_head(program: Builder, *heads: str) -> Builder:
    """The program, for the heads that it has beside a classifier of images. Raises Unmodelled for another (a decoder of masks or boxes)."""

    def build(config: Config, options: Options) -> Network:
        name = architecture(config)
        if name and not name.endswith(("Model", "Backbone", "ForImageClassification", *heads)):
            raise Unmodelled(f"'{name[:60]}'", None, "vision")
        return program(config, options)

    return build


BUILDERS: dict[str, Builder] = {
    "convnext": with_known_head(convnext),
    "convnextv2": with_known_head(convnextv2),
    "regnet": with_known_head(regnet),
    "resnet": with_known_head(resnet),
    "segformer": with_known_head(segformer, "ForSemanticSegmentation"),
    "swin": with_known_head(swin),
    "swinv2": with_known_head(swinv2),
}
