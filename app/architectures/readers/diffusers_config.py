"""diffusers' config.json, by its _class_name."""

from collections.abc import Collection
from typing import Any

from app.architectures.autoencoder import Autoencoder, AutoencoderSpec
from app.architectures.cogvideox import CogVideoX, CogVideoXSpec
from app.architectures.cogvideox_autoencoder import CogVideoXAutoencoder, CogVideoXAutoencoderSpec
from app.architectures.diffusion_transformer import DiffusionTransformer, DitSpec
from app.architectures.diffusion_unet import DiffusionUNet, DiffusionUNetSpec, Level
from app.architectures.flux import Flux, FluxSpec
from app.architectures.network import Network, Options
from app.architectures.pixart import Pixart, PixartSpec
from app.architectures.readers.fields import LARGEST_SIZE, MOST_LAYERS, flag, integer, integers
from app.architectures.readers.transformers_config import Builder, Config
from app.architectures.sd3 import Sd3Spec, StableDiffusion3
from app.architectures.wan import Wan, WanSpec
from app.architectures.wan_autoencoder import WanAutoencoder, WanAutoencoderSpec
from app.workloads.fields import invalid_field

MOST_LEVELS = 12
USUAL_PIXART_LATENT = 128  # of models that take the image's size as a condition unless they say otherwise
_CROSSING = {"CrossAttnDownBlock2D": True, "DownBlock2D": False, "CrossAttnUpBlock2D": True, "UpBlock2D": False}
_ACTIVATIONS = {"gelu-approximate": "gelu_tanh", "gelu": "gelu"}
_MIDDLE = {"UNetMidBlock2DCrossAttn": True, None: False}


def _unet(config: Config, options: Options) -> Network:
    return DiffusionUNet(unet_spec(config), options)


def unet_spec(config: Config) -> DiffusionUNetSpec:
    """Hyper-parameters of a UNet2DConditionModel. Raises InvalidInput for kinds of blocks that are not known here."""
    middle = config.get("mid_block_type", "UNetMidBlock2DCrossAttn")
    if middle not in _MIDDLE:
        raise invalid_field("model.config.mid_block_type", "must be UNetMidBlock2DCrossAttn or null")
    down = _choices(config, "down_block_types", ("CrossAttnDownBlock2D", "DownBlock2D"))
    text_time = config.get("addition_embed_type") == "text_time"
    return DiffusionUNetSpec(
        levels=_levels(config, down),
        context=_per_level(config, "cross_attention_dim", len(down), default=1280),
        middle=_MIDDLE[middle],
        in_channels=integer(config, "in_channels", default=4),
        out_channels=integer(config, "out_channels", default=4),
        groups=integer(config, "norm_num_groups", default=32),
        linear_projection=flag(config, "use_linear_projection", False),
        added=integer(config, "projection_class_embeddings_input_dim") if text_time else None,
        latent=integer(config, "sample_size", default=64),
    )


def _levels(config: Config, down: list[str]) -> tuple[Level, ...]:
    up = _choices(config, "up_block_types", ("CrossAttnUpBlock2D", "UpBlock2D"))
    heads_field = "num_attention_heads" if config.get("num_attention_heads") else "attention_head_dim"
    count = len(down)
    if len(up) != count:
        raise invalid_field("model.config.up_block_types", f"must name {count} blocks, as many as down_block_types")
    levels = zip(
        _per_level(config, "block_out_channels", count),
        _per_level(config, "layers_per_block", count, default=2),
        _per_level(config, heads_field, count, default=8),
        _per_level(config, "transformer_layers_per_block", count, default=1),
        (_CROSSING[name] for name in down),
        (_CROSSING[name] for name in reversed(up)),
        strict=True,
    )
    return tuple(Level(*level) for level in levels)


def _choices(config: Config, name: str, allowed: Collection[str]) -> list[str]:
    """A list of names, each one of those allowed."""
    given = config.get(name)
    if not isinstance(given, (list, tuple)) or not 1 <= len(given) <= MOST_LEVELS or not all(entry in allowed for entry in given):
        raise invalid_field(f"model.config.{name}", f"must be a list of {' or '.join(allowed)}, at most {MOST_LEVELS}")
    return list(given)


def _per_level(config: Config, name: str, count: int, default: int | None = None) -> tuple[int, ...]:
    """A number for every level: a list of as many, or one number for all."""
    given: Any = config.get(name)
    if not isinstance(given, (list, tuple)):
        return (integer(config, name, default=default),) * count
    if len(given) != count or not all(type(entry) is int and 1 <= entry <= LARGEST_SIZE for entry in given):
        raise invalid_field(f"model.config.{name}", f"must be a list of {count} whole numbers, one for each block of down_block_types")
    return tuple(given)


def _gelu(config: Config) -> str:
    """Which GELU the feed-forward layers have. Raises InvalidInput for another activation."""
    name = config.get("activation_fn", "gelu-approximate")
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        raise invalid_field("model.config.activation_fn", f"must be {' or '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]


def _dit(config: Config, options: Options) -> Network:
    channels = integer(config, "in_channels", default=4)
    spec = DitSpec(
        heads=integer(config, "num_attention_heads", default=16),
        head_size=integer(config, "attention_head_dim", default=72),
        layers=integer(config, "num_layers", default=28, largest=MOST_LAYERS),
        in_channels=channels,
        out_channels=integer(config, "out_channels", default=channels),
        patch=integer(config, "patch_size", default=2),
        latent=integer(config, "sample_size", default=32),
        classes=integer(config, "num_embeds_ada_norm", default=1000),
        attention_bias=flag(config, "attention_bias", True),
        activation=_gelu(config),
    )
    return DiffusionTransformer(spec, options)


def _flux(config: Config, options: Options) -> Network:
    channels = integer(config, "in_channels", default=64)
    spec = FluxSpec(
        heads=integer(config, "num_attention_heads", default=24),
        head_size=integer(config, "attention_head_dim", default=128),
        double_layers=integer(config, "num_layers", default=19, largest=MOST_LAYERS),
        single_layers=integer(config, "num_single_layers", default=38, largest=MOST_LAYERS),
        in_channels=channels,
        out_channels=integer(config, "out_channels", default=channels),
        text_width=integer(config, "joint_attention_dim", default=4096),
        pooled_width=integer(config, "pooled_projection_dim", default=768),
        guided=flag(config, "guidance_embeds", False),
    )
    return Flux(spec, options)


def _sd3(config: Config, options: Options) -> Network:
    heads, size = integer(config, "num_attention_heads", default=18), integer(config, "attention_head_dim", default=64)
    if integer(config, "caption_projection_dim", default=1152) != heads * size:
        raise invalid_field("model.config.caption_projection_dim", f"must be num_attention_heads x attention_head_dim, {heads * size}")
    if config.get("qk_norm") not in (None, "rms_norm"):
        raise invalid_field("model.config.qk_norm", "must be rms_norm or null")
    channels = integer(config, "in_channels", default=16)
    spec = Sd3Spec(
        heads=heads,
        head_size=size,
        layers=integer(config, "num_layers", default=18, largest=MOST_LAYERS),
        in_channels=channels,
        out_channels=integer(config, "out_channels", default=channels),
        patch=integer(config, "patch_size", default=2),
        text_width=integer(config, "joint_attention_dim", default=4096),
        pooled_width=integer(config, "pooled_projection_dim", default=2048),
        positions=integer(config, "pos_embed_max_size", default=96),
        head_norms=config.get("qk_norm") is not None,
        dual=_indices(config, "dual_attention_layers"),
        latent=integer(config, "sample_size", default=128),
    )
    return StableDiffusion3(spec, options)


def _indices(config: Config, name: str) -> frozenset[int]:
    """A list of block numbers."""
    given = config.get(name) or ()
    if not isinstance(given, (list, tuple)) or len(given) > MOST_LAYERS or not all(type(entry) is int and entry >= 0 for entry in given):
        raise invalid_field(f"model.config.{name}", "must be a list of block numbers, counted from 0")
    return frozenset(given)


def _wan(config: Config, options: Options) -> Network:
    if config.get("image_dim") or config.get("added_kv_proj_dim"):
        raise invalid_field("model.config.image_dim", "models conditioned on an image are not read yet; give the text-to-video model")
    patch = config.get("patch_size") or (1, 2, 2)
    if not isinstance(patch, (list, tuple)) or len(patch) != 3 or not all(type(step) is int and 1 <= step <= 16 for step in patch):
        raise invalid_field("model.config.patch_size", "must be three whole numbers from 1 to 16: frames, height, width")
    channels = integer(config, "in_channels", default=16)
    spec = WanSpec(
        heads=integer(config, "num_attention_heads", default=40),
        head_size=integer(config, "attention_head_dim", default=128),
        layers=integer(config, "num_layers", default=40, largest=MOST_LAYERS),
        feed_forward=integer(config, "ffn_dim", default=13_824),
        in_channels=channels,
        out_channels=integer(config, "out_channels", default=channels),
        text_width=integer(config, "text_dim", default=4096),
        time_channels=integer(config, "freq_dim", default=256),
        patch=(patch[0], patch[1], patch[2]),
        cross_norm=flag(config, "cross_attn_norm", True),
        positions=integer(config, "rope_max_seq_len", default=1024),
    )
    return Wan(spec, options)


def _pixart(config: Config, options: Options) -> Network:
    latent = integer(config, "sample_size", default=128)
    given = config.get("use_additional_conditions")
    spec = PixartSpec(
        heads=integer(config, "num_attention_heads", default=16),
        head_size=integer(config, "attention_head_dim", default=72),
        layers=integer(config, "num_layers", default=28, largest=MOST_LAYERS),
        context=integer(config, "cross_attention_dim", default=1152),
        text_width=integer(config, "caption_channels") if config.get("caption_channels") else None,
        in_channels=integer(config, "in_channels", default=4),
        out_channels=integer(config, "out_channels", default=8),
        patch=integer(config, "patch_size", default=2),
        latent=latent,
        attention_bias=flag(config, "attention_bias", True),
        activation=_gelu(config),
        sizes=latent == USUAL_PIXART_LATENT if given is None else bool(given),
    )
    return Pixart(spec, options)


def _cogvideox(config: Config, options: Options) -> Network:
    for name in ("patch_size_t", "ofs_embed_dim", "use_learned_positional_embeddings"):
        if config.get(name):
            raise invalid_field(f"model.config.{name}", "CogVideoX 1.5 and the models conditioned on an image are not read yet")
    channels, frames = integer(config, "in_channels", default=16), integer(config, "sample_frames", default=49)
    spec = CogVideoXSpec(
        heads=integer(config, "num_attention_heads", default=30),
        head_size=integer(config, "attention_head_dim", default=64),
        layers=integer(config, "num_layers", default=30, largest=MOST_LAYERS),
        in_channels=channels,
        out_channels=integer(config, "out_channels", default=channels),
        text_width=integer(config, "text_embed_dim", default=4096),
        time_width=integer(config, "time_embed_dim", default=512),
        text_length=integer(config, "max_text_seq_length", default=226),
        patch=integer(config, "patch_size", default=2),
        attention_bias=flag(config, "attention_bias", True),
        affine=flag(config, "norm_elementwise_affine", True),
        activation=_gelu(config),
        rotary=flag(config, "use_rotary_positional_embeddings", False),
        usual=(
            (frames - 1) // integer(config, "temporal_compression_ratio", default=4) + 1,
            integer(config, "sample_height", default=60),
            integer(config, "sample_width", default=90),
        ),
    )
    return CogVideoX(spec, options)


def autoencoder(config: Config, options: Options) -> Autoencoder:
    """AutoencoderKL."""
    down = _choices(config, "down_block_types", ("DownEncoderBlock2D",))
    _choices(config, "up_block_types", ("UpDecoderBlock2D",))
    spec = AutoencoderSpec(
        channels=_per_level(config, "block_out_channels", len(down)),
        residual_blocks=integer(config, "layers_per_block", default=1, largest=MOST_LAYERS),
        images=integer(config, "in_channels", default=3),
        latents=integer(config, "latent_channels", default=4),
        groups=integer(config, "norm_num_groups", default=32),
        middle_attention=flag(config, "mid_block_add_attention", True),
        before_latents=flag(config, "use_quant_conv", True),
        after_latents=flag(config, "use_post_quant_conv", True),
        image_size=integer(config, "sample_size", default=512),
    )
    return Autoencoder(spec, options)


def _wan_autoencoder(config: Config, options: Options) -> Network:
    if config.get("is_residual") or config.get("patch_size") or config.get("attn_scales"):
        raise invalid_field("model.config.is_residual", "the autoencoder of Wan 2.2 is not read yet; give that of Wan 2.1")
    multiples = integers(config, "dim_mult", (1, 2, 4, 4))
    if len(multiples) > MOST_LEVELS:
        raise invalid_field("model.config.dim_mult", f"must have at most {MOST_LEVELS} entries")
    base = integer(config, "base_dim", default=96)
    halves = config.get("temperal_downsample", (False, True, True))
    if not isinstance(halves, (list, tuple)) or len(halves) != len(multiples) - 1 or not all(isinstance(entry, bool) for entry in halves):
        raise invalid_field("model.config.temperal_downsample", f"must be true or false {len(multiples) - 1} times")
    spec = WanAutoencoderSpec(
        channels=tuple(base * multiple for multiple in multiples),
        residual_blocks=integer(config, "num_res_blocks", default=2, largest=MOST_LAYERS),
        latents=integer(config, "z_dim", default=16),
        halves_frames=tuple(halves),
    )
    return WanAutoencoder(spec, options)


def _cogvideox_autoencoder(config: Config, options: Options) -> Network:
    down = _choices(config, "down_block_types", ("CogVideoXDownBlock3D",))
    _choices(config, "up_block_types", ("CogVideoXUpBlock3D",))
    for name in ("use_quant_conv", "use_post_quant_conv"):
        if config.get(name):
            raise invalid_field(f"model.config.{name}", "is not read yet; the published autoencoders do without")
    spec = CogVideoXAutoencoderSpec(
        channels=_per_level(config, "block_out_channels", len(down)),
        residual_blocks=integer(config, "layers_per_block", default=3, largest=MOST_LAYERS),
        latents=integer(config, "latent_channels", default=16),
        groups=integer(config, "norm_num_groups", default=32),
        halvings_of_frames=integer(config, "temporal_compression_ratio", default=4).bit_length() - 1,
        image=(integer(config, "sample_height", default=480), integer(config, "sample_width", default=720)),
    )
    return CogVideoXAutoencoder(spec, options)


BUILDERS: dict[str, Builder] = {
    "AutoencoderKL": autoencoder,
    "AutoencoderKLCogVideoX": _cogvideox_autoencoder,
    "AutoencoderKLWan": _wan_autoencoder,
    "UNet2DConditionModel": _unet,
    "CogVideoXTransformer3DModel": _cogvideox,
    "DiTTransformer2DModel": _dit,
    "FluxTransformer2DModel": _flux,
    "PixArtTransformer2DModel": _pixart,
    "SD3Transformer2DModel": _sd3,
    "WanTransformer3DModel": _wan,
}
