"""Configurations of decoders with experts: Mixtral, Qwen 2 and 3 MoE."""

from collections.abc import Mapping
from typing import Any

from app.architectures.mixture_of_experts import ExpertsSpec, MixtureDecoder
from app.architectures.network import Network, Options
from app.architectures.readers.fields import flag, integer, layers
from app.architectures.readers.llama import all_layers, llama_spec, qwen_windows, windows
from app.workloads.fields import invalid_field

Config = Mapping[str, Any]


def chosen_experts(config: Config, experts: int, default: int) -> int:
    """Experts that work on one token. Raises InvalidInput where they are more than there are."""
    chosen = integer(config, "num_experts_per_tok", default=default)
    if chosen > experts:
        raise invalid_field("model.config.num_experts_per_tok", f"{chosen} of {experts} experts cannot be chosen")
    return chosen


def mixtral(config: Config, options: Options) -> Network:
    """MixtralConfig: every layer has experts as wide as `intermediate_size`."""
    experts = integer(config, "num_local_experts", default=8)
    spec = llama_spec(config, windows=windows(config, all_layers(config)))
    chosen = chosen_experts(config, experts, 2)
    sparse = (True,) * spec.layers
    return MixtureDecoder(
        spec, ExpertsSpec(experts=experts, chosen=chosen, width=spec.feed_forward, weights_in_stream_type=False, sparse=sparse), options
    )


def _sparse_layers(config: Config) -> tuple[bool, ...]:
    """Every `decoder_sparse_step`-th layer has experts, except those listed as dense."""
    step, dense = integer(config, "decoder_sparse_step", default=1), config.get("mlp_only_layers") or ()
    return tuple(layer not in dense and (layer + 1) % step == 0 for layer in range(layers(config, "num_hidden_layers")))


def qwen2_moe(config: Config, options: Options) -> Network:
    """Qwen2MoeConfig: a gated expert for all tokens beside the routed ones."""
    experts = ExpertsSpec(
        experts=integer(config, "num_experts", default=60),
        chosen=chosen_experts(config, integer(config, "num_experts", default=60), 4),
        width=integer(config, "moe_intermediate_size", default=1408),
        shared_width=integer(config, "shared_expert_intermediate_size", default=5632),
        shared_gate=True,
        sparse=_sparse_layers(config),
    )
    biased = flag(config, "qkv_bias", True)
    return MixtureDecoder(llama_spec(config, qkv_bias=biased, output_bias=False, windows=qwen_windows(config)), experts, options)


def qwen3_moe(config: Config, options: Options) -> Network:
    """Qwen3MoeConfig."""
    experts = ExpertsSpec(
        experts=integer(config, "num_experts", "num_local_experts", default=128),
        chosen=chosen_experts(config, integer(config, "num_experts", "num_local_experts", default=128), 8),
        width=integer(config, "moe_intermediate_size", default=768),
        sparse=_sparse_layers(config),
    )
    spec = llama_spec(config, head_norms=True, windows=qwen_windows(config))
    return MixtureDecoder(spec, experts, options)
