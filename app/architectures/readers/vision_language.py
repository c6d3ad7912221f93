"""Configurations of decoders that read images: Gemma 3, Mistral 3, LLaVA, Llama 4; a text and a vision configuration in one."""

from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.decoder import Decoder, DecoderSpec
from app.architectures.gemma import SandwichBlock
from app.architectures.image_encoder import EncoderBlockSpec, ImageEncoder, PatchSpec
from app.architectures.llama4 import Llama4WithImages, ShufflingEncoder
from app.architectures.network import Network, Options
from app.architectures.pixtral import PixtralEncoder
from app.architectures.readers.fields import activation, flag, fraction, integer, layers, nested
from app.architectures.readers.image_encoders import block_spec, clip_image, patch_spec, siglip_image
from app.architectures.readers.llama import gemma3_spec, llama_spec, mistral_spec
from app.architectures.readers.mixtures import llama4_specs
from app.architectures.vision_language import AveragingProjector, ClipTower, MergingProjector, TwoLayerProjector, VisionLanguage
from app.tape.modules import Linear
from app.workloads.fields import invalid_field

Config = Mapping[str, Any]


def gemma3(config: Config, options: Options) -> Network:
    """Gemma3Config; Gemma 3 without a vision part where there is none in it."""
    spec = gemma3_spec(_text(config, True))
    if not nested(config, "vision_config"):
        return Decoder(spec, options, SandwichBlock)
    patches, image = siglip_image(nested(config, "vision_config"))
    tokens = integer(config, "mm_tokens_per_image", default=256)
    if tokens > patches.tokens:
        raise invalid_field("model.config.mm_tokens_per_image", f"an image has only {patches.tokens} patches")
    projector = AveragingProjector(patches, image.hidden, tokens, spec.hidden)
    tower = ImageEncoder(patches, image, options, last_norm=True)
    return VisionLanguage(spec, options, SandwichBlock).see(tower, projector, grouped_images=True)


def mistral3(config: Config, options: Options) -> Network:
    """Mistral3Config."""
    spec = mistral_spec(_text(config, False))
    patches, image = _pixtral(nested(config, "vision_config"))
    projector = MergingProjector(
        image.hidden,
        spec.hidden,
        merged=integer(config, "spatial_merge_size", default=2),
        activation=activation(config, "projector_hidden_act", default="gelu"),
        bias=flag(config, "multimodal_projector_bias", False),
    )
    return VisionLanguage(spec, options).see(PixtralEncoder(patches, image, options), projector)


def llava(config: Config, options: Options) -> Network:
    """LlavaConfig with CLIP's image encoder."""
    spec = _llava_text(config)
    patches, image = clip_image({**LLAVA_VISION, **nested(config, "vision_config")})
    projector = TwoLayerProjector(
        image.hidden,
        spec.hidden,
        activation=activation(config, "projector_hidden_act", default="gelu"),
        bias=flag(config, "multimodal_projector_bias", True),
    )
    if image.layers < FEWEST_BLOCKS:
        raise invalid_field("model.config.vision_config", f"the image encoder needs at least {FEWEST_BLOCKS} blocks")
    return VisionLanguage(spec, options).see(ClipTower(patches, image, options), projector)


def llama4(config: Config, options: Options) -> Network:
    """Llama4Config."""
    spec, experts, positions = llama4_specs(_text(config, False))
    vision = nested(config, "vision_config")
    patches = patch_spec(vision, image=448, patch=14, first_norm=True)
    image = block_spec(vision, layers=layers(vision, "num_hidden_layers", default=34), activation="gelu")
    merged = round(1 / (fraction(vision, "pixel_shuffle_ratio", 0.5) or 1.0))
    given, taken = integer(vision, "projector_input_dim", default=4096), integer(vision, "projector_output_dim", default=4096)
    tower = ShufflingEncoder(patches, image, options, merged=merged, projected=(given, taken))
    projector = Linear(integer(vision, "vision_output_dim", default=7680), spec.hidden, bias=False)
    return Llama4WithImages(spec, experts, positions, options).see(tower, projector)


LLAVA_TEXT: dict[str, Any] = {
    "vocab_size": 32_000, "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "intermediate_size": 11_008,
}  # fmt: skip
LLAVA_VISION: dict[str, Any] = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 336, "patch_size": 14,
}  # fmt: skip
FEWEST_BLOCKS = 2  # the last one is not used
TEXT_SPECS: dict[str, Callable[[Config], DecoderSpec]] = {"llama": llama_spec, "mistral": mistral_spec}


def _llava_text(config: Config) -> DecoderSpec:
    text = {**LLAVA_TEXT, **_text(config, False)}
    return TEXT_SPECS.get(str(text.get("model_type")), llama_spec)(text)


def _text(config: Config, tied: bool) -> Config:
    """The text configuration; whether tables are tied is said outside it."""
    return {**nested(config, "text_config"), "tie_word_embeddings": flag(config, "tie_word_embeddings", tied)}


def _pixtral(config: Config) -> tuple[PatchSpec, EncoderBlockSpec]:
    """PixtralVisionConfig."""
    named = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096, **config}
    return patch_spec(named, image=1024, patch=16, any_size=True), block_spec(named)
