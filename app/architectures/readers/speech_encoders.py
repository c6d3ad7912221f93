"""Configurations of speech encoders: wav2vec 2.0 and HuBERT."""

from collections.abc import Mapping
from typing import Any

from app.architectures.network import Network, Options
from app.architectures.readers.encoders import label_count
from app.architectures.readers.fields import activation, architecture, divides, flag, fraction, integer, integers, layers
from app.architectures.wav2vec2 import HeadMaker, QuantizerSpec, SpeechModel, SpeechSpec, WaveformConvolutions
from app.architectures.wav2vec2_heads import ContrastiveHead, FramesOnly, TranscriptionHead, UtteranceHead
from app.workloads.fields import invalid_field

Config = Mapping[str, Any]
MOST_CONVOLUTIONS = 16
HEADS: dict[str, HeadMaker] = {
    "CTC": TranscriptionHead,
    "PreTraining": ContrastiveHead,
    "SequenceClassification": UtteranceHead,
}


def wav2vec2(config: Config, options: Options) -> Network:
    """Wav2Vec2Config; a transcriber where `architectures` names no head."""
    return _speech_model(config, options, fraction(config, "feat_proj_dropout", 0.0))


def hubert(config: Config, options: Options) -> Network:
    """HubertConfig."""
    return _speech_model(config, options, fraction(config, "feat_proj_dropout", 0.0), norm=flag(config, "feat_proj_layer_norm", True))


def _speech_model(config: Config, options: Options, projection_dropout: float, *, norm: bool = True) -> Network:
    name = architecture(config)
    head = FramesOnly if name.endswith("Model") else HEADS.get(name.rpartition("For")[2], TranscriptionHead)
    hidden, heads = integer(config, "hidden_size", default=768), integer(config, "num_attention_heads", default=12)
    divides("hidden_size", hidden, heads, "num_attention_heads")
    groups = integer(config, "num_conv_pos_embedding_groups", default=16)
    divides("hidden_size", hidden, groups, "num_conv_pos_embedding_groups")
    spec = SpeechSpec(
        convolutions=_convolutions(config),
        quantizer=_quantizer(config),
        hidden=hidden,
        layers=layers(config, "num_hidden_layers", default=12),
        heads=heads,
        feed_forward=integer(config, "intermediate_size", default=3072),
        activation=activation(config, "hidden_act", default="gelu"),
        position_kernel=integer(config, "num_conv_pos_embeddings", default=128),
        position_groups=groups,
        norm_first=flag(config, "do_stable_layer_norm", False),
        projection_norm=norm,
        masks_positions=any(fraction(config, name, default) for name, default in (("mask_time_prob", 0.05), ("mask_feature_prob", 0.0))),
        dropout=fraction(config, "hidden_dropout", 0.1),
        attention_dropout=fraction(config, "attention_dropout", 0.1),
        activation_dropout=fraction(config, "activation_dropout", 0.1),
        projection_dropout=projection_dropout,
        final_dropout=fraction(config, "final_dropout", 0.1),
        vocabulary=integer(config, "vocab_size", default=32),
        labels=label_count(config),
        classifier=integer(config, "classifier_proj_size", default=256),
    )
    return SpeechModel(spec, options, head)


def _convolutions(config: Config) -> WaveformConvolutions:
    widths = integers(config, "conv_dim", default=(512,) * 7)
    kernels = integers(config, "conv_kernel", default=(10, 3, 3, 3, 3, 2, 2))
    strides = integers(config, "conv_stride", default=(5, 2, 2, 2, 2, 2, 2))
    if not len(widths) == len(kernels) == len(strides) <= MOST_CONVOLUTIONS:
        raise invalid_field(
            "model.config.conv_dim", f"conv_dim, conv_kernel and conv_stride must be equally long, at most {MOST_CONVOLUTIONS}"
        )
    return WaveformConvolutions(
        widths=widths,
        kernels=kernels,
        strides=strides,
        bias=flag(config, "conv_bias", False),
        norm_every_layer=config.get("feat_extract_norm") == "layer",
        activation=activation(config, "feat_extract_activation", default="gelu"),
    )


def _quantizer(config: Config) -> QuantizerSpec:
    groups, size = integer(config, "num_codevector_groups", default=2), integer(config, "codevector_dim", default=256)
    divides("codevector_dim", size, groups, "num_codevector_groups")
    return QuantizerSpec(
        groups=groups,
        entries=integer(config, "num_codevectors_per_group", default=320),
        size=size,
        projected=integer(config, "proj_codevector_dim", default=256),
        negatives=integer(config, "num_negatives", default=100),
        dropout=fraction(config, "feat_quantizer_dropout", 0.0),
    )
