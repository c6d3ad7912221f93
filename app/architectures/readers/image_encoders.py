"""Configurations of transformers' image encoders: ViT, DINOv2, CLIP, SigLIP."""

from collections.abc import Mapping
from typing import Any

from app.architectures.attention import IN_OWN_TYPE
from app.architectures.image_encoder import EncoderBlockSpec, PatchSpec
from app.architectures.image_model import ImageModel, Pooling
from app.architectures.network import Network, Options
from app.architectures.readers.encoders import label_count
from app.architectures.readers.fields import activation, architecture, divides, flag, fraction, integer, layers

Config = Mapping[str, Any]


def block_spec(config: Config, **differences: Any) -> EncoderBlockSpec:
    """Sizes of the blocks; `differences` override what a family does in another way."""
    hidden, heads = integer(config, "hidden_size", default=768), integer(config, "num_attention_heads", default=12)
    divides("hidden_size", hidden, heads, "num_attention_heads")
    fields: dict[str, Any] = {
        "hidden": hidden,
        "layers": layers(config, "num_hidden_layers", default=12),
        "heads": heads,
        "feed_forward": integer(config, "intermediate_size", default=4 * hidden),
        "activation": activation(config, "hidden_act", default="gelu"),
        "dropout": fraction(config, "hidden_dropout_prob", 0.0),
        "attention_dropout": fraction(config, "attention_probs_dropout_prob", fraction(config, "attention_dropout", 0.0)),
        "qkv_bias": flag(config, "qkv_bias", True),
    }
    return EncoderBlockSpec(**{**fields, **differences})


def patch_spec(config: Config, *, image: int, patch: int, **differences: Any) -> PatchSpec:
    """How images are cut; `image` and `patch` are the family's defaults."""
    side, piece = integer(config, "image_size", default=image), integer(config, "patch_size", default=patch)
    return PatchSpec(image=side, patch=piece, channels=integer(config, "num_channels", default=3), **differences)


def labels(config: Config) -> int:
    """Classes of an image classifier; none for an encoder alone."""
    return label_count(config) if architecture(config).endswith("ForImageClassification") else 0


def vit(config: Config, options: Options) -> Network:
    """ViTConfig."""
    patches = patch_spec(config, image=224, patch=16)
    pooler = architecture(config).endswith("Model")
    return ImageModel(patches, block_spec(config), options, labels=labels(config), pooling=Pooling.FIRST, pooler=pooler)


def dinov2(config: Config, options: Options) -> Network:
    """Dinov2Config."""
    wide = integer(config, "hidden_size", default=768) * integer(config, "mlp_ratio", default=4)
    gate = flag(config, "use_swiglu_ffn", False)
    spec = block_spec(
        config, feed_forward=(wide * 2 // 3 + 7) // 8 * 8 if gate else wide, gate=gate, factors=True, style=IN_OWN_TYPE,
        **({"activation": "silu"} if gate else {}),
    )  # fmt: skip
    patches = patch_spec(config, image=224, patch=14, mask_token=flag(config, "use_mask_token", True), any_size=True)
    pooling = Pooling.FIRST_AND_MEAN if labels(config) else Pooling.FIRST
    return ImageModel(patches, spec, options, labels=labels(config), pooling=pooling)
