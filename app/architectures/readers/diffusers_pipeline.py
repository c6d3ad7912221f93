"""Pipelines of diffusers as the library writes them down: the name of the pipeline and the configuration of each of its parts.

Guidance and text lengths are the defaults of the pipelines in diffusers 0.42.1.
"""

from app.architectures.autoencoder import LatentDecoder
from app.architectures.denoiser import Denoiser
from app.architectures.diffusion_pipeline import Pipeline, PipelineSpec
from app.architectures.network import Network, Options
from app.architectures.readers.diffusers_config import BUILDERS as PARTS
from app.architectures.readers.fields import nested
from app.architectures.readers.transformers_config import BUILDERS as ENCODERS
from app.architectures.readers.transformers_config import Builder, Config
from app.architectures.text_conditioner import TextConditioner
from app.workloads.fields import invalid_field

CLIP = 77  # tokens
DENOISERS = ("unet", "transformer")
TEXT_ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")

PIPELINES = {
    "StableDiffusionPipeline": PipelineSpec(text=(CLIP,)),
    "StableDiffusionXLPipeline": PipelineSpec(text=(CLIP, CLIP), upcast=True),
    "StableDiffusion3Pipeline": PipelineSpec(text=(CLIP, CLIP, 256)),
    "FluxPipeline": PipelineSpec(guided=False, text=(CLIP, 512)),
    "PixArtSigmaPipeline": PipelineSpec(text=(300,)),
    "CogVideoXPipeline": PipelineSpec(text=(226,)),
    "DiTPipeline": PipelineSpec(),
    "WanPipeline": PipelineSpec(apart=True, text=(512,)),
}


def _builder(spec: PipelineSpec) -> Builder:
    def build(config: Config, options: Options) -> Network:
        name = next((part for part in DENOISERS if part in config), "transformer")
        part = nested(config, name)
        denoiser = _part(part, f"model.config.{name}", options)
        if not isinstance(denoiser, Denoiser):
            raise invalid_field(f"model.config.{name}", "must be the configuration of a denoiser")
        if options.denoiser_only:
            denoiser.assumed = "the denoiser alone is on the GPU; latents and text embeddings have been made beforehand"
            return denoiser
        autoencoder = _part(nested(config, "vae"), "model.config.vae", options)
        if not isinstance(autoencoder, LatentDecoder):
            raise invalid_field("model.config.vae", "must be the configuration of an autoencoder")
        return Pipeline(denoiser, autoencoder, _encoders(config, options, len(spec.text)), spec, options)

    return build


def _part(config: Config, path: str, options: Options) -> Network:
    builder = PARTS.get(str(config.get("_class_name")))
    if builder is None:
        raise invalid_field(f"{path}._class_name", f"must be one of {', '.join(PARTS)}")
    return builder(config, options)


def _encoders(config: Config, options: Options, count: int) -> list[TextConditioner]:
    """The text encoders in their order."""
    found = []
    for name in TEXT_ENCODERS[:count]:
        part = nested(config, name)
        builder = ENCODERS.get(str(part.get("model_type")))
        encoder = builder(part, options) if builder else None
        if not isinstance(encoder, TextConditioner):
            raise invalid_field(f"model.config.{name}", "must be the configuration of a CLIP, T5 or UMT5 text encoder")
        found.append(encoder)
    return found


BUILDERS: dict[str, Builder] = {name: _builder(spec) for name, spec in PIPELINES.items()}
