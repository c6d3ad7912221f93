"""Configurations of Gemma 3n and Gemma 4, whose layers differ in more than their windows."""

from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.gemma import UnshiftedNorm
from app.architectures.gemma3n import Gemma3n, Gemma3nSpec
from app.architectures.gemma4 import Gemma4, Gemma4Spec
from app.architectures.layer_inputs import key_roles
from app.architectures.mixture_of_experts import ExpertsSpec
from app.architectures.network import Network, Options
from app.architectures.readers.fields import flag, integer, integers, items, layers, nested, optional_count
from app.architectures.readers.llama import Windows, llama_spec
from app.workloads.fields import invalid_field

Config = Mapping[str, Any]

GEMMA4_DEFAULTS: dict[str, Any] = {
    "vocab_size": 262_144, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 30, "num_attention_heads": 8,
    "num_key_value_heads": 4, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 512,
    "vocab_size_per_layer_input": 262_144, "hidden_size_per_layer_input": 256, "tie_word_embeddings": True, "global_head_dim": 512,
}  # fmt: skip


def gemma4(config: Config, options: Options) -> Network:
    """Gemma4TextConfig: every sixth layer attends everywhere, with heads of another size."""
    config = {**GEMMA4_DEFAULTS, **config}
    windows = _windows(config, 6)
    spec = llama_spec(
        config,
        norm=UnshiftedNorm,
        head_norms=True,
        scaled_embeddings=True,
        windows=windows,
        capped_logits=config.get("final_logit_softcapping") is not None,
    )
    as_values, full = flag(config, "attention_k_eq_v", False), _full_layer(config, windows)
    gemma = Gemma4Spec(
        full_size=integer(full, "head_dim", default=integer(config, "global_head_dim")),
        full_kv_heads=integer(full, "num_key_value_heads", default=_full_kv_heads(config, spec.kv_heads) if as_values else spec.kv_heads),
        keys_as_values=as_values,
        roles=key_roles(windows, min(spec.layers, optional_count(config, "num_kv_shared_layers"))),
        reading_width=spec.feed_forward * (2 if flag(config, "use_double_wide_mlp", False) else 1),
        table=integer(config, "vocab_size_per_layer_input"),
        layer_input=optional_count(config, "hidden_size_per_layer_input"),
        experts=_experts(config, spec.layers),
    )
    return Gemma4(spec, gemma, options)


def _windows(config: Config, period: int) -> Windows:
    """The window of each layer: as `layer_types` says, else none in every so many-th; none in the last."""
    count, window = layers(config, "num_hidden_layers"), integer(config, "sliding_window")
    kinds = items(config, "layer_types") or ["sliding_attention" if (layer + 1) % period else "full_attention" for layer in range(count)]
    sliding = [layer < len(kinds) and kinds[layer] == "sliding_attention" for layer in range(count)]
    return tuple(window if slides and layer < count - 1 else None for layer, slides in enumerate(sliding))


def _full_layer(config: Config, windows: Windows) -> Config:
    """What `per_layer_config` says of the last layer, which attends everywhere."""
    return nested(nested(config, "per_layer_config"), str(len(windows) - 1))


def _full_kv_heads(config: Config, usual: int) -> int:
    return integer(config, "num_global_key_value_heads", default=usual)


def _experts(config: Config, count: int) -> ExpertsSpec:
    if not flag(config, "enable_moe_block", False):
        return ExpertsSpec.none(count)
    return ExpertsSpec(
        experts=integer(config, "num_experts"),
        chosen=integer(config, "top_k_experts"),
        width=integer(config, "moe_intermediate_size"),
        sparse=(True,) * count,
    )


GEMMA3N_DEFAULTS: dict[str, Any] = {
    "vocab_size": 262_400, "hidden_size": 2048, "intermediate_size": 16_384, "num_hidden_layers": 35, "num_attention_heads": 8,
    "num_key_value_heads": 2, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 512,
    "vocab_size_per_layer_input": 262_144, "tie_word_embeddings": True, "final_logit_softcapping": 30.0, "num_kv_shared_layers": 15,
}  # fmt: skip
SPARSE_LAYERS = 10  # of deeper networks, where the configuration says nothing of it


def gemma3n(config: Config, options: Options) -> Network:
    """Gemma3nTextConfig: every fifth layer attends everywhere."""
    config = {**GEMMA3N_DEFAULTS, **config}
    count = layers(config, "num_hidden_layers")
    sizes = config["intermediate_size"]
    widths = integers(config, "intermediate_size", ()) if isinstance(sizes, list) else (integer(config, "intermediate_size"),) * count
    if len(widths) != count:
        raise invalid_field("model.config.intermediate_size", f"must be one number or one for each of the {count} layers")
    windows = _windows(config, 5)
    spec = llama_spec(
        {**config, "intermediate_size": max(widths)},
        norm=UnshiftedNorm,
        head_norms=True,
        scaled_embeddings=True,
        rotation_by_window=True,
        windows=windows,
        capped_logits=config["final_logit_softcapping"] is not None,
    )
    gemma = Gemma3nSpec(
        streams=integer(config, "altup_num_inputs", default=4),
        rank=integer(config, "laurel_rank", default=64),
        table=integer(config, "vocab_size_per_layer_input"),
        layer_input=integer(config, "hidden_size_per_layer_input", default=256),
        roles=key_roles(windows, min(count - 1, optional_count(config, "num_kv_shared_layers"))),
        widths=widths,
        sparse=_sparse_activations(config, count),
        scaled_correction=flag(config, "altup_correct_scale", True),
    )
    return Gemma3n(spec, gemma, options)


def _sparse_activations(config: Config, count: int) -> tuple[bool, ...]:
    """Whether the feed-forward part of each layer lets through only what lies far above the mean."""
    given = config.get("activation_sparsity_pattern")
    if given is None:
        return tuple(count > SPARSE_LAYERS and layer < SPARSE_LAYERS for layer in range(count))
    shares = items(config, "activation_sparsity_pattern") if isinstance(given, list) else [given] * count
    return tuple(layer < len(shares) and bool(shares[layer]) for layer in range(count))


def text_part(program: Callable[[Config, Options], Network]) -> Callable[[Config, Options], Network]:
    """The reader of a model that sees and hears, by its `text_config` alone."""

    def build(config: Config, options: Options) -> Network:
        text = nested(config, "text_config")
        if not text:
            raise invalid_field("model.config.text_config", "the configuration of the text model is needed")
        network = program(text, options)
        network.taken_for = "the encoders of images and of sound are not modelled; it is taken for its text model alone"
        return network

    return build
