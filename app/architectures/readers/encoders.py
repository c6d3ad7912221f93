"""Configurations of encoders; the head follows from `architectures`."""

from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.encoder import Encoder, EncoderSpec
from app.architectures.encoder_heads import (
    EncoderHead,
    HeadSpec,
    HiddenStates,
    MaskedLanguageHead,
    PooledStates,
    PretrainingHead,
    SequenceHead,
    SpanHead,
    TokenHead,
)  # fmt: skip
from app.architectures.network import Network, Options
from app.architectures.readers.fields import activation, divides, flag, fraction, integer, layers
from app.tape.modules import Embedding

Config = Mapping[str, Any]
Head = Callable[[HeadSpec, Embedding], EncoderHead]

HEADS: dict[str, Head] = {
    "MaskedLM": MaskedLanguageHead,
    "PreTraining": PretrainingHead,
    "SequenceClassification": SequenceHead,
    "TokenClassification": TokenHead,
    "QuestionAnswering": SpanHead,
}


def head_of(config: Config, bare: Head) -> Head:
    """The head named by the first of `architectures` ("BertForMaskedLM"), `bare` for the model without one, else masked tokens."""
    names = config.get("architectures") or ()
    name = str(names[0]) if names else ""
    if name.endswith("Model"):
        return bare
    return HEADS.get(name.rpartition("For")[2], MaskedLanguageHead)


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


def electra(config: Config, options: Options) -> Network:
    """ElectraConfig."""
    spec = bert_spec(config, embedding=integer(config, "embedding_size", default=128))
    head = head_spec(config, spec, dropout_first=True, activation="gelu", transform_activation="gelu")
    return Encoder(spec, options, head_of(config, HiddenStates), head)


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
