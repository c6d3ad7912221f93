"""Configurations of transformers' detectors: DETR."""

from app.architectures.detection_parts import STAGES
from app.architectures.detr import Detr, DetrSpec, LayerSpec
from app.architectures.network import Network, Options
from app.architectures.readers.encoders import label_count
from app.architectures.readers.fields import activation, architecture, divides, flag, fraction, integer, layers, nested
from app.architectures.readers.likeness import Unmodelled
from app.architectures.readers.transformers_config import Builder, Config
from app.workloads.fields import invalid_field

RESNETS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3)}  # blocks of each stage, by timm's names
MOST_QUERIES = 100_000


def _backbone(config: Config) -> tuple[tuple[int, int], ...]:
    """Stages of the backbone. Raises Unmodelled for any but a ResNet of timm."""
    inner = nested(config, "backbone_config")
    name = str(inner.get("backbone") or config.get("backbone") or "resnet50").split(".")[0]
    if name not in RESNETS or inner.get("model_type", "timm_backbone") != "timm_backbone" or config.get("dilation"):
        raise Unmodelled(f"a detector on the backbone '{str(inner.get('model_type') or name)[:60]}'", None, "detection")
    return tuple((width, count) for (width, _), count in zip(STAGES, RESNETS[name], strict=True))


def _layer(config: Config, side: str) -> LayerSpec:
    """The layers of the encoder or the decoder."""
    hidden, heads = integer(config, "d_model", "hidden_size", default=256), integer(config, f"{side}_attention_heads", default=8)
    divides("d_model", hidden, heads, f"{side}_attention_heads")
    return LayerSpec(
        hidden=hidden,
        heads=heads,
        feed_forward=integer(config, f"{side}_ffn_dim", default=2048),
        activation=activation(config, "activation_function", default="relu"),
        dropout=fraction(config, "dropout", 0.1),
        attention_dropout=fraction(config, "attention_dropout", 0.0),
        activation_dropout=fraction(config, "activation_dropout", 0.0),
    )


def detr(config: Config, options: Options) -> Network:
    """DetrConfig."""
    if config.get("position_embedding_type", "sine") != "sine":
        raise invalid_field("model.config.position_embedding_type", "only sine is modelled")
    spec = DetrSpec(
        encoder=_layer(config, "encoder"),
        decoder=_layer(config, "decoder"),
        encoder_layers=layers(config, "encoder_layers", default=6),
        decoder_layers=layers(config, "decoder_layers", default=6),
        queries=integer(config, "num_queries", default=100, largest=MOST_QUERIES),
        classes=label_count(config),
        auxiliary=flag(config, "auxiliary_loss", False),
        stages=_backbone(config),
    )
    return Detr(spec, options)


def _detects(program: Builder) -> Builder:
    """The program, which has a head for boxes only. Raises Unmodelled for another (masks)."""

    def build(config: Config, options: Options) -> Network:
        name = architecture(config)
        if name and not name.endswith("ForObjectDetection"):
            raise Unmodelled(f"'{name[:60]}'", None, "detection")
        return program(config, options)

    return build


BUILDERS: dict[str, Builder] = {"detr": _detects(detr)}
