"""Configurations of decoders with ordinary attention and experts that are chosen by scores in fp32."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.architectures.mixture_of_experts import ExpertsSpec
from app.architectures.network import Network, Options
from app.architectures.olmo2 import PartlyTurnedNormedAttention
from app.architectures.readers.fields import flag, integer, items, layers, optional_count, turned_share
from app.architectures.readers.llama import llama_spec, windows
from app.architectures.rotary_attention import NormAfterTurnAttention, PartlyTurnedAttention, WideTurnAttention
from app.architectures.scored_mixture import CorrectedMixture, FloatRoutedMixture, NarrowlyScoredMixture, ScoredMixture
from app.workloads.fields import invalid_field

Config = Mapping[str, Any]
COUNTS = ("n_routed_experts", "num_experts", "num_local_experts")
CHOSEN = ("num_experts_per_tok", "moe_topk", "moe_k")


def _experts(config: Config, sparse: tuple[bool, ...], *, width: int, shared: int) -> ExpertsSpec:
    """`shared` experts as wide as the routed ones work on all tokens."""
    count, chosen = integer(config, *COUNTS, default=128), integer(config, *CHOSEN, default=8)
    if chosen > count:
        raise invalid_field("model.config.num_experts_per_tok", f"{chosen} of {count} experts cannot be chosen")
    return ExpertsSpec(experts=count, chosen=chosen, width=width, shared_width=shared * width, sparse=sparse)


def _after_dense(config: Config, dense: int) -> tuple[bool, ...]:
    """Whether each layer has experts: as `mlp_layer_types` says, else all after the first `dense`."""
    blocks, kinds = range(layers(config, "num_hidden_layers")), items(config, "mlp_layer_types")
    dense = optional_count({"first_k_dense_replace": dense, **config}, "first_k_dense_replace")
    return tuple(kinds[layer] == "sparse" if layer < len(kinds) else layer >= dense for layer in blocks)


def glm4_moe(config: Config, options: Options) -> Network:
    """Glm4MoeConfig: half of each head is turned."""
    config = {
        "n_shared_experts": 1, "num_key_value_heads": 8, "moe_intermediate_size": 1408, **config,
    }  # fmt: skip
    spec = llama_spec(config, output_bias=False, head_norms=flag(config, "use_qk_norm", False))
    spec = replace(spec, rotary_size=int(spec.head_size * turned_share(config, "partial_rotary_factor", 0.5)))
    width = integer(config, "moe_intermediate_size")
    experts = _experts(config, _after_dense(config, 1), width=width, shared=optional_count(config, "n_shared_experts"))
    return ScoredMixture(spec, experts, options, PartlyTurnedAttention)


def solar_open(config: Config, options: Options) -> Network:
    """SolarOpenConfig: as GLM-4 MoE, but every layer has experts and whole heads are turned."""
    config = {
        "n_shared_experts": 1, "num_key_value_heads": 8, "head_dim": 128, "moe_intermediate_size": 1280, **config,
    }  # fmt: skip
    width = integer(config, "moe_intermediate_size")
    spec = llama_spec({**config, "intermediate_size": width}, output_bias=False)
    experts = _experts(config, (True,) * spec.layers, width=width, shared=optional_count(config, "n_shared_experts"))
    return ScoredMixture(spec, experts, options)


def dots1(config: Config, options: Options) -> Network:
    """Dots1Config: a norm of each query and key head."""
    spec = llama_spec(config, head_norms=True, windows=windows(config, []))
    width = integer(config, "moe_intermediate_size", default=1408)
    experts = _experts(config, _after_dense(config, 0), width=width, shared=optional_count(config, "n_shared_experts"))
    return ScoredMixture(spec, experts, options)


def exaone_moe(config: Config, options: Options) -> Network:
    """ExaoneMoeConfig: three of four layers slide, and only those turn."""
    config = {"num_experts": 64, "num_experts_per_tok": 8, "num_shared_experts": 1, "sliding_window": 4096, **config}
    count, every = layers(config, "num_hidden_layers"), integer(config, "sliding_window_pattern", default=4)
    sliding = windows(config, [bool((layer + 1) % every) for layer in range(count)])
    spec = llama_spec(config, head_norms=True, windows=sliding, turned=tuple(window is not None for window in sliding))
    width = integer(config, "moe_intermediate_size", default=1024)
    return ScoredMixture(
        spec, _experts(config, _after_dense(config, 1), width=width, shared=integer(config, "num_shared_experts")), options
    )


def hy_v3(config: Config, options: Options) -> Network:
    """HYV3Config: a norm of each query and key head."""
    spec = llama_spec(config, head_norms=True)
    width = integer(config, "moe_intermediate_size", "expert_hidden_dim")
    experts = _experts(config, _after_dense(config, 1), width=width, shared=optional_count(config, "num_shared_experts"))
    return ScoredMixture(spec, experts, options)


def minimax_m2(config: Config, options: Options) -> Network:
    """MiniMaxM2Config: whole queries and keys are normed, part of each head is turned."""
    config = {"num_local_experts": 256, "num_experts_per_tok": 8, "head_dim": 128, **config}
    spec = llama_spec(config)
    turned = integer(config, "rotary_dim", default=int(spec.head_size * turned_share(config, "partial_rotary_factor", 1.0)))
    experts = _experts(config, (True,) * spec.layers, width=spec.feed_forward, shared=0)
    return NarrowlyScoredMixture(replace(spec, rotary_size=turned), experts, options, PartlyTurnedNormedAttention)


def hunyuan_moe(config: Config, options: Options) -> Network:
    """HunYuanMoEV1Config: each query and key head is normed after turning; one expert for all tokens."""
    config = {**config, **_of_first_layer(config, "num_experts", 1), **_of_first_layer(config, "moe_topk", 1)}
    spec = llama_spec(config, head_norms=True)
    experts = _experts(config, (True,) * spec.layers, width=spec.feed_forward, shared=1)
    experts = replace(experts, weights_in_stream_type=False)
    return FloatRoutedMixture(spec, experts, options, NormAfterTurnAttention)


def _of_first_layer(config: Config, name: str, default: int) -> dict[str, Any]:
    """A count that may be given for each layer apart."""
    given = config.get(name, default)
    return {name: given[0] if isinstance(given, list) and given else given}


def ernie4_5_moe(config: Config, options: Options) -> Network:
    """Ernie4_5_MoeConfig: turned in fp32; the layers between two given ones have experts."""
    config = {
        "moe_num_experts": 64, "moe_k": 6, "moe_intermediate_size": 1536, "moe_num_shared_experts": 2, "num_key_value_heads": 4,
        "tie_word_embeddings": True, **config,
    }  # fmt: skip
    config = {"num_experts": config["moe_num_experts"], **config}
    bias = flag(config, "use_bias", False)
    spec = llama_spec(config, qkv_bias=bias, output_bias=bias, feed_forward_bias=bias, head_bias=bias, attention_dropout=0.0)
    interval, first = (
        integer(config, "moe_layer_interval", default=1),
        optional_count({"moe_layer_start_index": 1, **config}, "moe_layer_start_index"),
    )
    last = config.get("moe_layer_end_index", -1)
    last = spec.layers - 1 if last in (None, -1) else optional_count(config, "moe_layer_end_index")
    sparse = tuple((layer + 1) % interval == 0 and first <= layer <= last for layer in range(spec.layers))
    shared = optional_count(config, "moe_num_shared_experts")
    experts = _experts(config, sparse, width=integer(config, "moe_intermediate_size"), shared=shared)
    return CorrectedMixture(spec, experts, options, WideTurnAttention)
