"""transformers' config.json, by its model_type."""

from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.language_head import LanguageModel
from app.architectures.network import Network, Options
from app.architectures.readers import (
    encoder_decoders,
    encoders,
    gpt,
    image_encoders,
    llama,
    mixtures,
    parallel_decoders,
    speech_encoders,
    state_spaces,
    vision_language,
)
from app.architectures.readers.decoder_heads import with_named_head

Config = Mapping[str, Any]
Builder = Callable[[Config, Options], Network]

PROGRAMS: dict[str, Builder] = {
    "albert": encoders.albert,
    "bamba": state_spaces.bamba,
    "bart": encoder_decoders.bart,
    "bert": encoders.bert,
    "bloom": gpt.bloom,
    "camembert": encoders.roberta,
    "clip": image_encoders.clip,
    "clip_text_model": image_encoders.clip_text,
    "deberta-v2": encoders.deberta,
    "deepseek_v2": mixtures.deepseek_v2,
    "deepseek_v3": mixtures.deepseek_v3,
    "dinov2": image_encoders.dinov2,
    "distilbert": encoders.distilbert,
    "electra": encoders.electra,
    "falcon": parallel_decoders.falcon,
    "gemma": llama.gemma,
    "gemma2": llama.gemma2,
    "gemma3": vision_language.gemma3,
    "gemma3_text": llama.gemma3,
    "gpt2": gpt.gpt2,
    "gpt_oss": mixtures.gpt_oss,
    "gpt_neo": gpt.gpt_neo,
    "gpt_neox": gpt.gpt_neox,
    "gptj": parallel_decoders.gptj,
    "granitemoehybrid": state_spaces.granite_hybrid,
    "hubert": speech_encoders.hubert,
    "falcon_h1": state_spaces.falcon_h1,
    "falcon_mamba": state_spaces.falcon_mamba,
    "jamba": state_spaces.jamba,
    "llama": llama.llama,
    "llama4": vision_language.llama4,
    "llama4_text": mixtures.llama4_text,
    "llava": vision_language.llava,
    "mamba": state_spaces.mamba,
    "mamba2": state_spaces.mamba2,
    "mbart": encoder_decoders.mbart,
    "mistral": llama.mistral,
    "mistral3": vision_language.mistral3,
    "mixtral": mixtures.mixtral,
    "modernbert": encoders.modernbert,
    "mpt": gpt.mpt,
    "mt5": encoder_decoders.t5,
    "olmoe": mixtures.olmoe,
    "olmo2": llama.olmo2,
    "opt": gpt.opt,
    "phi": parallel_decoders.phi,
    "phi3": llama.phi3,
    "phimoe": mixtures.phimoe,
    "qwen2": llama.qwen2,
    "qwen2_moe": mixtures.qwen2_moe,
    "qwen3": llama.qwen3,
    "qwen3_moe": mixtures.qwen3_moe,
    "roberta": encoders.roberta,
    "siglip": image_encoders.siglip,
    "smollm3": llama.llama,
    "stablelm": parallel_decoders.stablelm,
    "t5": encoder_decoders.t5,
    "umt5": encoder_decoders.t5,
    "vit": image_encoders.vit,
    "wav2vec2": speech_encoders.wav2vec2,
    "whisper": encoder_decoders.whisper,
    "xlm-roberta": encoders.roberta,
}


def _headed(program: Builder) -> Builder:
    """The program, with the head that `architectures` names where it is a decoder with another than the usual one."""

    def build(config: Config, options: Options) -> Network:
        network = program(config, options)
        return with_named_head(network, config) if isinstance(network, LanguageModel) else network

    return build


BUILDERS: dict[str, Builder] = {kind: _headed(program) for kind, program in PROGRAMS.items()}
