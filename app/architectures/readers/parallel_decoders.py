"""Configurations of decoders with parallel parts: Phi, StableLM, GPT-J, Falcon."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from app.architectures.attention import PreviousWeights
from app.architectures.decoder import Decoder, DecoderSpec, feed_forward_of
from app.architectures.falcon import Falcon, FalconSpec
from app.architectures.network import Network, Options
from app.architectures.parallel_decoder import FloatScoreAttention, ParallelBlock, PartialAttention, PlainFeedForward, SequentialBlock
from app.architectures.readers.fields import activation, divides, flag, fraction, integer, layers, turned_share
from app.architectures.readers.llama import llama_spec
from app.tape.modules import LayerNorm

Config = Mapping[str, Any]


def phi(config: Config, options: Options) -> Network:
    """PhiConfig: biases everywhere, half of each head turned."""
    spec = llama_spec(
        {"hidden_act": "gelu_new", **config},
        qkv_bias=True,
        output_bias=True,
        feed_forward_bias=True,
        head_bias=True,
        embedding_dropout=fraction(config, "embd_pdrop", 0.0),
        residual_dropout=fraction(config, "resid_pdrop", 0.0),
        norm=LayerNorm,
    )
    return Decoder(_partly_turned(config, spec, 0.5), options, _phi_block)


def _phi_block(spec: DecoderSpec, options: Options, layer: int) -> ParallelBlock:
    return ParallelBlock(spec, options, layer, PartialAttention, PlainFeedForward)


def _partly_turned(config: Config, spec: DecoderSpec, default: float) -> DecoderSpec:
    """The same decoder with only a share of each head turned."""
    return replace(spec, rotary_size=int(spec.head_size * turned_share(config, "partial_rotary_factor", default)))


def stablelm(config: Config, options: Options) -> Network:
    """StableLmConfig: a gated feed-forward part, beside attention or after it."""
    bias = flag(config, "use_qkv_bias", False)
    spec = llama_spec(
        config,
        qkv_bias=bias,
        output_bias=False,
        residual_dropout=fraction(config, "hidden_dropout", 0.0),
        norm=LayerNorm,
        norm_of_each_head=flag(config, "qk_layernorm", False),
    )
    block = _gated_parallel if flag(config, "use_parallel_residual", False) else _gated_sequence
    return Decoder(_partly_turned(config, spec, 0.25), options, block)


def _gated_parallel(spec: DecoderSpec, options: Options, layer: int) -> ParallelBlock:
    return ParallelBlock(spec, options, layer, PartialAttention, feed_forward_of)


def _gated_sequence(spec: DecoderSpec, options: Options, layer: int) -> SequentialBlock:
    return SequentialBlock(spec, options, layer, PartialAttention, feed_forward_of)


def gptj(config: Config, options: Options) -> Network:
    """GPTJConfig."""
    hidden = integer(config, "n_embd", "hidden_size", default=4096)
    named = {
        "vocab_size": 50400, "hidden_act": "gelu_new", **config, "hidden_size": hidden,
        "num_hidden_layers": config.get("n_layer") or config.get("num_hidden_layers") or 28,
        "num_attention_heads": config.get("n_head") or config.get("num_attention_heads") or 16,
        "intermediate_size": config.get("n_inner") or 4 * hidden,
        "attention_dropout": config.get("attn_pdrop"),
    }  # fmt: skip
    spec = llama_spec(
        named,
        feed_forward_bias=True,
        head_bias=True,
        embedding_dropout=fraction(config, "embd_pdrop", 0.0),
        residual_dropout=fraction(config, "resid_pdrop", 0.0),
        rotary_size=integer(config, "rotary_dim", default=64),
        always_eager=True,
        norm=LayerNorm,
    )
    positions = integer(config, "n_positions", "max_position_embeddings", default=2048)
    attention = partial(FloatScoreAttention, positions=positions, held=PreviousWeights())
    return Decoder(spec, options, lambda spec, options, layer: ParallelBlock(spec, options, layer, attention, PlainFeedForward))


def falcon(config: Config, options: Options) -> Network:
    """FalconConfig."""
    hidden, heads = integer(config, "hidden_size", default=4544), integer(config, "num_attention_heads", "n_head", default=71)
    divides("hidden_size", hidden, heads, "num_attention_heads")
    grouped = flag(config, "new_decoder_architecture", False)
    one_head = flag(config, "multi_query", True) and not grouped
    spec = FalconSpec(
        vocabulary=integer(config, "vocab_size", default=65_024),
        hidden=hidden,
        layers=layers(config, "num_hidden_layers", "n_layer", default=32),
        heads=heads,
        kv_heads=1 if one_head else integer(config, "num_kv_heads", "n_head_kv", default=heads),
        feed_forward=integer(config, "ffn_hidden_size", default=4 * hidden),
        grouped=grouped,
        two_norms=grouped and config.get("num_ln_in_parallel_attn", 2) == 2,
        parallel=grouped or flag(config, "parallel_attn", True),
        bias=flag(config, "bias", False),
        activation=activation(config, "activation", default="gelu"),
        hidden_dropout=fraction(config, "hidden_dropout", 0.0),
        attention_dropout=fraction(config, "attention_dropout", 0.0),
        alibi=flag(config, "alibi", False),
        tied=flag(config, "tie_word_embeddings", True),
    )
    return Falcon(spec, options)
