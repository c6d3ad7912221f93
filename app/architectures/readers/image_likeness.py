"""A decoder that reads images, of an unknown type: its own language model where that is known, with the usual kind of image encoder."""

from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.decoder import DecoderSpec
from app.architectures.gemma import GemmaNorm
from app.architectures.image_encoder import ImageEncoder, PatchSpec
from app.architectures.network import Network, Options
from app.architectures.readers.fields import integer, layers, nested
from app.architectures.readers.image_encoders import block_spec, patch_spec
from app.architectures.readers.llama import llama_spec
from app.architectures.vision_language import MergingProjector, VisionLanguage

Config = Mapping[str, Any]

VISION_NAMES = {
    "hidden_size": ("hidden_size", "embed_dim", "width"),
    "num_hidden_layers": ("num_hidden_layers", "depth", "num_layers", "layers"),
    "num_attention_heads": ("num_attention_heads", "num_heads", "heads"),
    "intermediate_size": ("intermediate_size", "mlp_dim"),
    "image_size": ("image_size", "image_resolution"),
    "patch_size": ("patch_size", "spatial_patch_size"),
}
MLP_RATIO = 4
USUAL_IMAGE, USUAL_PATCH = 448, 14
MERGED = {"qwen2_vl": 2, "qwen2_5_vl": 2, "qwen3_vl": 2, "internvl": 2}  # patches along each side that become one token


def _qwen2(config: Config) -> DecoderSpec:
    return llama_spec(config, qkv_bias=True, output_bias=False)


def _qwen3(config: Config) -> DecoderSpec:
    return llama_spec({"head_dim": 128, **config}, head_norms=True)


def _gemma(config: Config) -> DecoderSpec:
    named = {"head_dim": 256, "tie_word_embeddings": True, **config, "hidden_activation": "gelu_pytorch_tanh"}
    return llama_spec(named, norm=GemmaNorm, scaled_embeddings=True)


SPECS: dict[str, Callable[[Config], DecoderSpec]] = {
    **dict.fromkeys(("qwen2", "qwen2_vl", "qwen2_vl_text", "qwen2_5_vl", "qwen2_5_vl_text"), _qwen2),
    **dict.fromkeys(("qwen3", "qwen3_vl", "qwen3_vl_text"), _qwen3),
    "gemma": _gemma,
}


def reads_images(config: Config) -> bool:
    """Whether there is a vision configuration in it."""
    return isinstance(config.get("vision_config"), Mapping)


def text_of(config: Config) -> Config:
    """The language model's configuration: nested, or among the others as older files have it."""
    inner = nested(config, "text_config") or nested(config, "llm_config")
    outer = {name: config[name] for name in ("tie_word_embeddings", "vocab_size") if name in config and name not in inner}
    return {**inner, **outer} if inner else config


def network(config: Config, options: Options) -> Network:
    """The language model with a plain vision transformer and a projection of merged patches."""
    text = text_of(config)
    kind = str(text.get("model_type") or config.get("model_type"))
    spec = SPECS.get(kind, llama_spec)(text)
    patches, image = _vision(nested(config, "vision_config"))
    projector = MergingProjector(image.hidden, spec.hidden, merged=_merged(config, patches), activation="gelu", bias=True)
    return VisionLanguage(spec, options).see(ImageEncoder(patches, image, options, last_norm=True), projector)


def _vision(given: Config) -> tuple[PatchSpec, Any]:
    config: dict[str, Any] = {}
    for name, others in VISION_NAMES.items():
        value = next((given[other] for other in others if given.get(other) is not None), None)
        if value is not None:
            config[name] = value[0] if isinstance(value, (list, tuple)) and value else value
    hidden = integer(config, "hidden_size", default=1024)
    config.setdefault("intermediate_size", MLP_RATIO * hidden)
    layers(config, "num_hidden_layers", default=24)
    return patch_spec(config, image=USUAL_IMAGE, patch=USUAL_PATCH), block_spec({"num_attention_heads": 16, **config})


def _merged(config: Config, patches: PatchSpec) -> int:
    """Patches along each side that become one token, such as divide them."""
    vision = nested(config, "vision_config")
    usual = MERGED.get(str(config.get("model_type")), 1)
    merged = integer(vision, "spatial_merge_size", default=usual, largest=16)
    return merged if patches.tokens % merged**2 == 0 else 1
