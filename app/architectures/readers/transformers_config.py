"""transformers' config.json, by its model_type."""

from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.language_head import LanguageModel
from app.architectures.network import Network, Options
from app.architectures.readers import (
    encoder_decoders,
    encoders,
    further_encoders,
    gemma_layers,
    gpt,
    image_encoders,
    llama,
    llama_relatives,
    mixtures,
    parallel_decoders,
    recurrent_hybrids,
    scored_mixtures,
    speech_encoders,
    state_spaces,
    vision_language,
)
from app.architectures.readers.decoder_heads import with_named_head
from app.architectures.readers.fields import architecture

Config = Mapping[str, Any]
Builder = Callable[[Config, Options], Network]

PROGRAMS: dict[str, Builder] = {
    "albert": encoders.albert,
    "apertus": llama_relatives.apertus,
    "arcee": llama_relatives.arcee,
    "bamba": state_spaces.bamba,
    "bart": encoder_decoders.bart,
    "bert": encoders.bert,
    "biogpt": gpt.biogpt,
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
    "dots1": scored_mixtures.dots1,
    "electra": encoders.electra,
    "ernie": encoders.bert,
    "ernie4_5": llama_relatives.ernie4_5,
    "ernie4_5_moe": scored_mixtures.ernie4_5_moe,
    "eurobert": further_encoders.eurobert,
    "exaone4": llama_relatives.exaone4,
    "exaone_moe": scored_mixtures.exaone_moe,
    "falcon": parallel_decoders.falcon,
    "falcon_h1": state_spaces.falcon_h1,
    "falcon_mamba": state_spaces.falcon_mamba,
    "flex_olmo": mixtures.flex_olmo,
    "gemma": llama.gemma,
    "gemma2": llama.gemma2,
    "gemma3": vision_language.gemma3,
    "gemma3_text": llama.gemma3,
    "gemma3n": gemma_layers.text_part(gemma_layers.gemma3n),
    "gemma3n_text": gemma_layers.gemma3n,
    "gemma4": gemma_layers.text_part(gemma_layers.gemma4),
    "gemma4_text": gemma_layers.gemma4,
    "glm": llama_relatives.glm,
    "glm4": llama_relatives.glm4,
    "glm4_moe": scored_mixtures.glm4_moe,
    "glm4_moe_lite": mixtures.glm4_moe_lite,
    "gpt2": gpt.gpt2,
    "gpt_bigcode": gpt.gpt_bigcode,
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
    "hunyuan_v1_moe": scored_mixtures.hunyuan_moe,
    "hy_v3": scored_mixtures.hy_v3,
    "internlm3": llama_relatives.internlm3,
    "jamba": state_spaces.jamba,
    "kimi_k2": mixtures.deepseek_v3,
    "lfm2": recurrent_hybrids.lfm2,
    "lfm2_moe": recurrent_hybrids.lfm2_moe,
    "llama": llama.llama,
    "llama4": vision_language.llama4,
    "llama4_text": mixtures.llama4_text,
    "llava": vision_language.llava,
    "m2m_100": encoder_decoders.m2m_100,
    "mamba": state_spaces.mamba,
    "mamba2": state_spaces.mamba2,
    "marian": encoder_decoders.marian,
    "mbart": encoder_decoders.mbart,
    "minimax_m2": scored_mixtures.minimax_m2,
    "ministral": llama_relatives.ministral,
    "ministral3": llama_relatives.ministral,
    "mistral": llama.mistral,
    "mistral3": vision_language.mistral3,
    "mixtral": mixtures.mixtral,
    "modernbert": encoders.modernbert,
    "mpnet": further_encoders.mpnet,
    "mpt": gpt.mpt,
    "mt5": encoder_decoders.t5,
    "nemotron": llama_relatives.nemotron,
    "nemotron_h": state_spaces.nemotron_h,
    "nomic_bert": further_encoders.nomic_bert,
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
    "recurrent_gemma": recurrent_hybrids.recurrent_gemma,
    "roberta": encoders.roberta,
    "rwkv": recurrent_hybrids.rwkv,
    "seed_oss": llama_relatives.seed_oss,
    "siglip": image_encoders.siglip,
    "siglip_vision_model": image_encoders.siglip_vision,
    "smollm3": llama_relatives.smollm3,
    "solar_open": scored_mixtures.solar_open,
    "stablelm": parallel_decoders.stablelm,
    "starcoder2": llama_relatives.starcoder2,
    "t5": encoder_decoders.t5,
    "umt5": encoder_decoders.t5,
    "vit": image_encoders.vit,
    "vit_msn": image_encoders.vit_msn,
    "wav2vec2": speech_encoders.wav2vec2,
    "whisper": encoder_decoders.whisper,
    "xlm-roberta": encoders.roberta,
    "zamba2": recurrent_hybrids.zamba2,
}


OTHER_HEADS: dict[str, tuple[str, ...]] = {  # by family, classes that are not modelled with its programs
    "encoder": ("ForCausalLM", "LMHeadModel"),
    "encoder_decoder": ("ForCausalLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"),
}


def _headed(program: Builder) -> Builder:
    """The program, with the head that `architectures` names where it is a decoder with another than the usual one.

    Networks with a head that is not modelled say that they are taken for those with the usual one.
    """

    def build(config: Config, options: Options) -> Network:
        network, named = program(config, options), architecture(config)
        if isinstance(network, LanguageModel):
            return with_named_head(network, config)
        if named.endswith(OTHER_HEADS.get(network.family, ())):
            network.taken_for = f"'{named[:60]}' is not modelled; it is taken for the same network with the usual head"
        return network

    return build


BUILDERS: dict[str, Builder] = {kind: _headed(program) for kind, program in PROGRAMS.items()}
