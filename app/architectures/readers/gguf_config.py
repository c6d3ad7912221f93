"""A GGUF file's metadata as the config.json of the model that it was converted from.

Source: gguf 0.19, constants.py (Keys), and llama.cpp's conversion script, which writes these keys from config.json.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.readers.gguf_header import GgufHeader, LongArray, Value
from app.architectures.readers.tensor_table import quoted, unreadable

# llama.cpp's architecture -> transformers' model_type, where they differ by more than a hyphen
MODEL_TYPES = {
    "gptneox": "gpt_neox", "qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe", "gemma3": "gemma3_text", "phi2": "phi", "mistral3": "mistral",
    "deepseek2": "deepseek_v3", "command-r": "cohere", "gpt-oss": "gpt_oss", "nomic-bert": "nomic_bert", "qwen3next": "qwen3_next",
    "granitemoe": "granitemoe", "glm4moe": "glm4_moe", "llama4": "llama4_text", "lfm2moe": "lfm2_moe", "gemma3n": "gemma3n_text",
    "gemma4": "gemma4_text", "ernie4_5-moe": "ernie4_5_moe", "hunyuan-moe": "hunyuan_v1_moe", "hunyuan-dense": "hunyuan_v1_dense",
}  # fmt: skip

# key without its architecture -> name in config.json
NAMES = {
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "feed_forward_length": "intermediate_size",
    "context_length": "max_position_embeddings",
    "attention.sliding_window": "sliding_window",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
    "use_parallel_residual": "use_parallel_residual",
    "embedding_length_per_layer_input": "hidden_size_per_layer_input",
    "attention.shared_kv_layers": "num_kv_shared_layers",
    "shortconv.l_cache": "conv_L_cache",
}
EXPERT_NAMES = {
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
}
REFUSED_TYPES = {
    "adapter": "is a LoRA adapter; upload the model that it belongs to, and choose LoRA under tuning",
    "mmproj": "is the image part of a model; upload the file of its language model",
    "imatrix": "is an importance matrix; upload the model itself",
}
Config = dict[str, Any]


def config_of(header: GgufHeader) -> tuple[Config, list[str]]:
    """The config.json, and what could not be carried over, in sentences. Raises InvalidInput where the file holds no language model."""
    metadata = header.metadata
    kind = metadata.get("general.type", "model")
    if isinstance(kind, str) and kind in REFUSED_TYPES:
        raise unreadable(f"this GGUF file {REFUSED_TYPES[kind]}")
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise unreadable("the GGUF file does not name its architecture; upload the first part of a split file")
    notes: list[str] = []
    own = _Own(metadata, architecture, notes)
    config: Config = {"model_type": MODEL_TYPES.get(architecture, architecture.replace("-", "_"))[:60]}
    config |= {name: value for key, name in NAMES.items() if (value := own.value(key)) is not None}
    config |= _vocabulary(header, own)
    for adjust in (_experts, *ADJUSTMENTS.get(architecture, ())):
        adjust(config, own, header)
    return config, notes


class _Own:
    """The values under the architecture's own prefix."""

    def __init__(self, metadata: Mapping[str, Value], architecture: str, notes: list[str]) -> None:
        self.metadata, self.architecture, self.notes = metadata, architecture, notes

    def value(self, key: str) -> int | float | bool | str | None:
        """A single value; of one for each layer the largest. None where there is none."""
        found = self.metadata.get(f"{self.architecture}.{key}")
        if isinstance(found, LongArray) or found == ():
            raise unreadable(f"the GGUF key {quoted(key)} is no number for each layer")
        if isinstance(found, tuple):
            if len(set(found)) > 1:
                self.notes.append(f"{key} differs from layer to layer ({min(found)} to {max(found)}); the largest is taken for all")
            return max(found)
        return None if isinstance(found, float) and not math.isfinite(found) else found

    def number(self, key: str) -> int:
        """A whole number, 0 where there is none."""
        found = self.value(key)
        return found if type(found) is int else 0


def _vocabulary(header: GgufHeader, own: _Own) -> Config:
    """Words of the vocabulary, and whether the head shares their table: a complete file then has no `output.weight`."""
    shapes = header.table.shapes
    table = shapes.get("token_embd.weight")
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    listed = tokens.length if isinstance(tokens, LongArray) else 0
    count = table[0] if table and len(table) > 1 else own.number("vocab_size") or listed
    complete = own.metadata.get("split.count", 1) in (0, 1)
    config: Config = {"tie_word_embeddings": "output.weight" not in shapes} if complete and table else {}
    return {**config, "vocab_size": count} if count else config


def _experts(config: Config, own: _Own, header: GgufHeader) -> None:
    if not own.number("expert_count"):
        return
    config |= {name: value for key, name in EXPERT_NAMES.items() if (value := own.value(key)) is not None}
    if config["model_type"] == "llama":
        config["model_type"] = "mixtral"
    config["num_local_experts"] = config["num_experts"]


def _biased_attention(config: Config, own: _Own, header: GgufHeader) -> None:
    if "blk.0.attn_q.bias" in header.table.shapes:
        config["attention_bias"] = True


def _partly_turned(config: Config, own: _Own, header: GgufHeader) -> None:
    """Rotary positions on part of each head, as a share."""
    heads, turned = own.number("attention.head_count"), own.number("rope.dimension_count")
    size = own.number("attention.key_length") or (own.number("embedding_length") // heads if heads else 0)
    if size and 0 < turned <= size:
        config["partial_rotary_factor"] = config["rotary_pct"] = turned / size


def _inner_width(config: Config, own: _Own, header: GgufHeader) -> None:
    config["n_inner"] = own.value("feed_forward_length")


def _embedding_encoder(config: Config, own: _Own, header: GgufHeader) -> None:
    config["architectures"] = ["BertModel"]
    types = header.metadata.get("tokenizer.ggml.token_type_count")
    if type(types) is int:
        config["type_vocab_size"] = types


def _latent_attention(config: Config, own: _Own, header: GgufHeader) -> None:
    """DeepSeek: heads have a plain and a turned part; newer files give their full size under another key."""
    turned = own.number("rope.dimension_count")
    whole = own.number("attention.key_length_mla") or own.number("attention.key_length")
    config |= {
        "kv_lora_rank": own.value("attention.kv_lora_rank"),
        "q_lora_rank": own.value("attention.q_lora_rank"),
        "qk_rope_head_dim": turned,
        "qk_nope_head_dim": whole - turned,
        "v_head_dim": own.value("attention.value_length_mla") or own.value("attention.value_length"),
        "n_routed_experts": own.value("expert_count"),
        "n_shared_experts": own.value("expert_shared_count"),
        "first_k_dense_replace": own.number("leading_dense_block_count"),
    }
    config["num_key_value_heads"] = config.get("num_attention_heads")
    config.pop("head_dim", None)


def _short_convolutions(config: Config, own: _Own, header: GgufHeader) -> None:
    """LFM2: layers without heads of keys convolve; the width is that of the gate itself."""
    heads = own.metadata.get(f"{own.architecture}.attention.head_count_kv")
    if isinstance(heads, tuple):
        config["layer_types"] = ["full_attention" if count else "conv" for count in heads]
    config |= {"block_auto_adjust_ff_dim": False, "num_dense_layers": own.number("leading_dense_block_count")}


def _experts_after_dense(config: Config, own: _Own, header: GgufHeader) -> None:
    config |= {
        "first_k_dense_replace": own.number("leading_dense_block_count"),
        "n_shared_experts": own.number("expert_shared_count"),
        "use_qk_norm": any(name.endswith(".attn_q_norm.weight") for name in header.table.shapes),
    }


Adjustment = Callable[[Config, _Own, GgufHeader], None]
ADJUSTMENTS: dict[str, tuple[Adjustment, ...]] = {
    "llama": (_biased_attention,),
    "phi3": (_partly_turned,),
    "gptneox": (_partly_turned,),
    "gpt2": (_inner_width,),
    "bert": (_embedding_encoder,),
    "deepseek2": (_latent_attention,),
    "glm4moe": (_partly_turned, _biased_attention, _experts_after_dense),
    "lfm2": (_short_convolutions,),
    "lfm2moe": (_short_convolutions,),
    "nomic-bert": (_embedding_encoder,),
}
