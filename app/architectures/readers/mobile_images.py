"""Configurations of transformers' image networks of inverted residuals: MobileNetV2 and EfficientNet."""

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

from app.architectures.inverted_residual import SMALLEST_SHARE
from app.architectures.network import Network, Options
from app.architectures.readers.fields import activation, flag, fraction, integer, integers
from app.architectures.readers.image_encoders import labels
from app.architectures.readers.staged_images import MOST_BLOCKS, WIDEST, Counts, matching, ratio, with_known_head
from app.architectures.readers.transformers_config import Builder
from app.architectures.transformers_mobilenet import InvertedBlock, MobileNetwork, MobileSpec
from app.workloads.fields import invalid_field

Config = Mapping[str, Any]

MOBILE_STEM, MOBILE_FEATURES = 32, 1280
MOBILE_CHANNELS = (16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320)
MOBILE_STRIDES = (2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)
STEM_STRIDE = 2


def _divisible(channels: float, divisor: int, least: int) -> int:
    """The multiple of `divisor` nearest to so many channels, but not much below them."""
    nearest = max(least, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < SMALLEST_SHARE * channels else nearest


def mobilenet_v2(config: Config, options: Options) -> Network:
    """MobileNetV2Config."""
    multiplier = ratio(config, "depth_multiplier", 1.0)
    divisor, least = integer(config, "depth_divisible_by", default=8), integer(config, "min_depth", default=8)

    def channels(count: int) -> int:
        return _divisible(round(count * multiplier), divisor, least)

    fixed = flag(config, "finegrained_output", True) and multiplier < 1
    padded = flag(config, "tf_padding", True)
    spec = MobileSpec(
        stem=channels(MOBILE_STEM),
        blocks=tuple(_mobile_blocks(config, [channels(count) for count in MOBILE_CHANNELS], channels(MOBILE_STEM), divisor, least)),
        features=MOBILE_FEATURES if fixed else channels(MOBILE_FEATURES),
        activation=activation(config, "hidden_act", default="relu6"),
        padded=padded,
        padded_strides=padded,
        stem_held=False,
        dropout=fraction(config, "classifier_dropout_prob", 0.8),
        image=integer(config, "image_size", default=224, largest=WIDEST),
        labels=labels(config),
        channels=integer(config, "num_channels", default=3),
    )
    return MobileNetwork(spec, options)


def _mobile_blocks(config: Config, channels: list[int], stem: int, divisor: int, least: int) -> Iterator[InvertedBlock]:
    """The block after the stem, then the others; where the map would get smaller than the output stride, dilated instead."""
    if not flag(config, "first_layer_is_expansion", True):
        raise invalid_field("model.config.first_layer_is_expansion", "only networks whose first layer is an expansion are known here")
    yield InvertedBlock(inputs=stem, inner=stem, outputs=channels[0])
    expansion, smallest = ratio(config, "expand_ratio", 6.0), integer(config, "output_stride", default=32)
    reached, spread = STEM_STRIDE, 1
    for inputs, outputs, wanted in zip(channels, channels[1:], MOBILE_STRIDES, strict=False):
        inner = _divisible(round(inputs * expansion), divisor, least)
        stride, dilation = (1, spread) if reached == smallest else (wanted, 1)
        spread, reached = (spread * wanted, reached) if reached == smallest else (spread, reached * wanted)
        added = stride == 1 and inputs == outputs
        yield InvertedBlock(inputs=inputs, inner=inner, outputs=outputs, stride=stride, dilation=dilation, added=added)


EFFICIENT_FIELDS: dict[str, tuple[str, Counts]] = {  # of a stage: the configuration's list and its default
    "kernel": ("kernel_sizes", (3, 3, 5, 3, 5, 5, 3)),
    "inputs": ("in_channels", (32, 16, 24, 40, 80, 112, 192)),
    "outputs": ("out_channels", (16, 24, 40, 80, 112, 192, 320)),
    "stride": ("strides", (1, 2, 2, 2, 1, 2, 1)),
    "repeats": ("num_block_repeats", (1, 2, 2, 3, 3, 4, 1)),
    "expansion": ("expand_ratios", (1, 6, 6, 6, 6, 6, 6)),
}


def efficientnet(config: Config, options: Options) -> Network:
    """EfficientNetConfig; the defaults are those of EfficientNet-B7."""
    width, divisor = ratio(config, "width_coefficient", 2.0), integer(config, "depth_divisor", default=8)
    spec = MobileSpec(
        stem=_divisible(32 * width, divisor, divisor),
        blocks=tuple(_efficient_blocks(config, width, divisor)),
        features=_divisible(1280 * width, divisor, divisor),
        activation=activation(config, "hidden_act", default="swish"),
        padded=False,
        padded_strides=True,
        stem_held=True,
        dropout=fraction(config, "dropout_rate", 0.5),
        image=integer(config, "image_size", default=600, largest=WIDEST),
        labels=labels(config),
        channels=integer(config, "num_channels", default=3),
    )
    return MobileNetwork(spec, options)


def _efficient_blocks(config: Config, width: float, divisor: int) -> Iterator[InvertedBlock]:
    """The blocks of all stages; a dropout that grows from block to block replaces stochastic depth."""
    lists = {field: integers(config, name, default) for field, (name, default) in EFFICIENT_FIELDS.items()}
    for field, (name, _) in EFFICIENT_FIELDS.items():
        matching(name, lists[field], "in_channels", lists["inputs"])
    depth, squeeze = ratio(config, "depth_coefficient", 3.1), fraction(config, "squeeze_expansion_ratio", 0.25)
    repeats = [ceil(depth * count) for count in lists["repeats"]]
    total, number, drops = sum(repeats), 0, fraction(config, "drop_connect_rate", 0.2)
    if total > MOST_BLOCKS:
        raise invalid_field("model.config.num_block_repeats", f"must be at most {MOST_BLOCKS:,} blocks together")
    for stage, count in enumerate(repeats):
        row = {field: values[stage] for field, values in lists.items()}
        outputs = _divisible(row["outputs"] * width, divisor, divisor)
        inputs = _divisible(row["inputs"] * width, divisor, divisor)
        for index in range(count):
            given = outputs if index else inputs
            yield InvertedBlock(
                inputs=given, inner=given * row["expansion"], outputs=outputs, kernel=row["kernel"], stride=1 if index else row["stride"],
                squeezed=max(1, int(given * squeeze)), added=index > 0, dropout=drops * number / total,
            )  # fmt: skip
            number += 1


BUILDERS: dict[str, Builder] = {"efficientnet": with_known_head(efficientnet), "mobilenet_v2": with_known_head(mobilenet_v2)}
