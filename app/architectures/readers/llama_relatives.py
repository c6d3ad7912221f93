"""Configurations of decoders that differ from Llama in a detail or two."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from app.architectures.apertus import ApertusFeedForward
from app.architectures.decoder import Attention, Decoder, DecoderBlock, DecoderSpec, feed_forward_of
from app.architectures.gemma import SandwichBlock
from app.architectures.granite import GraniteMixture
from app.architectures.mixture_of_experts import ExpertsSpec
from app.architectures.network import Network, Options
from app.architectures.olmo2 import FloatNorm, PostNormBlock
from app.architectures.parallel_decoder import ParallelBlock, PartialAttention, PlainFeedForward
from app.architectures.phi3 import FusedFeedForward
from app.architectures.readers.fields import flag, fraction, integer, items, layers, optional_count, turned_share
from app.architectures.readers.llama import Windows, all_layers, llama_spec, qwen_windows, windows
from app.architectures.readers.mixtures import chosen_experts
from app.architectures.rotary_attention import (
    MeanFreeNorm,
    NormAfterTurnAttention,
    NormOfEachHeadAttention,
    OffsetLayerNorm,
    PartlyTurnedAttention,
    PlainNorm,
    WideTurnAttention,
)
from app.tape.modules import LayerNorm

Config = Mapping[str, Any]

COHERE_DEFAULTS: dict[str, Any] = {
    "vocab_size": 256_000, "hidden_size": 8192, "intermediate_size": 22_528, "num_hidden_layers": 40, "num_attention_heads": 64,
    "tie_word_embeddings": True,
}  # fmt: skip


def cohere(config: Config, options: Options) -> Network:
    """CohereConfig: attention and feed-forward side by side, scaled logits."""
    spec = llama_spec(
        {**COHERE_DEFAULTS, **config}, norm=MeanFreeNorm, scaled_logits=True, norm_of_each_head=flag(config, "use_qk_norm", False)
    )
    return Decoder(spec, options, _cohere_block)


def _cohere_block(spec: DecoderSpec, options: Options, layer: int) -> ParallelBlock:
    return ParallelBlock(spec, options, layer, NormOfEachHeadAttention, feed_forward_of)


def cohere2(config: Config, options: Options) -> Network:
    """Cohere2Config: three of four layers slide, and only those turn."""
    config = {**COHERE_DEFAULTS, "sliding_window": 4096, **config}
    sliding = _sliding(config, 4)
    spec = llama_spec(config, norm=MeanFreeNorm, scaled_logits=True, windows=sliding, turned=_where_sliding(sliding))
    return Decoder(spec, options, _cohere_block)


def _sliding(config: Config, default: int | None) -> Windows:
    """Windows of all layers but every so many-th, unless `layer_types` names them."""
    period = config.get("sliding_window_pattern", config.get("_sliding_window_pattern", default))
    count = layers(config, "num_hidden_layers")
    every = integer({"sliding_window_pattern": period}, "sliding_window_pattern") if isinstance(period, int) and period else count + 1
    return windows(config, [bool((layer + 1) % every) for layer in range(count)])


def _where_sliding(sliding: Windows) -> tuple[bool, ...]:
    return tuple(window is not None for window in sliding)


def glm(config: Config, options: Options) -> Network:
    """GlmConfig: half of each head is turned; gate and value in one projection."""
    return Decoder(_glm_spec(config), options, partial(DecoderBlock, attention=PartlyTurnedAttention, feed_forward=FusedFeedForward))


def glm4(config: Config, options: Options) -> Network:
    """Glm4Config: as GLM, with a norm on both sides of each part."""
    return Decoder(_glm_spec(config), options, partial(SandwichBlock, attention=PartlyTurnedAttention, feed_forward=FusedFeedForward))


def _glm_spec(config: Config) -> DecoderSpec:
    config = {"head_dim": 128, "num_key_value_heads": 2, "attention_bias": True, **config}
    spec = llama_spec(config, output_bias=False)
    return replace(spec, rotary_size=int(spec.head_size * turned_share(config, "partial_rotary_factor", 0.5)))


def granite(config: Config, options: Options) -> Network:
    """GraniteConfig: numbers at the embeddings, residuals and logits."""
    return Decoder(_granite_spec(config), options)


def _granite_spec(config: Config) -> DecoderSpec:
    return llama_spec(config, scaled_embeddings=True, scaled_residual=True, scaled_logits=True)


def granite_moe(config: Config, options: Options) -> Network:
    """GraniteMoeConfig and GraniteMoeSharedConfig: experts, and where given a part for all tokens beside them."""
    spec, shared = _granite_spec(config), optional_count(config, "shared_intermediate_size")
    count = integer(config, "num_local_experts", default=8)
    experts = ExpertsSpec(
        experts=count, chosen=chosen_experts(config, count, 2), width=spec.feed_forward, shared_width=shared, sparse=(True,) * spec.layers
    )
    return GraniteMixture(replace(spec, feed_forward=shared) if shared else spec, experts, options)


def olmo(config: Config, options: Options) -> Network:
    """OlmoConfig: norms without weights."""
    return Decoder(llama_spec(config, norm=PlainNorm), options)


def olmo3(config: Config, options: Options) -> Network:
    """Olmo3Config: as OLMo 2; three of four layers slide."""
    spec = llama_spec(config, norm=FloatNorm, windows=_sliding({"sliding_window": 4096, **config}, 4), rotation_by_window=True)
    return Decoder(spec, options, PostNormBlock)


def exaone4(config: Config, options: Options) -> Network:
    """Exaone4Config: norms after each part; where layers slide, only those turn."""
    config = {"num_key_value_heads": config.get("num_attention_heads"), "sliding_window": 4096, **config}
    sliding = _sliding(config, 4) if config["sliding_window"] is not None else ()
    spec = llama_spec(config, head_norms=True, windows=sliding, turned=_where_sliding(sliding))
    return Decoder(spec, options, partial(PostNormBlock, attention=Attention))


def ernie4_5(config: Config, options: Options) -> Network:
    """Ernie4_5Config: one flag for all biases; turned in fp32."""
    config = {"tie_word_embeddings": True, "head_dim": 128, **config}
    bias = flag(config, "use_bias", False)
    spec = llama_spec(config, qkv_bias=bias, output_bias=bias, feed_forward_bias=bias)
    return Decoder(spec, options, partial(DecoderBlock, attention=WideTurnAttention))


def helium(config: Config, options: Options) -> Network:
    """HeliumConfig: norms in fp32 to the end."""
    return Decoder(llama_spec({"head_dim": 128, **config}, norm=FloatNorm), options)


def seed_oss(config: Config, options: Options) -> Network:
    """SeedOssConfig: biases on queries, keys and values, dropout after both parts."""
    spec = llama_spec(
        {"head_dim": 128, **config},
        qkv_bias=flag(config, "attention_bias", True),
        output_bias=flag(config, "attention_out_bias", False),
        attention_dropout=fraction(config, "attention_dropout", 0.1),
        residual_dropout=fraction(config, "residual_dropout", 0.1),
    )
    return Decoder(spec, options)


def cwm(config: Config, options: Options) -> Network:
    """CwmConfig: all layers but every fourth slide."""
    config = {"sliding_window": 8192, **config}
    count = layers(config, "num_hidden_layers")
    return Decoder(llama_spec(config, windows=windows(config, [bool(layer % 4) for layer in range(count)])), options)


def starcoder2(config: Config, options: Options) -> Network:
    """Starcoder2Config: layer norms, biases, a plain feed-forward part."""
    bias = flag(config, "use_bias", True)
    spec = llama_spec(
        {"hidden_act": "gelu_pytorch_tanh", "tie_word_embeddings": True, "num_key_value_heads": 2, **config},
        norm=LayerNorm,
        qkv_bias=bias,
        output_bias=bias,
        feed_forward_bias=bias,
        windows=windows(config, all_layers(config)),
        embedding_dropout=fraction(config, "embedding_dropout", 0.0),
        residual_dropout=fraction(config, "residual_dropout", 0.0),
    )
    return Decoder(spec, options, partial(DecoderBlock, feed_forward=PlainFeedForward))


def nemotron(config: Config, options: Options) -> Network:
    """NemotronConfig: squared ReLU, half of each head turned, layer norms by one plus their weights."""
    config = {"hidden_act": "relu2", **config}
    spec = llama_spec(config, norm=OffsetLayerNorm)
    spec = replace(spec, rotary_size=int(spec.head_size * turned_share(config, "partial_rotary_factor", 0.5)))
    return Decoder(spec, options, partial(DecoderBlock, attention=PartialAttention, feed_forward=PlainFeedForward))


def arcee(config: Config, options: Options) -> Network:
    """ArceeConfig: a plain feed-forward part with squared ReLU."""
    return Decoder(llama_spec({"hidden_act": "relu2", **config}), options, partial(DecoderBlock, feed_forward=PlainFeedForward))


def smollm3(config: Config, options: Options) -> Network:
    """SmolLM3Config: every fourth layer does not turn."""
    config = {"num_key_value_heads": 4, "tie_word_embeddings": True, **config}
    count, without = layers(config, "num_hidden_layers"), items(config, "no_rope_layers")
    interval = integer(config, "no_rope_layer_interval", default=4)
    turned = tuple(bool(without[layer]) if layer < len(without) else bool((layer + 1) % interval) for layer in range(count))
    return Decoder(llama_spec(config, turned=turned, windows=qwen_windows(config)), options)


def hunyuan_dense(config: Config, options: Options) -> Network:
    """HunYuanDenseV1Config: each query and key head is normed after turning."""
    return Decoder(llama_spec(config, head_norms=True), options, partial(DecoderBlock, attention=NormAfterTurnAttention))


def ministral(config: Config, options: Options) -> Network:
    """MinistralConfig and Ministral3Config: Mistral whose layers slide as `layer_types` says."""
    return Decoder(llama_spec(config, windows=windows(config, all_layers(config))), options)


def apertus(config: Config, options: Options) -> Network:
    """ApertusConfig: a norm of each query and key head, a plain feed-forward part with xIELU."""
    spec = llama_spec({**config, "hidden_act": None}, head_norms=True)
    return Decoder(spec, options, partial(DecoderBlock, feed_forward=ApertusFeedForward))


def internlm3(config: Config, options: Options) -> Network:
    """InternLM3Config: one flag for the biases of queries, keys and values, another for all others."""
    bias = flag(config, "bias", False)
    spec = llama_spec(config, qkv_bias=flag(config, "qkv_bias", False), output_bias=bias, feed_forward_bias=bias)
    return Decoder(spec, options)
