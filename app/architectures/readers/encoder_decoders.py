"""Configurations of encoder-decoders: T5, BART and Whisper."""

from collections.abc import Mapping
from typing import Any

from app.architectures.network import Network, Options
from app.architectures.readers.fields import activation, flag, fraction, integer, layers
from app.architectures.t5 import T5, T5Spec

Config = Mapping[str, Any]


def t5(config: Config, options: Options) -> Network:
    """T5Config, also of mT5; `feed_forward_proj` is "relu" or "gated-gelu", where gelu means gelu_new."""
    encoder_layers = layers(config, "num_layers", "num_hidden_layers", default=6)
    projection = str(config.get("feed_forward_proj") or "relu")
    gated = projection.startswith("gated-")
    named = {"activation": "gelu_new" if projection == "gated-gelu" else projection.removeprefix("gated-")}
    tied = flag(config, "tie_word_embeddings", True)
    spec = T5Spec(
        vocabulary=integer(config, "vocab_size", default=32128),
        hidden=integer(config, "d_model", default=512),
        feed_forward=integer(config, "d_ff", default=2048),
        heads=integer(config, "num_heads", default=8),
        head_size=integer(config, "d_kv", default=64),
        encoder_layers=encoder_layers,
        decoder_layers=layers(config, "num_decoder_layers", default=encoder_layers),
        buckets=integer(config, "relative_attention_num_buckets", default=32),
        activation=activation(named, "activation", default="relu"),
        gated=gated,
        dropout=fraction(config, "dropout_rate", 0.1),
        tied=tied,
        scaled_output=flag(config, "scale_decoder_outputs", tied),
    )
    return T5(spec, options)
