"""Configurations of encoder-decoders: T5, BART and Whisper."""

from collections.abc import Mapping
from typing import Any

from app.architectures.network import Network, Options
from app.architectures.readers.fields import activation, architecture, divides, flag, fraction, integer, layers
from app.architectures.seq2seq import POSITION_OFFSET, Bart, Seq2SeqSpec, StackSpec
from app.architectures.t5 import T5, T5Spec
from app.architectures.text_conditioner import T5Conditioner
from app.architectures.whisper import Whisper, WhisperSpec

Config = Mapping[str, Any]


def t5(config: Config, options: Options) -> Network:
    """T5Config, also of mT5 and UMT5, whole or the encoder alone."""
    spec = t5_spec(config)
    return T5Conditioner(spec, options) if architecture(config).endswith("EncoderModel") else T5(spec, options)


def t5_spec(config: Config) -> T5Spec:
    """Sizes; `feed_forward_proj` is "relu" or "gated-gelu", where gelu means gelu_new."""
    encoder_layers = layers(config, "num_layers", "num_hidden_layers", default=6)
    projection = str(config.get("feed_forward_proj") or "relu")
    gated = projection.startswith("gated-")
    named = {"activation": "gelu_new" if projection == "gated-gelu" else projection.removeprefix("gated-")}
    tied = flag(config, "tie_word_embeddings", True)
    return T5Spec(
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
        biases_by_layer=config.get("model_type") == "umt5",
    )


def _stack(config: Config, side: str, **differences: Any) -> StackSpec:
    """The encoder or the decoder (`side`) of a BART-like configuration; `differences` are what the family does in its own way."""
    hidden, heads = integer(config, "d_model", default=1024), integer(config, f"{side}_attention_heads", default=16)
    divides("d_model", hidden, heads, f"{side}_attention_heads")
    fields: dict[str, Any] = {
        "hidden": hidden,
        "layers": layers(config, f"{side}_layers", default=12),
        "heads": heads,
        "feed_forward": integer(config, f"{side}_ffn_dim", default=4096),
        "positions": integer(config, "max_position_embeddings", default=1024),
        "activation": activation(config, "activation_function", default="gelu"),
        "dropout": fraction(config, "dropout", 0.1),
        "attention_dropout": fraction(config, "attention_dropout", 0.0),
        "activation_dropout": fraction(config, "activation_dropout", 0.0),
    }
    return StackSpec(**{**fields, **differences})


def _seq2seq(config: Config, options: Options, *, offset: int = POSITION_OFFSET, biased: bool = True, **differences: Any) -> Network:
    spec = Seq2SeqSpec(
        offset=offset,
        biased_logits=biased,
        vocabulary=integer(config, "vocab_size", default=50265),
        encoder=_stack(config, "encoder", **differences),
        decoder=_stack(config, "decoder", **differences),
        tied=flag(config, "tie_word_embeddings", True),
    )
    return Bart(spec, options)


def bart(config: Config, options: Options) -> Network:
    """BartConfig."""
    return _seq2seq(config, options)


def mbart(config: Config, options: Options) -> Network:
    """MBartConfig: norms before each part, and one after the last."""
    return _seq2seq(config, options, norm_first=True, final_norm=True)


FIXED_POSITIONS: dict[str, Any] = {"norm_embeddings": False, "learned_positions": False}
NORM_FIRST: dict[str, Any] = {"norm_first": True, "final_norm": True}


def marian(config: Config, options: Options) -> Network:
    """MarianConfig: fixed positions."""
    return _seq2seq({"vocab_size": 58_101, **config}, options, offset=0, **FIXED_POSITIONS)


def pegasus(config: Config, options: Options) -> Network:
    """PegasusConfig: fixed positions, norms before each part."""
    return _seq2seq(config, options, offset=0, **FIXED_POSITIONS, **NORM_FIRST)


def m2m_100(config: Config, options: Options) -> Network:
    """M2M100Config, also of NLLB: fixed positions that are no parameters, norms before each part."""
    config = {"vocab_size": 128_112, "activation_function": "relu", "attention_dropout": 0.1, **config}
    return _seq2seq(config, options, biased=False, counted_positions=False, **FIXED_POSITIONS, **NORM_FIRST)


def blenderbot(config: Config, options: Options) -> Network:
    """BlenderbotConfig: norms before each part."""
    config = {
        "vocab_size": 8008, "max_position_embeddings": 128, "encoder_layers": 2, "decoder_layers": 24, "encoder_ffn_dim": 10_240,
        "decoder_ffn_dim": 10_240, "encoder_attention_heads": 32, "decoder_attention_heads": 32, "d_model": 2560, **config,
    }  # fmt: skip
    return _seq2seq(config, options, offset=0, norm_embeddings=False, **NORM_FIRST)


def whisper(config: Config, options: Options) -> Network:
    """WhisperConfig."""
    common: dict[str, Any] = {
        "dropout": fraction(config, "dropout", 0.0), "norm_first": True, "norm_embeddings": False, "final_norm": True,
        "key_bias": False, "heads_first": True,
    }  # fmt: skip
    named = {"d_model": 384, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536, **config}
    sources = integer(config, "max_source_positions", default=1500)
    targets = integer(config, "max_target_positions", default=448)
    spec = WhisperSpec(
        vocabulary=integer(config, "vocab_size", default=51865),
        mel_bins=integer(config, "num_mel_bins", default=80),
        encoder=_stack(named, "encoder", positions=sources, **common),
        decoder=_stack(named, "decoder", positions=targets, **common),
        tied=flag(config, "tie_word_embeddings", True),
    )
    return Whisper(spec, options)
