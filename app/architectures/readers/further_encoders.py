"""Configurations of encoders with other positions than BERT's: MPNet, NomicBERT, EuroBERT."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from app.architectures.encoder_heads import HeadMaker, HeadSpec, HiddenStates, MaskedLanguageHead, PooledStates, SequenceHead
from app.architectures.mpnet import MPNet
from app.architectures.network import Network, Options
from app.architectures.readers.encoders import bert_spec, head_of, head_spec, label_count
from app.architectures.readers.fields import flag, fraction, integer
from app.architectures.readers.llama import llama_spec
from app.architectures.rotary_encoder import EuroBert, FloatMaskedLanguage, NomicBert, PooledScores

Config = Mapping[str, Any]


def mpnet(config: Config, options: Options) -> Network:
    """MPNetConfig."""
    spec = bert_spec({"vocab_size": 30_527, **config, "type_vocab_size": 1}, positions_per_sequence=True)
    spec = replace(spec, types=0)
    head = head_spec(config, spec, dropout_first=True, transform_activation="gelu")
    buckets = integer(config, "relative_attention_num_buckets", default=32)
    return MPNet(spec, buckets, options, head_of(config, PooledStates), head)


def nomic_bert(config: Config, options: Options) -> Network:
    """NomicBertConfig."""
    dropout = fraction(config, "hidden_dropout_prob", 0.0)
    given = {
        "vocab_size": 30_528, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
        **config, "attention_dropout": config.get("attention_probs_dropout_prob") or 0.0,
    }  # fmt: skip
    spec = llama_spec(given, embedding_dropout=dropout, residual_dropout=dropout)
    head = _head_spec(config, spec.hidden, spec.vocabulary, transform_activation=spec.activation, dropout=dropout)
    return NomicBert(spec, integer(config, "type_vocab_size", default=2), options, head_of(config, HiddenStates), head)


def eurobert(config: Config, options: Options) -> Network:
    """EuroBertConfig."""
    spec = llama_spec(config)
    head = _head_spec(config, spec.hidden, spec.vocabulary, decoder_bias=spec.feed_forward_bias, dropout=0.0)
    head = replace(head, tied=spec.tied)
    return EuroBert(spec, options, _eurobert_head(config), head)


def _eurobert_head(config: Config) -> HeadMaker:
    maker = head_of(config, HiddenStates)
    if maker is SequenceHead:
        return partial(PooledScores, pooling=str(config.get("classifier_pooling", "late")))
    return FloatMaskedLanguage if maker is MaskedLanguageHead else maker


def _head_spec(config: Config, hidden: int, vocabulary: int, **differences: Any) -> HeadSpec:
    tied = flag(config, "tie_word_embeddings", True)
    fields: dict[str, Any] = {"hidden": hidden, "vocabulary": vocabulary, "embedding": hidden, "labels": label_count(config), "tied": tied}
    given = {name: value for name, value in differences.items() if name != "dropout"}
    return HeadSpec(**fields, **given, dropout=fraction(config, "classifier_dropout", differences["dropout"]))
