"""transformers' config.json, by its model_type."""

from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.decoder import Decoder, DecoderSpec
from app.architectures.network import Network, Options
from app.architectures.readers import encoder_decoders, encoders, gpt
from app.architectures.readers.fields import divides, flag, integer, layers

Config = Mapping[str, Any]
Builder = Callable[[Config, Options], Network]


def llama_spec(config: Config, **differences: Any) -> DecoderSpec:
    """Hyper-parameters of a Llama-like decoder; `differences` override what the family does in another way."""
    hidden, heads = integer(config, "hidden_size"), integer(config, "num_attention_heads")
    kv_heads = integer(config, "num_key_value_heads", default=heads)
    divides("num_attention_heads", heads, kv_heads, "num_key_value_heads")
    head_size = config.get("head_dim") or divides("hidden_size", hidden, heads, "num_attention_heads")
    fields: dict[str, Any] = {
        "vocabulary": integer(config, "vocab_size"),
        "hidden": hidden,
        "layers": layers(config, "num_hidden_layers"),
        "heads": heads,
        "kv_heads": kv_heads,
        "head_size": head_size,
        "feed_forward": integer(config, "intermediate_size"),
        "tied": flag(config, "tie_word_embeddings", False),
        "qkv_bias": flag(config, "attention_bias", False),
        "output_bias": flag(config, "attention_bias", False),
        "feed_forward_bias": flag(config, "mlp_bias", False),
    }
    return DecoderSpec(**{**fields, **differences})


def _llama(config: Config, options: Options) -> Network:
    return Decoder(llama_spec(config), options)


def _qwen2(config: Config, options: Options) -> Network:
    return Decoder(llama_spec(config, qkv_bias=True, output_bias=False), options)


def _qwen3(config: Config, options: Options) -> Network:
    return Decoder(llama_spec(config, head_norms=True), options)


BUILDERS: dict[str, Builder] = {
    "bert": encoders.bert,
    "camembert": encoders.roberta,
    "distilbert": encoders.distilbert,
    "electra": encoders.electra,
    "gpt2": gpt.gpt2,
    "gpt_neox": gpt.gpt_neox,
    "llama": _llama,
    "mistral": _llama,
    "opt": gpt.opt,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "bart": encoder_decoders.bart,
    "mbart": encoder_decoders.mbart,
    "whisper": encoder_decoders.whisper,
    "mt5": encoder_decoders.t5,
    "t5": encoder_decoders.t5,
    "roberta": encoders.roberta,
    "xlm-roberta": encoders.roberta,
}
