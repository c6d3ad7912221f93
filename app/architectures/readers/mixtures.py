"""Configurations of decoders with experts: Mixtral, Qwen 2 and 3 MoE."""

from collections.abc import Mapping
from typing import Any

from app.architectures.decoder import DecoderSpec
from app.architectures.deepseek import Deepseek, LatentSpec
from app.architectures.gpt_oss import GptOss
from app.architectures.llama4 import Llama4, PositionsSpec
from app.architectures.mixture_of_experts import ExpertsSpec, MixtureDecoder
from app.architectures.network import Network, Options
from app.architectures.olmo2 import FloatNorm, NormedAttention, PostNormMixture
from app.architectures.readers.fields import flag, integer, items, layers, optional_count
from app.architectures.readers.llama import all_layers, llama_spec, qwen_windows, windows
from app.tape.modules import LayerNorm
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


def sparse_layers(config: Config) -> tuple[bool, ...]:
    """Every `decoder_sparse_step`-th layer has experts, except those listed as dense."""
    step, dense = integer(config, "decoder_sparse_step", default=1), items(config, "mlp_only_layers")
    return tuple(layer not in dense and (layer + 1) % step == 0 for layer in range(layers(config, "num_hidden_layers")))


def qwen2_moe(config: Config, options: Options) -> Network:
    """Qwen2MoeConfig: a gated expert for all tokens beside the routed ones."""
    experts = ExpertsSpec(
        experts=integer(config, "num_experts", default=60),
        chosen=chosen_experts(config, integer(config, "num_experts", default=60), 4),
        width=integer(config, "moe_intermediate_size", default=1408),
        shared_width=integer(config, "shared_expert_intermediate_size", default=5632),
        shared_gate=True,
        sparse=sparse_layers(config),
    )
    biased = flag(config, "qkv_bias", True)
    return MixtureDecoder(llama_spec(config, qkv_bias=biased, output_bias=False, windows=qwen_windows(config)), experts, options)


def qwen3_moe(config: Config, options: Options) -> Network:
    """Qwen3MoeConfig."""
    experts = ExpertsSpec(
        experts=integer(config, "num_experts", "num_local_experts", default=128),
        chosen=chosen_experts(config, integer(config, "num_experts", "num_local_experts", default=128), 8),
        width=integer(config, "moe_intermediate_size", default=768),
        sparse=sparse_layers(config),
    )
    spec = llama_spec(config, head_norms=True, windows=qwen_windows(config))
    return MixtureDecoder(spec, experts, options)


def olmoe(config: Config, options: Options) -> Network:
    """OlmoeConfig: whole queries and keys are normed; every layer has experts as wide as `intermediate_size`."""
    count = integer(config, "num_experts", default=64)
    spec = llama_spec(config)
    experts = ExpertsSpec(experts=count, chosen=chosen_experts(config, count, 8), width=spec.feed_forward, sparse=(True,) * spec.layers)
    return MixtureDecoder(spec, experts, options, NormedAttention)


def flex_olmo(config: Config, options: Options) -> Network:
    """FlexOlmoConfig: as OLMoE, with norms after each part."""
    count = integer(config, "num_experts", default=7)
    spec = llama_spec(config, norm=FloatNorm)
    experts = ExpertsSpec(experts=count, chosen=chosen_experts(config, count, 5), width=spec.feed_forward, sparse=(True,) * spec.layers)
    return PostNormMixture(spec, experts, options, NormedAttention)


DEEPSEEK_DEFAULTS: dict[str, Any] = {
    "n_shared_experts": 1, "n_routed_experts": 256, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "qk_nope_head_dim": 128, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "moe_intermediate_size": 2048,
}  # fmt: skip
DEEPSEEK_V2_DEFAULTS: dict[str, Any] = {
    **DEEPSEEK_DEFAULTS, "n_shared_experts": 2, "n_routed_experts": 64, "first_k_dense_replace": 0, "moe_intermediate_size": 1407,
    "num_experts_per_tok": 6,
}  # fmt: skip


def deepseek_v3(config: Config, options: Options) -> Network:
    """DeepseekV3Config; the layers for predicting further tokens are not part of the network."""
    return _deepseek({**DEEPSEEK_DEFAULTS, **config}, options, complex_rotation=False)


def glm4_moe_lite(config: Config, options: Options) -> Network:
    """Glm4MoeLiteConfig: as DeepSeek V3; all layers but the first have experts."""
    kinds = items(config, "mlp_layer_types")
    dense = sum(kind == "dense" for kind in kinds) if kinds else 1
    given = {
        "q_lora_rank": 768, "qk_nope_head_dim": 192, "v_head_dim": 256, "n_routed_experts": 64, "num_experts_per_tok": 4,
        "moe_intermediate_size": 1536, **config, "first_k_dense_replace": dense,
    }  # fmt: skip
    return deepseek_v3(given, options)


def deepseek_v2(config: Config, options: Options) -> Network:
    """DeepseekV2Config."""
    return _deepseek({**DEEPSEEK_V2_DEFAULTS, **config}, options, complex_rotation=True)


def _deepseek(config: Config, options: Options, *, complex_rotation: bool) -> Network:
    latent = LatentSpec(
        query_rank=None if config.get("q_lora_rank") is None else integer(config, "q_lora_rank"),
        key_rank=integer(config, "kv_lora_rank"),
        plain_size=integer(config, "qk_nope_head_dim"),
        rotary_size=integer(config, "qk_rope_head_dim"),
        value_size=integer(config, "v_head_dim"),
        complex_rotation=complex_rotation,
    )
    count, width = integer(config, "n_routed_experts"), integer(config, "moe_intermediate_size")
    dense = optional_count(config, "first_k_dense_replace")
    experts = ExpertsSpec(
        experts=count,
        chosen=chosen_experts(config, count, 8),
        width=width,
        shared_width=width * integer(config, "n_shared_experts"),
        sparse=tuple(layer >= dense for layer in range(layers(config, "num_hidden_layers"))),
    )
    heads = integer(config, "num_attention_heads")
    return Deepseek(llama_spec({**config, "head_dim": latent.head_size, "num_key_value_heads": heads}), experts, latent, options)


GPT_OSS_DEFAULTS: dict[str, Any] = {"head_dim": 64, "attention_bias": True, "sliding_window": 128}


def gpt_oss(config: Config, options: Options) -> Network:
    """GptOssConfig: every other layer slides."""
    config = {**GPT_OSS_DEFAULTS, **config}
    count = integer(config, "num_local_experts", "num_experts", default=128)
    layer_count = layers(config, "num_hidden_layers")
    experts = ExpertsSpec(
        experts=count, chosen=chosen_experts(config, count, 4), width=integer(config, "intermediate_size"), sparse=(True,) * layer_count
    )
    sliding = windows(config, [layer % 2 == 0 for layer in range(layer_count)])
    return GptOss(llama_spec(config, norm=FloatNorm, windows=sliding, always_eager=True), experts, options)


LLAMA4_DEFAULTS: dict[str, Any] = {
    "vocab_size": 202_048, "hidden_size": 5120, "intermediate_size": 8192, "intermediate_size_mlp": 16_384, "num_hidden_layers": 48,
    "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128, "num_local_experts": 16, "attention_chunk_size": 8192,
}  # fmt: skip


def llama4_text(config: Config, options: Options) -> Network:
    """Llama4TextConfig."""
    return Llama4(*llama4_specs(config), options)


def llama4_specs(config: Config) -> tuple[DecoderSpec, ExpertsSpec, PositionsSpec]:
    """Hyper-parameters of Llama 4: which layers have experts, and which are turned and see only chunks."""
    config = {**LLAMA4_DEFAULTS, **config}
    blocks = range(layers(config, "num_hidden_layers"))
    step, interval = integer(config, "interleave_moe_layer_step", default=1), integer(config, "no_rope_layer_interval", default=4)
    listed, without = items(config, "moe_layers"), items(config, "no_rope_layers")
    turned = tuple(bool(without[layer]) if layer < len(without) else bool((layer + 1) % interval) for layer in blocks)
    width = integer(config, "intermediate_size")
    experts = ExpertsSpec(
        experts=integer(config, "num_local_experts"),
        chosen=chosen_experts(config, integer(config, "num_local_experts"), 1),
        width=width,
        shared_width=width,
        sparse=tuple(layer in listed if listed else (layer + 1) % step == 0 for layer in blocks),
    )
    chunk = integer(config, "attention_chunk_size")
    spec = llama_spec(
        {**config, "intermediate_size": integer(config, "intermediate_size_mlp")},
        windows=tuple(chunk if placed else None for placed in turned),
    )
    positions = PositionsSpec(
        turned=turned,
        norms=flag(config, "use_qk_norm", True),
        temperature=flag(config, "attn_temperature_tuning", True),
    )
    return spec, experts, positions


def phimoe(config: Config, options: Options) -> Network:
    """PhimoeConfig: as Mixtral, with layer norms and biases."""
    spec = llama_spec(config, norm=LayerNorm, head_bias=flag(config, "lm_head_bias", False), windows=windows(config, all_layers(config)))
    count = integer(config, "num_local_experts", default=16)
    chosen = chosen_experts(config, count, 2)
    return MixtureDecoder(spec, ExpertsSpec(experts=count, chosen=chosen, width=spec.feed_forward, sparse=(True,) * spec.layers), options)
