"""Which head a decoder gets."""

from collections.abc import Mapping
from typing import Any

from app.architectures.decoder_heads import HeadlessDecoder, SequenceClassifier, TokenClassifier
from app.architectures.language_head import LanguageModel
from app.architectures.network import Network
from app.architectures.readers.encoders import label_count
from app.architectures.readers.fields import architecture, fraction

Config = Mapping[str, Any]


def with_named_head(network: LanguageModel, config: Config) -> Network:
    """The language model, or what the first of `architectures` makes of it."""
    name = architecture(config)
    if name.endswith("ForSequenceClassification"):
        return SequenceClassifier(network, label_count(config))
    if name.endswith("ForTokenClassification"):
        dropout = "classifier_dropout" if config.get("classifier_dropout") is not None else "hidden_dropout"
        return TokenClassifier(network, label_count(config), fraction(config, dropout, 0.1))
    return HeadlessDecoder(network) if name.endswith("Model") and not name.endswith("LMHeadModel") else network
