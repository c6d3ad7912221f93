"""Configurations of encoders; the head follows from `architectures`."""

from collections.abc import Mapping
from typing import Any

from app.architectures.albert import Albert
from app.architectures.deberta import Deberta, DebertaSpec
from app.architectures.encoder import Encoder, EncoderSpec
from app.architectures.encoder_heads import (
    DiscriminatorHead,
    HeadMaker,
    HeadSpec,
    HiddenStates,
    MaskedLanguageHead,
    PooledStates,
    PretrainingHead,
    SequenceHead,
    SpanHead,
    TokenHead,
)  # fmt: skip
from app.architectures.modernbert import Classification, MaskedLanguage, ModernBert, ModernBertSpec
from app.architectures.network import Network, Options
from app.architectures.readers.fields import activation, architecture, divides, flag, fraction, integer, items, layers, optional_count

Config = Mapping[str, Any]

HEADS: dict[str, HeadMaker] = {
    "MaskedLM": MaskedLanguageHead,
    "PreTraining": PretrainingHead,
    "SequenceClassification": SequenceHead,
    "TokenClassification": TokenHead,
    "QuestionAnswering": SpanHead,
}


def head_of(config: Config, bare: HeadMaker, default: HeadMaker = MaskedLanguageHead) -> HeadMaker:
    """The head named by the first of `architectures` ("BertForMaskedLM"), `bare` for the model without one, else `default`."""
    name = architecture(config)
    if name.endswith("Model"):
        return bare
    return HEADS.get(name.rpartition("For")[2], default)


def label_count(config: Config) -> int:
    """Classes to tell apart: `num_labels`, or the entries of `id2label`; two where neither is given."""
    names = config.get("id2label")
    return integer(config, "num_labels", default=len(names) if isinstance(names, Mapping) and names else 2)


def bert_spec(config: Config, **differences: Any) -> EncoderSpec:
    """Hyper-parameters of BertConfig and its kin; `differences` override what a family does in another way."""
    hidden, heads = integer(config, "hidden_size", default=768), integer(config, "num_attention_heads", default=12)
    divides("hidden_size", hidden, heads, "num_attention_heads")
    dropout = fraction(config, "hidden_dropout_prob", 0.1)
    fields: dict[str, Any] = {
        "vocabulary": integer(config, "vocab_size", default=30522),
        "positions": integer(config, "max_position_embeddings", default=512),
        "types": integer(config, "type_vocab_size", default=2),
        "hidden": hidden,
        "layers": layers(config, "num_hidden_layers", default=12),
        "heads": heads,
        "feed_forward": integer(config, "intermediate_size", default=3072),
        "activation": activation(config, "hidden_act", default="gelu"),
        "dropout": dropout,
        "attention_dropout": fraction(config, "attention_probs_dropout_prob", 0.1),
        "attention_output_dropout": dropout,
    }
    return EncoderSpec(**{**fields, **differences})


def head_spec(config: Config, spec: EncoderSpec, **differences: Any) -> HeadSpec:
    """Sizes of the head on this encoder."""
    fields: dict[str, Any] = {
        "hidden": spec.hidden,
        "vocabulary": spec.vocabulary,
        "embedding": spec.table_size,
        "labels": label_count(config),
        "transform_activation": spec.activation,
        "dropout": fraction(config, "classifier_dropout", spec.dropout),
        "tied": flag(config, "tie_word_embeddings", True),
    }
    return HeadSpec(**{**fields, **differences})


def bert(config: Config, options: Options) -> Network:
    """BertConfig."""
    spec = bert_spec(config)
    return Encoder(spec, options, head_of(config, PooledStates), head_spec(config, spec))


def roberta(config: Config, options: Options) -> Network:
    """RobertaConfig, also of XLM-RoBERTa and CamemBERT."""
    spec = bert_spec(config, positions_per_sequence=True)
    head = head_spec(config, spec, dropout_first=True, transform_activation="gelu")
    return Encoder(spec, options, head_of(config, PooledStates), head)


def modernbert(config: Config, options: Options) -> Network:
    """ModernBertConfig: every third layer attends everywhere, the others half of `local_attention` to each side."""
    hidden, heads = integer(config, "hidden_size", default=768), integer(config, "num_attention_heads", default=12)
    divides("hidden_size", hidden, heads, "num_attention_heads")
    norm_bias = flag(config, "norm_bias", False)
    spec = ModernBertSpec(
        vocabulary=integer(config, "vocab_size", default=50368),
        hidden=hidden,
        layers=layers(config, "num_hidden_layers", default=22),
        heads=heads,
        feed_forward=integer(config, "intermediate_size", default=1152),
        windows=_local_windows(config),
        activation=activation(config, "hidden_activation", default="gelu"),
        norm_bias=norm_bias,
        attention_bias=flag(config, "attention_bias", False),
        feed_forward_bias=flag(config, "mlp_bias", False),
        embedding_dropout=fraction(config, "embedding_dropout", 0.0),
        attention_dropout=fraction(config, "attention_dropout", 0.0),
        feed_forward_dropout=fraction(config, "mlp_dropout", 0.0),
    )
    head = HeadSpec(
        hidden=hidden,
        vocabulary=spec.vocabulary,
        embedding=hidden,
        labels=label_count(config),
        transform_activation=activation(config, "classifier_activation", default="gelu"),
        dropout=fraction(config, "classifier_dropout", 0.0),
        tied=flag(config, "tie_word_embeddings", True),
        transform_bias=flag(config, "classifier_bias", False),
        norm_bias=norm_bias,
        decoder_bias=flag(config, "decoder_bias", True),
    )
    return ModernBert(spec, options, _modernbert_head(config), head)


def _local_windows(config: Config) -> tuple[int | None, ...]:
    count, period = layers(config, "num_hidden_layers", default=22), integer(config, "global_attn_every_n_layers", default=3)
    types = items(config, "layer_types")
    if len(types) != count:
        types = ["sliding_attention" if layer % period else "full_attention" for layer in range(count)]
    side = integer(config, "local_attention", default=128) // 2
    return tuple(side if kind == "sliding_attention" else None for kind in types)


def _modernbert_head(config: Config) -> HeadMaker:
    maker = head_of(config, HiddenStates)
    if maker in (SequenceHead, TokenHead):
        return lambda spec, _: Classification(spec, of_sequence=maker is SequenceHead)
    return MaskedLanguage if maker is MaskedLanguageHead else maker


def deberta(config: Config, options: Options) -> Network:
    """DebertaV2Config."""
    base = bert_spec({**config, "vocab_size": config.get("vocab_size", 128_100), "type_vocab_size": None})
    positions = integer(config, "max_position_embeddings", default=512)
    kinds = config.get("pos_att_type")
    named = kinds.split("|") if isinstance(kinds, str) else items(config, "pos_att_type")
    spec = DebertaSpec(
        vocabulary=base.vocabulary,
        hidden=base.hidden,
        layers=base.layers,
        heads=base.heads,
        feed_forward=base.feed_forward,
        span=_span(config, positions),
        positions=positions if flag(config, "position_biased_input", True) else 0,
        types=optional_count(config, "type_vocab_size"),
        kinds=tuple(kind for kind in ("c2p", "p2c") if kind in named and flag(config, "relative_attention", False)),
        shared_projections=flag(config, "share_att_key", False),
        normed_distances="layer_norm" in str(config.get("norm_rel_ebd", "")),
        activation=base.activation,
        dropout=base.dropout,
        attention_dropout=base.attention_dropout,
    )
    head = head_spec(config, base, activation=activation(config, "pooler_hidden_act", default="gelu"), dropout_first=True)
    return Deberta(spec, options, head_of(config, HiddenStates), head)


def _span(config: Config, positions: int) -> int:
    """Distances to each side with an embedding of their own: buckets where there are some, else every distance."""
    for name in ("position_buckets", "max_relative_positions"):
        value = config.get(name)
        if isinstance(value, int) and value > 0:
            return integer(config, name)
    return positions


def electra(config: Config, options: Options) -> Network:
    """ElectraConfig."""
    spec = bert_spec(config, embedding=integer(config, "embedding_size", default=128))
    head = head_spec(config, spec, dropout_first=True, activation="gelu", transform_activation="gelu")
    named = head_of(config, HiddenStates, DiscriminatorHead)
    return Encoder(spec, options, DiscriminatorHead if named is PretrainingHead else named, head)


def albert(config: Config, options: Options) -> Network:
    """AlbertConfig."""
    named = {
        "hidden_size": 4096, "num_attention_heads": 64, "intermediate_size": 16384, "vocab_size": 30_000, "hidden_act": "gelu_new",
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, **config,
    }  # fmt: skip
    spec = bert_spec(named, embedding=integer(config, "embedding_size", default=128))
    head = head_spec(config, spec, dropout=fraction(config, "classifier_dropout_prob", 0.1))
    return Albert(spec, layers(config, "num_hidden_groups", default=1), options, head_of(config, PooledStates), head)


def distilbert(config: Config, options: Options) -> Network:
    """DistilBertConfig."""
    hidden, heads = integer(config, "dim", default=768), integer(config, "n_heads", default=12)
    divides("dim", hidden, heads, "n_heads")
    spec = EncoderSpec(
        vocabulary=integer(config, "vocab_size", default=30522),
        positions=integer(config, "max_position_embeddings", default=512),
        types=0,
        hidden=hidden,
        layers=layers(config, "n_layers", default=6),
        heads=heads,
        feed_forward=integer(config, "hidden_dim", default=3072),
        activation=activation(config, "activation", default="gelu"),
        dropout=fraction(config, "dropout", 0.1),
        attention_dropout=fraction(config, "attention_dropout", 0.1),
        attention_output_dropout=0.0,
    )
    head = head_spec(config, spec, activation="relu", dropout=fraction(config, "seq_classif_dropout", 0.2))
    return Encoder(spec, options, head_of(config, HiddenStates), head)
