"""Configurations of decoders with parallel parts: Phi, StableLM, GPT-J."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from app.architectures.decoder import Decoder, DecoderBlock, DecoderSpec, feed_forward_of
from app.architectures.network import Network, Options
from app.architectures.parallel_decoder import FloatScoreAttention, ParallelBlock, PartialAttention, PlainFeedForward
from app.architectures.readers.fields import flag, fraction, integer, turned_share
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
    spec = llama_spec(config, qkv_bias=bias, output_bias=False, residual_dropout=fraction(config, "hidden_dropout", 0.0), norm=LayerNorm)
    block = ParallelBlock if flag(config, "use_parallel_residual", False) else DecoderBlock
    made = partial(block, attention=PartialAttention, feed_forward=feed_forward_of)
    return Decoder(_partly_turned(config, spec, 0.25), options, made)


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
    attention = partial(FloatScoreAttention, positions=integer(config, "n_positions", "max_position_embeddings", default=2048))
    return Decoder(spec, options, partial(ParallelBlock, attention=attention, feed_forward=PlainFeedForward))
