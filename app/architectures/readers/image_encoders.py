"""Configurations of transformers' image encoders: ViT, DeiT, DINOv2, CLIP, SigLIP."""

from collections.abc import Mapping
from typing import Any

from app.architectures.attention import IN_OWN_TYPE
from app.architectures.image_encoder import EncoderBlockSpec, PatchSpec
from app.architectures.image_model import ClipImages, ImageModel, Pooling, SiglipImages, TeacherStudent
from app.architectures.image_text_pair import ImageTextPair, PairSpec, TextSpec
from app.architectures.network import Network, Options
from app.architectures.readers.encoders import label_count
from app.architectures.readers.fields import activation, architecture, divides, flag, fraction, integer, layers, nested
from app.architectures.text_conditioner import ClipTextConditioner
from app.workloads.fields import invalid_field

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
    if piece > side:
        raise invalid_field("model.config.patch_size", f"a patch of {piece} pixels does not fit into an image of {side}")
    return PatchSpec(image=side, patch=piece, channels=integer(config, "num_channels", default=3), **differences)


def labels(config: Config) -> int:
    """Classes of an image classifier; none for an encoder alone."""
    return label_count(config) if architecture(config).endswith("ForImageClassification") else 0


def vit(config: Config, options: Options) -> Network:
    """ViTConfig."""
    patches = patch_spec(config, image=224, patch=16)
    pooler = architecture(config).endswith("Model")
    return ImageModel(patches, block_spec(config), options, labels=labels(config), pooling=Pooling.FIRST, pooler=pooler)


def vit_msn(config: Config, options: Options) -> Network:
    """ViTMSNConfig, which has no pooler."""
    return ImageModel(patch_spec(config, image=224, patch=16), block_spec(config), options, labels=labels(config), pooling=Pooling.FIRST)


def deit(config: Config, options: Options) -> Network:
    """DeiTConfig; `architectures` tells whether the distillation token has a classifier too."""
    patches = patch_spec(config, image=224, patch=16, distilled=True)
    if architecture(config).endswith("WithTeacher"):
        return TeacherStudent(patches, block_spec(config), options, labels=label_count(config))
    pooler = architecture(config).endswith("Model")
    return ImageModel(patches, block_spec(config), options, labels=labels(config), pooling=Pooling.FIRST, pooler=pooler)


def dinov2_with_registers(config: Config, options: Options) -> Network:
    """Dinov2WithRegistersConfig, whose checkpoints always have a mask token."""
    return _dinov2(
        {"patch_size": 16, **config, "use_mask_token": True}, options, registers=integer(config, "num_register_tokens", default=4)
    )


def dinov2(config: Config, options: Options) -> Network:
    """Dinov2Config."""
    return _dinov2(config, options)


def _dinov2(config: Config, options: Options, *, registers: int = 0) -> Network:
    wide = integer(config, "hidden_size", default=768) * integer(config, "mlp_ratio", default=4)
    gate = flag(config, "use_swiglu_ffn", False)
    spec = block_spec(
        config, feed_forward=(wide * 2 // 3 + 7) // 8 * 8 if gate else wide, gate=gate, factors=True, style=IN_OWN_TYPE,
        **({"activation": "silu"} if gate else {}),
    )  # fmt: skip
    patches = patch_spec(config, image=224, patch=14, registers=registers, mask_token=flag(config, "use_mask_token", True), any_size=True)
    pooling = Pooling.FIRST_AND_MEAN if labels(config) else Pooling.FIRST
    return ImageModel(patches, spec, options, labels=labels(config), pooling=pooling)


def clip_image(config: Config) -> tuple[PatchSpec, EncoderBlockSpec]:
    """CLIPVisionConfig."""
    patches = patch_spec(config, image=224, patch=32, table=True, first_norm=True)
    return patches, block_spec({"hidden_act": "quick_gelu", **config})


def siglip_image(config: Config) -> tuple[PatchSpec, EncoderBlockSpec]:
    """SiglipVisionConfig."""
    patches = patch_spec(config, image=224, patch=16, table=True, class_token=False)
    return patches, block_spec({"hidden_act": "gelu_pytorch_tanh", "intermediate_size": 3072, **config})


def clip(config: Config, options: Options) -> Network:
    """CLIPConfig: one configuration for images and one for texts; of an image classifier only the first is used."""
    if labels(config):
        return ClipImages(*clip_image(nested(config, "vision_config")), options, labels=labels(config))
    patches, image = clip_image(nested(config, "vision_config"))
    text = {
        "hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8, "hidden_act": "quick_gelu",
        **nested(config, "text_config"),
    }  # fmt: skip
    spec = PairSpec(
        patches=patches,
        image=image,
        text=block_spec(text),
        vocabulary=integer(text, "vocab_size", default=49408),
        positions=integer(text, "max_position_embeddings", default=77),
        projected=integer(config, "projection_dim", default=512),
    )
    return ImageTextPair(spec, options)


def clip_text(config: Config, options: Options) -> Network:
    """CLIPTextConfig: the text encoder alone, with its projection where `architectures` says so."""
    text = {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8, "hidden_act": "quick_gelu", **config}
    spec = TextSpec(
        blocks=block_spec(text),
        vocabulary=integer(text, "vocab_size", default=49408),
        positions=integer(text, "max_position_embeddings", default=77),
    )
    projected = integer(text, "projection_dim", default=512) if architecture(config).endswith("WithProjection") else None
    return ClipTextConditioner(spec, options, projected)


def siglip(config: Config, options: Options) -> Network:
    """SiglipConfig; its two encoders give vectors of one size. Of an image classifier only the first is used."""
    if labels(config):
        return _siglip_images(nested(config, "vision_config"), options, classes=labels(config))
    patches, image = siglip_image(nested(config, "vision_config"))
    text = {"hidden_act": "gelu_pytorch_tanh", "intermediate_size": 3072, **nested(config, "text_config")}
    spec = PairSpec(
        patches=patches,
        image=image,
        text=block_spec(text),
        vocabulary=integer(text, "vocab_size", default=32000),
        positions=integer(text, "max_position_embeddings", default=64),
        projected=integer(text, "projection_size", default=integer(text, "hidden_size", default=768)),
        siglip=True,
    )
    return ImageTextPair(spec, options)


def clip_vision(config: Config, options: Options) -> Network:
    """CLIPVisionConfig: the image encoder alone, with its projection where `architectures` says so."""
    projected = integer(config, "projection_dim", default=512) if architecture(config).endswith("WithProjection") else 0
    return ClipImages(*clip_image(config), options, labels=0, projected=projected)


def siglip_vision(config: Config, options: Options) -> Network:
    """SiglipVisionConfig: the image encoder alone."""
    return _siglip_images(config, options, classes=0)


def _siglip_images(config: Config, options: Options, *, classes: int) -> Network:
    return SiglipImages(*siglip_image(config), options, labels=classes, head=flag(config, "vision_use_head", True))
