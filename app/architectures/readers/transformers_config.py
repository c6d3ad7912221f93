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
    llama_relatives,
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
    "arcee": llama_relatives.arcee,
    "bamba": state_spaces.bamba,
    "bart": encoder_decoders.bart,
    "bert": encoders.bert,
    "blenderbot": encoder_decoders.blenderbot,
    "bloom": gpt.bloom,
    "camembert": encoders.roberta,
    "clip": image_encoders.clip,
    "clip_text_model": image_encoders.clip_text,
    "clip_vision_model": image_encoders.clip_vision,
    "cohere": llama_relatives.cohere,
    "cohere2": llama_relatives.cohere2,
    "cwm": llama_relatives.cwm,
    "data2vec-text": encoders.bert,
    "deberta-v2": encoders.deberta,
    "deepseek_v2": mixtures.deepseek_v2,
    "deepseek_v3": mixtures.deepseek_v3,
    "deit": image_encoders.deit,
    "dinov2": image_encoders.dinov2,
    "dinov2_with_registers": image_encoders.dinov2_with_registers,
    "distilbert": encoders.distilbert,
    "electra": encoders.electra,
    "ernie": encoders.bert,
    "ernie4_5": llama_relatives.ernie4_5,
    "exaone4": llama_relatives.exaone4,
    "falcon": parallel_decoders.falcon,
    "falcon_h1": state_spaces.falcon_h1,
    "falcon_mamba": state_spaces.falcon_mamba,
    "gemma": llama.gemma,
    "gemma2": llama.gemma2,
    "gemma3": vision_language.gemma3,
    "gemma3_text": llama.gemma3,
    "glm": llama_relatives.glm,
    "glm4": llama_relatives.glm4,
    "gpt2": gpt.gpt2,
    "gpt_neo": gpt.gpt_neo,
    "gpt_neox": gpt.gpt_neox,
    "gpt_oss": mixtures.gpt_oss,
    "gptj": parallel_decoders.gptj,
    "granite": llama_relatives.granite,
    "granitemoe": llama_relatives.granite_moe,
    "granitemoehybrid": state_spaces.granite_hybrid,
    "granitemoeshared": llama_relatives.granite_moe,
    "helium": llama_relatives.helium,
    "hubert": speech_encoders.hubert,
    "hunyuan_v1_dense": llama_relatives.hunyuan_dense,
    "jamba": state_spaces.jamba,
    "llama": llama.llama,
    "llama4": vision_language.llama4,
    "llama4_text": mixtures.llama4_text,
    "llava": vision_language.llava,
    "mamba": state_spaces.mamba,
    "mamba2": state_spaces.mamba2,
    "m2m_100": encoder_decoders.m2m_100,
    "marian": encoder_decoders.marian,
    "mbart": encoder_decoders.mbart,
    "ministral": llama_relatives.ministral,
    "ministral3": llama_relatives.ministral,
    "mistral": llama.mistral,
    "mistral3": vision_language.mistral3,
    "mixtral": mixtures.mixtral,
    "modernbert": encoders.modernbert,
    "mpt": gpt.mpt,
    "mt5": encoder_decoders.t5,
    "nemotron": llama_relatives.nemotron,
    "nemotron_h": state_spaces.nemotron_h,
    "olmo": llama_relatives.olmo,
    "olmo2": llama.olmo2,
    "olmo3": llama_relatives.olmo3,
    "olmoe": mixtures.olmoe,
    "opt": gpt.opt,
    "pegasus": encoder_decoders.pegasus,
    "phi": parallel_decoders.phi,
    "phi3": llama.phi3,
    "phimoe": mixtures.phimoe,
    "qwen2": llama.qwen2,
    "qwen2_moe": mixtures.qwen2_moe,
    "qwen3": llama.qwen3,
    "qwen3_5_moe_text": state_spaces.qwen3_5,
    "qwen3_5_text": state_spaces.qwen3_5,
    "qwen3_moe": mixtures.qwen3_moe,
    "qwen3_next": state_spaces.qwen3_next,
    "roberta": encoders.roberta,
    "seed_oss": llama_relatives.seed_oss,
    "siglip": image_encoders.siglip,
    "siglip_vision_model": image_encoders.siglip_vision,
    "smollm3": llama_relatives.smollm3,
    "stablelm": parallel_decoders.stablelm,
    "starcoder2": llama_relatives.starcoder2,
    "t5": encoder_decoders.t5,
    "umt5": encoder_decoders.t5,
    "vit": image_encoders.vit,
    "vit_msn": image_encoders.vit_msn,
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
