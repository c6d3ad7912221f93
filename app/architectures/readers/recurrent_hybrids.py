"""Configurations of decoders whose layers convolve or recur in place of attending: LFM2, Zamba 2, RecurrentGemma, RWKV."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.architectures.cache import CacheLayer
from app.architectures.gemma import GemmaNorm
from app.architectures.hybrid import RecurrenceSpec
from app.architectures.lfm2 import Lfm2, ShortConvolution, cached_inputs
from app.architectures.mamba2 import Mamba2Spec
from app.architectures.mixture_of_experts import ExpertsSpec
from app.architectures.network import Network, Options
from app.architectures.readers.fields import divides, flag, integer, items, layers, optional_count, positive, turned_share
from app.architectures.readers.llama import llama_spec
from app.architectures.readers.mixtures import chosen_experts
from app.architectures.recurrent_gemma import RecurrentGemma, RecurrentMixer
from app.architectures.rotary_attention import PartlyTurnedAttention
from app.architectures.rwkv import Rwkv
from app.architectures.zamba2 import SharingSpec, Zamba2
from app.units import round_up

Config = Mapping[str, Any]


def lfm2(config: Config, options: Options) -> Network:
    """Lfm2Config: a third of the feed-forward width goes to the gate, rounded up."""
    width = integer(config, "block_ff_dim", "intermediate_size", default=12_288)
    if flag(config, "block_auto_adjust_ff_dim", True):
        width = int(positive(config, "block_ffn_dim_multiplier", 1.0) * (2 * width // 3))
        width = round_up(width, integer(config, "block_multiple_of", default=256))
    named = {"vocab_size": 65_536, "hidden_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 32, **config}
    return _short_convolutions({**named, "intermediate_size": width}, ExpertsSpec.none(layers(named, "num_hidden_layers")), options)


def lfm2_moe(config: Config, options: Options) -> Network:
    """Lfm2MoeConfig: all layers but the first few have experts."""
    named = {
        "vocab_size": 65_536, "hidden_size": 2048, "intermediate_size": 7168, "num_hidden_layers": 32, "num_attention_heads": 32,
        **config,
    }  # fmt: skip
    count, dense = integer(config, "num_experts", default=32), optional_count({"num_dense_layers": 2, **config}, "num_dense_layers")
    experts = ExpertsSpec(
        experts=count,
        chosen=chosen_experts(config, count, 4),
        width=integer(config, "moe_intermediate_size", default=1792),
        sparse=tuple(layer >= dense for layer in range(layers(named, "num_hidden_layers"))),
    )
    return _short_convolutions(named, experts, options)


def _short_convolutions(config: Config, experts: ExpertsSpec, options: Options) -> Network:
    config = {"num_key_value_heads": 8, "tie_word_embeddings": config.get("tie_embedding", True), **config}
    spec = llama_spec(config, head_norms=True)
    taps, bias = integer(config, "conv_L_cache", default=3), flag(config, "conv_bias", False)
    recurrence = RecurrenceSpec(
        layers=_convolving(config, spec.layers),
        mixer=lambda layer: ShortConvolution(spec.hidden, taps, layer, bias=bias),
        cached=cached_inputs(spec.hidden, taps),
    )
    return Lfm2(spec, experts, recurrence, options)


def _convolving(config: Config, count: int) -> tuple[bool, ...]:
    """Whether each layer convolves: as `layer_types` says, else where `full_attn_idxs` does not name it."""
    kinds = items(config, "layer_types")
    attending = {layer for layer, kind in enumerate(kinds) if kind != "conv"} if kinds else set(items(config, "full_attn_idxs"))
    return tuple(layer not in attending for layer in range(count)) if attending else (False,) * count


def zamba2(config: Config, options: Options) -> Network:
    """Zamba2Config: heads of attention are as wide as stream and embeddings together allow."""
    hidden = integer(config, "hidden_size", default=2560)
    heads = integer(config, "num_attention_heads", default=32)
    named = {
        "vocab_size": 32_000, "num_hidden_layers": 54, "num_attention_heads": heads, "hidden_act": "gelu", "tie_word_embeddings": True,
        **config, "hidden_size": hidden, "intermediate_size": config.get("intermediate_size") or 4 * hidden,
        "head_dim": divides("hidden_size", 2 * hidden, heads, "num_attention_heads"),
    }  # fmt: skip
    count = layers(named, "num_hidden_layers")
    spec = llama_spec(named, turned=(flag(config, "use_mem_rope", False),) * count)
    channels, mamba_heads = integer(config, "mamba_expand", default=2) * hidden, integer(config, "n_mamba_heads", default=8)
    mixer = Mamba2Spec(
        hidden=hidden,
        heads=mamba_heads,
        head_size=divides("n_mamba_heads", channels, mamba_heads, "n_mamba_heads"),
        groups=integer(config, "mamba_ngroups", default=1),
        state=integer(config, "mamba_d_state", default=64),
        taps=integer(config, "mamba_d_conv", default=4),
        chunk=integer(config, "chunk_size", default=256),
        bias=flag(config, "add_bias_linear", False),
    )
    sharing = SharingSpec(
        hybrid=_hybrid_layers(config, count),
        blocks=integer(config, "num_mem_blocks", default=1),
        rank=integer(config, "adapter_rank", default=128),
        attention_adapters=flag(config, "use_shared_attention_adapter", False),
    )
    return Zamba2(spec, mixer, sharing, options)


ZAMBA2_HYBRIDS = (6, 12, 18, 24, 30, 36, 42, 47, 51)  # where the configuration names none


def _hybrid_layers(config: Config, count: int) -> tuple[bool, ...]:
    """Whether each layer has a transformer block before it: as `layers_block_type` or `hybrid_layer_ids` says."""
    kinds = items(config, "layers_block_type") or items(config, "layer_types")
    if kinds:
        return tuple(layer < len(kinds) and kinds[layer] == "hybrid" for layer in range(count))
    named = items(config, "hybrid_layer_ids") or ZAMBA2_HYBRIDS
    return tuple(layer in named for layer in range(count))


RECURRENT_GEMMA_DEFAULTS: dict[str, Any] = {
    "vocab_size": 256_000, "hidden_size": 2560, "intermediate_size": 15_360, "num_hidden_layers": 26, "num_attention_heads": 10,
    "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True, "attention_window_size": 2048,
}  # fmt: skip


def recurrent_gemma(config: Config, options: Options) -> Network:
    """RecurrentGemmaConfig: two recurrences, then attention to a window; half of the width given goes to the gate."""
    config = {**RECURRENT_GEMMA_DEFAULTS, **config}
    count, width = layers(config, "num_hidden_layers"), integer(config, "intermediate_size") // 2
    recurrent = tuple(str(kind) in ("recurrent", "linear_attention") for kind in _repeated_kinds(config, count))
    window = integer(config, "attention_window_size", "sliding_window")
    spec = llama_spec(
        {**config, "intermediate_size": max(1, width)},
        norm=GemmaNorm,
        scaled_embeddings=True,
        output_bias=True,
        feed_forward_bias=True,
        windows=(window,) * count,
        capped_logits=True,
    )
    spec = replace(spec, rotary_size=int(spec.head_size * turned_share(config, "partial_rotary_factor", 0.5)))
    channels, taps = integer(config, "lru_width", default=spec.hidden), integer(config, "conv1d_width", default=4)
    divides("lru_width", channels, spec.heads, "num_attention_heads")
    recurrence = RecurrenceSpec(
        layers=recurrent,
        mixer=lambda layer: RecurrentMixer(spec.hidden, channels, spec.heads, taps, spec.activation, layer),
        cached=CacheLayer(convolution=(channels, taps), state=(channels,)),
    )
    return RecurrentGemma(spec, ExpertsSpec.none(count), recurrence, options, PartlyTurnedAttention)


def _repeated_kinds(config: Config, count: int) -> list[Any]:
    """The kinds of `block_types`, over and over, unless each layer is named."""
    named = items(config, "layers_block_type") or items(config, "layer_types")
    kinds = named or items(config, "block_types") or ["recurrent", "recurrent", "attention"]
    return [kinds[layer % len(kinds)] for layer in range(count)]


def rwkv(config: Config, options: Options) -> Network:
    """RwkvConfig."""
    hidden = integer(config, "hidden_size", default=4096)
    widths = (hidden, integer(config, "attention_hidden_size", default=hidden), integer(config, "intermediate_size", default=4 * hidden))
    vocabulary, tied = integer(config, "vocab_size", default=50_277), flag(config, "tie_word_embeddings", False)
    return Rwkv(vocabulary, layers(config, "num_hidden_layers", default=32), widths, options, tied=tied)
