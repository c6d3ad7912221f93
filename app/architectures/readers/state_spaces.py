"""Configurations of state-space decoders and of those that mix them with attention."""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from app.architectures.cache import CacheLayer
from app.architectures.delta_net import DeltaSpec, GatedAttention, GatedDeltaNet
from app.architectures.gemma import GemmaNorm
from app.architectures.granite import GraniteHybrid
from app.architectures.hybrid import FalconH1, HybridDecoder, NemotronH, RecurrenceSpec, ScaledMixer
from app.architectures.mamba import MambaMixer, MambaSpec
from app.architectures.mamba2 import Mamba2Mixer, Mamba2Spec
from app.architectures.mixture_of_experts import ExpertsSpec
from app.architectures.network import Network, Options
from app.architectures.olmo2 import FloatNorm
from app.architectures.parallel_decoder import PartialAttention
from app.architectures.readers.fields import MOST_LAYERS, activation, divides, flag, integer, items, layers, optional_count, turned_share
from app.architectures.readers.llama import llama_spec
from app.architectures.readers.mixtures import chosen_experts, sparse_layers
from app.architectures.state_space_model import StackSpec, StateSpaceModel
from app.workloads.fields import invalid_field

Config = Mapping[str, Any]


def mamba(config: Config, options: Options) -> Network:
    """MambaConfig."""
    return _mamba(config, options)


def falcon_mamba(config: Config, options: Options) -> Network:
    """FalconMambaConfig: Mamba with norms of the time step and of both projections of the state."""
    return _mamba(config, options, normed="plain")


def _mamba(config: Config, options: Options, normed: str | None = None) -> Network:
    hidden = integer(config, "hidden_size", default=768)
    rank = config.get("time_step_rank", "auto")
    spec = MambaSpec(
        hidden=hidden,
        channels=integer(config, "intermediate_size", default=integer(config, "expand", default=2) * hidden),
        state=integer(config, "state_size", default=16),
        rank=ceil(hidden / 16) if rank == "auto" else integer(config, "time_step_rank"),
        taps=integer(config, "conv_kernel", default=4),
        activation=activation(config, "hidden_act", default="silu"),
        convolution_bias=flag(config, "use_conv_bias", True),
        bias=flag(config, "use_bias", False),
        normed=normed,
    )
    return StateSpaceModel(_stack(config, hidden, spec.cached(), layers_default=32), options, lambda layer: MambaMixer(spec, layer))


def _stack(config: Config, hidden: int, cached: CacheLayer, layers_default: int) -> StackSpec:
    return StackSpec(
        vocabulary=integer(config, "vocab_size", default=50_280),
        hidden=hidden,
        layers=layers(config, "num_hidden_layers", default=layers_default),
        tied=flag(config, "tie_word_embeddings", True),
        wide_residual=flag(config, "residual_in_fp32", True),
        cached=cached,
    )


def mamba2(config: Config, options: Options) -> Network:
    """Mamba2Config."""
    config = {"vocab_size": 32_768, "tie_word_embeddings": False, **config}
    hidden = integer(config, "hidden_size", default=4096)
    spec = Mamba2Spec(
        hidden=hidden,
        heads=integer(config, "num_heads", default=128),
        head_size=integer(config, "head_dim", default=64),
        groups=integer(config, "n_groups", default=8),
        state=integer(config, "state_size", default=128),
        taps=integer(config, "conv_kernel", default=4),
        chunk=integer(config, "chunk_size", default=256),
        activation=activation(config, "hidden_act", default="silu"),
        convolution_bias=flag(config, "use_conv_bias", True),
        bias=flag(config, "use_bias", False),
    )
    return StateSpaceModel(_stack(config, hidden, spec.cached(), layers_default=64), options, lambda layer: Mamba2Mixer(spec, layer))


def _hybrid_mamba2(config: Config, hidden: int, *, channels: int, gated_norm: bool = True) -> Mamba2Spec:
    """Hyper-parameters of the Mamba-2 layers of a hybrid, whose fields begin with "mamba_"."""
    heads = integer(config, "mamba_n_heads", default=128)
    size = config.get("mamba_d_head", "auto")
    return Mamba2Spec(
        hidden=hidden,
        heads=heads,
        head_size=divides("mamba_n_heads", channels, heads, "mamba_n_heads") if size in ("auto", None) else integer(config, "mamba_d_head"),
        groups=integer(config, "mamba_n_groups", default=1),
        state=integer(config, "mamba_d_state", default=256),
        taps=integer(config, "mamba_d_conv", default=4),
        chunk=integer(config, "mamba_chunk_size", default=256),
        activation=activation(config, "hidden_act", default="silu"),
        convolution_bias=flag(config, "mamba_conv_bias", True),
        bias=flag(config, "mamba_proj_bias", False),
        gated_norm=gated_norm,
    )


def _recurrence(spec: Mamba2Spec, recurrent: tuple[bool, ...]) -> RecurrenceSpec:
    return RecurrenceSpec(layers=recurrent, mixer=lambda layer: Mamba2Mixer(spec, layer), cached=spec.cached())


def bamba(config: Config, options: Options) -> Network:
    """BambaConfig: half of each attention head is turned."""
    config = {"num_key_value_heads": 8, "intermediate_size": 14_336, "vocab_size": 128_000, **config}
    spec = llama_spec(config)
    spec = replace(spec, rotary_size=int(spec.head_size * turned_share(config, "partial_rotary_factor", 0.5)))
    attending = {int(layer) for layer in items(config, "attn_layer_indices") if isinstance(layer, int)}
    mixer = _hybrid_mamba2(config, spec.hidden, channels=integer(config, "mamba_expand", default=2) * spec.hidden)
    recurrence = _recurrence(mixer, tuple(layer not in attending for layer in range(spec.layers)))
    return HybridDecoder(spec, ExpertsSpec.none(spec.layers), recurrence, options, PartialAttention)


def jamba(config: Config, options: Options) -> Network:
    """JambaConfig: every eighth layer attends, every other one has experts; no positions are turned."""
    config = {"num_key_value_heads": 8, "intermediate_size": 14_336, "vocab_size": 65_536, "hidden_size": 4096, **config}
    spec = llama_spec(config)
    blocks = range(spec.layers)
    period, offset = integer(config, "attn_layer_period", default=8), _offset(config, "attn_layer_offset", 4)
    sparse_period, sparse_offset = integer(config, "expert_layer_period", default=2), _offset(config, "expert_layer_offset", 1)
    count = integer(config, "num_experts", "num_local_experts", default=16)
    experts = ExpertsSpec(
        experts=count,
        chosen=chosen_experts(config, count, 2),
        width=spec.feed_forward,
        sparse=tuple(count > 1 and layer % sparse_period == sparse_offset for layer in blocks),
    )
    rank = config.get("mamba_dt_rank", "auto")
    mixer = MambaSpec(
        hidden=spec.hidden,
        channels=integer(config, "mamba_expand", default=2) * spec.hidden,
        state=integer(config, "mamba_d_state", default=16),
        rank=ceil(spec.hidden / 16) if rank == "auto" else integer(config, "mamba_dt_rank"),
        taps=integer(config, "mamba_d_conv", default=4),
        activation=spec.activation,
        convolution_bias=flag(config, "mamba_conv_bias", True),
        bias=flag(config, "mamba_proj_bias", False),
        normed="weighted",
    )
    recurrence = RecurrenceSpec(
        layers=tuple(layer % period != offset for layer in blocks), mixer=lambda layer: MambaMixer(mixer, layer), cached=mixer.cached()
    )
    return HybridDecoder(replace(spec, turned=(False,) * spec.layers), experts, recurrence, options)


def _offset(config: Config, name: str, default: int) -> int:
    return default if config.get(name) is None else optional_count(config, name)


def falcon_h1(config: Config, options: Options) -> Network:
    """FalconH1Config."""
    config = {"num_key_value_heads": 8, "intermediate_size": 14_336, "vocab_size": 128_000, "hidden_size": 4096, **config}
    spec = llama_spec(config, scaled_embeddings=True, scaled_logits=True)
    given = config.get("mamba_d_ssm", 1024)
    channels = integer(config, "mamba_expand", default=2) * spec.hidden if given is None else integer(config, "mamba_d_ssm", default=1024)
    mixer = _hybrid_mamba2(config, spec.hidden, channels=channels, gated_norm=flag(config, "mamba_rms_norm", False))
    output_bias = flag(config, "projectors_bias", False)
    recurrence = RecurrenceSpec(
        layers=(True,) * spec.layers, mixer=lambda layer: ScaledMixer(mixer, layer, output_bias=output_bias), cached=mixer.cached()
    )
    return FalconH1(spec, recurrence, options)


def granite_hybrid(config: Config, options: Options) -> Network:
    """GraniteMoeHybridConfig: a feed-forward part for all tokens and, where there are any, experts beside it."""
    config = {"vocab_size": 32_000, **config}
    rope = config.get("position_embedding_type") == "rope"
    shared = integer(config, "shared_intermediate_size", default=1024)
    count = optional_count({"num_local_experts": 8, **config}, "num_local_experts")
    spec = llama_spec(config, scaled_embeddings=True, scaled_residual=True, scaled_logits=True, feed_forward=shared)
    kinds = items(config, "layer_types") or items(config, "layers_block_type")
    recurrent = tuple(kind in ("mamba", "linear_attention") for kind in kinds) or (True,) * spec.layers
    mixer = _hybrid_mamba2(config, spec.hidden, channels=integer(config, "mamba_expand", default=2) * spec.hidden)
    experts = ExpertsSpec.none(spec.layers)
    if count:
        width, chosen = integer(config, "intermediate_size"), chosen_experts(config, count, 2)
        experts = ExpertsSpec(experts=count, chosen=chosen, width=width, shared_width=shared, sparse=(True,) * spec.layers)
    spec = replace(spec, turned=(rope,) * spec.layers)
    return GraniteHybrid(spec, experts, _recurrence(mixer, _as_long_as(recurrent, spec.layers)), options)


NEMOTRON_PARTS = {
    "M": "mixer", "mamba": "mixer", "linear_attention": "mixer", "*": "attention", "attention": "attention",
    "full_attention": "attention", "-": "feed_forward", "mlp": "feed_forward", "E": "experts", "moe": "experts",
}  # fmt: skip


def nemotron_h(config: Config, options: Options) -> Network:
    """NemotronHConfig: `hybrid_override_pattern` or `layers_block_type` names the one part of each block."""
    pattern = config.get("hybrid_override_pattern") or items(config, "layers_block_type") or items(config, "layer_types")
    parts = tuple(NEMOTRON_PARTS.get(str(kind), "mixer") for kind in pattern)
    if not 1 <= len(parts) <= MOST_LAYERS:
        raise invalid_field("model.config.hybrid_override_pattern", f"must name from 1 to {MOST_LAYERS} blocks")
    given = {
        "vocab_size": 131_072, "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
        "intermediate_size": 21_504, "mlp_bias": False, **config, "num_hidden_layers": len(parts),
    }  # fmt: skip
    spec = llama_spec(
        {**given, "hidden_act": config.get("mlp_hidden_act") or "relu2"}, norm=FloatNorm, wide_logits=True, turned=(False,) * len(parts)
    )
    mixer = Mamba2Spec(
        hidden=spec.hidden,
        heads=integer(config, "mamba_num_heads", default=128),
        head_size=integer(config, "mamba_head_dim", default=64),
        groups=integer(config, "n_groups", "mamba_n_groups", default=8),
        state=integer(config, "ssm_state_size", default=128),
        taps=integer(config, "conv_kernel", "mamba_d_conv", default=4),
        chunk=integer(config, "chunk_size", "mamba_chunk_size", default=128),
        activation=activation(config, "mamba_hidden_act", default="silu"),
        convolution_bias=flag(config, "use_conv_bias", True),
        bias=flag(config, "mamba_proj_bias", False),
    )
    experts = _nemotron_experts(config, parts)
    return NemotronH(spec, experts, _recurrence(mixer, tuple(part == "mixer" for part in parts)), options, parts)


def _nemotron_experts(config: Config, parts: tuple[str, ...]) -> ExpertsSpec:
    if "experts" not in parts:
        return ExpertsSpec.none(len(parts))
    count = integer(config, "n_routed_experts", default=8)
    return ExpertsSpec(
        experts=count,
        chosen=chosen_experts(config, count, 2),
        width=integer(config, "moe_intermediate_size", default=7688),
        shared_width=integer(config, "moe_shared_expert_intermediate_size", default=7688),
        sparse=tuple(part == "experts" for part in parts),
    )


QWEN3_NEXT_DEFAULTS: dict[str, Any] = {
    "vocab_size": 151_936, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 48, "num_attention_heads": 16,
    "num_key_value_heads": 2, "head_dim": 256, "num_experts": 512, "num_experts_per_tok": 10, "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512,
}  # fmt: skip


def qwen3_next(config: Config, options: Options) -> Network:
    """Qwen3NextConfig: three of four layers are gated delta networks; every layer has experts."""
    return _delta_hybrid({**QWEN3_NEXT_DEFAULTS, **config}, options, joined=True)


def qwen3_5(config: Config, options: Options) -> Network:
    """Qwen3_5TextConfig and Qwen3_5MoeTextConfig: as Qwen3-Next, the first without experts."""
    return _delta_hybrid({"head_dim": 256, "num_key_value_heads": 4, **config}, options, joined=False)


def _delta_hybrid(config: Config, options: Options, *, joined: bool) -> Network:
    width = integer(config, "intermediate_size", "moe_intermediate_size")
    spec = llama_spec({**config, "intermediate_size": width}, norm=GemmaNorm, head_norms=True)
    spec = replace(spec, rotary_size=int(spec.head_size * turned_share(config, "partial_rotary_factor", 0.25)))
    delta = DeltaSpec(
        hidden=spec.hidden,
        key_heads=integer(config, "linear_num_key_heads", default=16),
        value_heads=integer(config, "linear_num_value_heads", default=32),
        key_size=integer(config, "linear_key_head_dim", default=128),
        value_size=integer(config, "linear_value_head_dim", default=128),
        taps=integer(config, "linear_conv_kernel_dim", default=4),
        activation=spec.activation,
        joined=joined,
    )
    divides("linear_num_value_heads", delta.value_heads, delta.key_heads, "linear_num_key_heads")
    every = integer(config, "full_attention_interval", default=4)
    kinds = items(config, "layer_types") or [
        "linear_attention" if (layer + 1) % every else "full_attention" for layer in range(spec.layers)
    ]
    recurrent = _as_long_as(tuple(kind == "linear_attention" for kind in kinds), spec.layers)
    recurrence = RecurrenceSpec(layers=recurrent, mixer=lambda layer: GatedDeltaNet(delta, layer), cached=delta.cached())
    return HybridDecoder(spec, _shared_gate_experts(config, spec.layers), recurrence, options, GatedAttention)


def _shared_gate_experts(config: Config, count: int) -> ExpertsSpec:
    experts = optional_count(config, "num_experts")
    if not experts:
        return ExpertsSpec.none(count)
    return ExpertsSpec(
        experts=experts,
        chosen=chosen_experts(config, experts, 10),
        width=integer(config, "moe_intermediate_size", default=512),
        shared_width=integer(config, "shared_expert_intermediate_size", default=512),
        shared_gate=True,
        sparse=sparse_layers(config),
    )


def _as_long_as(kinds: tuple[bool, ...], count: int) -> tuple[bool, ...]:
    if len(kinds) != count:
        raise invalid_field("model.config.layer_types", f"names {len(kinds)} layers, num_hidden_layers says {count}")
    return kinds
