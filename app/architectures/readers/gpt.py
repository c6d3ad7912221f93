"""Configurations of GPT-2, GPT-NeoX, OPT and their kin."""

from collections.abc import Mapping
from typing import Any

from app.architectures.alibi_decoder import AlibiSpec, Bloom, Mpt
from app.architectures.attention import IN_OWN_TYPE
from app.architectures.gpt2 import Gpt2, Gpt2Spec
from app.architectures.gpt_bigcode import GptBigCode
from app.architectures.gpt_neo import GptNeo
from app.architectures.gpt_neox import GptNeoX, NeoXSpec
from app.architectures.network import Network, Options
from app.architectures.opt import Opt, OptSpec
from app.architectures.readers.fields import activation, divides, flag, fraction, integer, layers, turned_share

Config = Mapping[str, Any]


def gpt2(config: Config, options: Options) -> Network:
    """GPT2Config."""
    return Gpt2(gpt2_spec(config), options)


def gpt2_spec(config: Config) -> Gpt2Spec:
    """Hyper-parameters of GPT-2."""
    hidden, heads = integer(config, "n_embd", "hidden_size", default=768), integer(config, "n_head", "num_attention_heads", default=12)
    head_size = divides("n_embd", hidden, heads, "n_head")
    return Gpt2Spec(
        vocabulary=integer(config, "vocab_size", default=50257),
        positions=integer(config, "n_positions", "max_position_embeddings", default=1024),
        hidden=hidden,
        layers=layers(config, "n_layer", "num_hidden_layers", default=12),
        heads=heads,
        head_size=head_size,
        feed_forward=integer(config, "n_inner", default=4 * hidden),
        activation=activation(config, "activation_function", default="gelu_new"),
        embedding_dropout=fraction(config, "embd_pdrop", 0.1),
        residual_dropout=fraction(config, "resid_pdrop", 0.1),
        attention_dropout=fraction(config, "attn_pdrop", 0.1),
        tied=flag(config, "tie_word_embeddings", True),
    )


def gpt_neo(config: Config, options: Options) -> Network:
    """GPTNeoConfig; layers with a window make all scores too, so they cost what the others do."""
    hidden, heads = integer(config, "hidden_size", default=2048), integer(config, "num_heads", "num_attention_heads", default=16)
    spec = Gpt2Spec(
        vocabulary=integer(config, "vocab_size", default=50257),
        positions=integer(config, "max_position_embeddings", default=2048),
        hidden=hidden,
        layers=layers(config, "num_layers", "num_hidden_layers", default=24),
        heads=heads,
        head_size=divides("hidden_size", hidden, heads, "num_heads"),
        feed_forward=integer(config, "intermediate_size", default=4 * hidden),
        activation=activation(config, "activation_function", default="gelu_new"),
        embedding_dropout=fraction(config, "embed_dropout", 0.0),
        residual_dropout=fraction(config, "resid_dropout", 0.0),
        attention_dropout=fraction(config, "attention_dropout", 0.0),
        tied=flag(config, "tie_word_embeddings", True),
    )
    return GptNeo(spec, options)


def gpt_neox(config: Config, options: Options) -> Network:
    """GPTNeoXConfig; the share of each head that is turned is `rotary_pct` or, newer, part of `rope_parameters`."""
    hidden, heads = integer(config, "hidden_size", default=6144), integer(config, "num_attention_heads", default=64)
    head_size = divides("hidden_size", hidden, heads, "num_attention_heads")
    spec = NeoXSpec(
        vocabulary=integer(config, "vocab_size", default=50432),
        hidden=hidden,
        layers=layers(config, "num_hidden_layers", default=44),
        heads=heads,
        head_size=head_size,
        feed_forward=integer(config, "intermediate_size", default=4 * hidden),
        rotary_size=int(head_size * turned_share(config, "rotary_pct", 0.25)),
        activation=activation(config, "hidden_act", default="gelu"),
        parallel=flag(config, "use_parallel_residual", True),
        bias=flag(config, "attention_bias", True),
        hidden_dropout=fraction(config, "hidden_dropout", 0.0),
        attention_dropout=fraction(config, "attention_dropout", 0.0),
        tied=flag(config, "tie_word_embeddings", False),
    )
    return GptNeoX(spec, options)


def opt(config: Config, options: Options) -> Network:
    """OPTConfig."""
    hidden, heads = integer(config, "hidden_size", default=768), integer(config, "num_attention_heads", default=12)
    head_size = divides("hidden_size", hidden, heads, "num_attention_heads")
    spec = OptSpec(
        vocabulary=integer(config, "vocab_size", default=50272),
        positions=integer(config, "max_position_embeddings", default=2048),
        embedding=integer(config, "word_embed_proj_dim", default=hidden),
        hidden=hidden,
        layers=layers(config, "num_hidden_layers", default=12),
        heads=heads,
        head_size=head_size,
        feed_forward=integer(config, "ffn_dim", default=4 * hidden),
        activation=activation(config, "activation_function", default="relu"),
        norm_first=flag(config, "do_layer_norm_before", True),
        norm_affine=flag(config, "layer_norm_elementwise_affine", True),
        final_norm=not flag(config, "_remove_final_layer_norm", False),
        bias=flag(config, "enable_bias", True),
        dropout=fraction(config, "dropout", 0.1),
        attention_dropout=fraction(config, "attention_dropout", 0.0),
        tied=flag(config, "tie_word_embeddings", True),
    )
    return Opt(spec, options)


def biogpt(config: Config, options: Options) -> Network:
    """BioGptConfig."""
    hidden, heads = integer(config, "hidden_size", default=1024), integer(config, "num_attention_heads", default=16)
    dropout = fraction(config, "hidden_dropout_prob", 0.1)
    spec = OptSpec(
        vocabulary=integer(config, "vocab_size", default=42_384),
        positions=integer(config, "max_position_embeddings", default=1024),
        embedding=hidden,
        hidden=hidden,
        layers=layers(config, "num_hidden_layers", default=24),
        heads=heads,
        head_size=divides("hidden_size", hidden, heads, "num_attention_heads"),
        feed_forward=integer(config, "intermediate_size", default=4 * hidden),
        activation=activation(config, "hidden_act", default="gelu"),
        dropout=dropout,
        attention_dropout=fraction(config, "attention_probs_dropout_prob", 0.1),
        tied=flag(config, "tie_word_embeddings", True),
        scaled_queries=False,
        scaled_embeddings=flag(config, "scale_embedding", True),
        embedding_dropout=dropout,
        positions_per_sequence=False,
        style=IN_OWN_TYPE,
    )
    return Opt(spec, options)


def gpt_bigcode(config: Config, options: Options) -> Network:
    """GPTBigCodeConfig: one head of keys and values for all queries, unless `multi_query` is switched off."""
    config = {"activation_function": "gelu_pytorch_tanh", **config}
    spec = gpt2_spec(config)
    return GptBigCode(spec, options) if flag(config, "multi_query", True) else Gpt2(spec, options)


def bloom(config: Config, options: Options) -> Network:
    """BloomConfig."""
    hidden, heads = integer(config, "hidden_size", "n_embed", default=64), integer(config, "n_head", "num_attention_heads", default=8)
    divides("hidden_size", hidden, heads, "n_head")
    spec = AlibiSpec(
        vocabulary=integer(config, "vocab_size", default=250_880),
        hidden=hidden,
        layers=layers(config, "n_layer", "num_hidden_layers", default=2),
        heads=heads,
        feed_forward=4 * hidden,
        dropout=fraction(config, "hidden_dropout", 0.0),
        attention_dropout=fraction(config, "attention_dropout", 0.0),
        tied=flag(config, "tie_word_embeddings", True),
    )
    return Bloom(spec, options)


def mpt(config: Config, options: Options) -> Network:
    """MptConfig."""
    hidden, heads = integer(config, "d_model", default=2048), integer(config, "n_heads", default=16)
    divides("d_model", hidden, heads, "n_heads")
    attention = config.get("attn_config")
    spec = AlibiSpec(
        vocabulary=integer(config, "vocab_size", default=50368),
        hidden=hidden,
        layers=layers(config, "n_layers", default=24),
        heads=heads,
        feed_forward=4 * hidden,
        positions=integer(config, "max_seq_len", default=2048),
        dropout=fraction(attention, "attn_pdrop", 0.0) if isinstance(attention, Mapping) else 0.0,
        tied=flag(config, "tie_word_embeddings", True),
    )
    return Mpt(spec, options)
