"""Small configurations of every family, and short ways to trace a network built from one."""

from collections.abc import Mapping
from typing import Any

from app.architectures.build import build_network
from app.architectures.cache import KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Network, Options
from app.tape.dtypes import BF16, DType
from app.tape.recorder import Category
from app.tape.tensor import Tape
from app.tape.trace import Trace, TrainingRun, trace_forward, trace_training
from app.workloads.model import ConfigModel

Config = Mapping[str, Any]

SECONDS = 2.0  # of audio
SHAPE = {
    "vocab_size": 4096, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 512, "max_position_embeddings": 2048,
}  # fmt: skip
GPT = {"vocab_size": 4096, "n_embd": 256, "n_layer": 4, "n_head": 4}
SLIDING = {**SHAPE, "sliding_window": 64}
OWN_HEADS = {**SHAPE, "head_dim": 64}
EXPERTS = {**SHAPE, "num_experts": 8, "num_local_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 128}
LATENT = {
    **SHAPE, "num_key_value_heads": 4, "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 1,
    "moe_intermediate_size": 128, "kv_lora_rank": 64, "q_lora_rank": 96, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32,
    "n_group": 1, "topk_group": 1,
}  # fmt: skip
PAIR = {
    "vocab_size": 4096, "d_model": 256, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 512, "decoder_ffn_dim": 512,
}  # fmt: skip

IMAGES = {
    "hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 3, "intermediate_size": 768, "image_size": 224, "patch_size": 14,
}  # fmt: skip
TWO_ENCODERS = {
    "text_config": {**SHAPE, "max_position_embeddings": 64},
    "vision_config": {**IMAGES, "hidden_size": 256, "num_attention_heads": 4},
}
READERS = {"text_config": {**SHAPE, "head_dim": 64}, "vision_config": IMAGES}

AFTER_DENSE = {
    **EXPERTS, "n_routed_experts": 8, "n_shared_experts": 1, "num_shared_experts": 1, "first_k_dense_replace": 1, "sliding_window": 64,
}  # fmt: skip
LAYERED = {
    **SHAPE, "head_dim": 64, "sliding_window": 64, "vocab_size_per_layer_input": 4096, "hidden_size_per_layer_input": 32,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"], "num_kv_shared_layers": 0,
    "activation_sparsity_pattern": 0.0,
}  # fmt: skip
DECODERS: dict[str, Config] = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma", "olmo2", "phi3", "smollm3", "stablelm", "phi", "gpt_neox"), SHAPE),
    **dict.fromkeys(
        (
            "apertus",
            "arcee",
            "cohere",
            "granite",
            "helium",
            "hunyuan_v1_dense",
            "internlm3",
            "ministral",
            "ministral3",
            "nemotron",
            "olmo",
            "seed_oss",
            "starcoder2",
        ),
        SHAPE,
    ),
    **dict.fromkeys(("glm", "glm4", "ernie4_5"), OWN_HEADS),
    **dict.fromkeys(("cohere2", "cwm", "exaone4", "olmo3"), SLIDING),
    **dict.fromkeys(("granitemoe", "granitemoeshared"), EXPERTS),
    "gemma2": {**SHAPE, "head_dim": 64, "sliding_window": 64},
    "gemma3_text": {**SHAPE, "num_hidden_layers": 6, "head_dim": 64, "sliding_window": 64},
    "gemma4_text": {**LAYERED, "global_head_dim": 128},
    "gemma3n_text": {**LAYERED, "laurel_rank": 16},
    "gemma4": {"text_config": {**LAYERED, "global_head_dim": 128}},
    "gemma3n": {"text_config": {**LAYERED, "laurel_rank": 16}},
    "gpt2": GPT,
    "gpt_bigcode": GPT,
    "biogpt": SHAPE,
    "gptj": {**GPT, "rotary_dim": 32},
    "gpt_neo": {**SHAPE, "num_layers": 4, "num_heads": 4, "attention_types": [[["global", "local"], 2]], "window_size": 64},
    "opt": {**SHAPE, "ffn_dim": 512, "word_embed_proj_dim": 256},
    "bloom": {"vocab_size": 4096, "hidden_size": 256, "n_layer": 4, "n_head": 4},
    "mpt": {"vocab_size": 4096, "d_model": 256, "n_layers": 4, "n_heads": 4},
    "falcon": SHAPE,
    **dict.fromkeys(("mixtral", "qwen3_moe", "olmoe", "phimoe", "flex_olmo", "minimax_m2"), EXPERTS),
    **dict.fromkeys(("glm4_moe", "solar_open", "dots1", "exaone_moe", "hy_v3"), AFTER_DENSE),
    "hunyuan_v1_moe": {**EXPERTS, "moe_topk": 2},
    "ernie4_5_moe": {**EXPERTS, "moe_num_experts": 8, "moe_k": 2, "moe_layer_start_index": 1},
    "llama4_text": {**EXPERTS, "head_dim": 64, "attention_chunk_size": 64},
    "llama4": {
        "text_config": {**EXPERTS, "head_dim": 64},
        "vision_config": {**IMAGES, "projector_input_dim": 256, "projector_output_dim": 256, "vision_output_dim": 256},
    },
    "qwen2_moe": {**EXPERTS, "shared_expert_intermediate_size": 256},
    "gpt_oss": {**EXPERTS, "head_dim": 64, "sliding_window": 64},
    **dict.fromkeys(("mistral3", "llava"), READERS),
    "gemma3": {**READERS, "mm_tokens_per_image": 64},
    "deepseek_v2": LATENT,
    "deepseek_v3": LATENT,
    "glm4_moe_lite": LATENT,
}
SELECTIVE = {**SHAPE, "intermediate_size": 512, "state_size": 16}
DELTA = {
    **EXPERTS, "head_dim": 64, "shared_expert_intermediate_size": 128, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    "linear_key_head_dim": 32, "linear_value_head_dim": 32,
}  # fmt: skip
MAMBA_HEADS = {**SHAPE, "mamba_n_heads": 8, "mamba_d_head": 64, "mamba_d_state": 32, "mamba_chunk_size": 32}
CONVOLVING = ["conv", "conv", "full_attention", "conv"]
RECURRENT: dict[str, Config] = {
    **dict.fromkeys(("mamba", "falcon_mamba"), SELECTIVE),
    "mamba2": {**SHAPE, "num_heads": 8, "head_dim": 64, "state_size": 32, "n_groups": 2, "chunk_size": 32},
    "bamba": {**MAMBA_HEADS, "attn_layer_indices": [2]},
    "jamba": {**EXPERTS, "attn_layer_period": 4, "attn_layer_offset": 2, "mamba_d_state": 16},
    "falcon_h1": {**MAMBA_HEADS, "mamba_d_ssm": 512},
    **dict.fromkeys(("qwen3_5_text", "qwen3_5_moe_text", "qwen3_next"), DELTA),
    "nemotron_h": {
        **SHAPE,
        "mamba_num_heads": 8,
        "mamba_head_dim": 64,
        "ssm_state_size": 32,
        "n_groups": 2,
        "chunk_size": 32,
        "head_dim": 64,
        "layers_block_type": ["mamba", "mlp", "attention", "mlp"],
    },
    "lfm2": {**SHAPE, "layer_types": CONVOLVING},
    "lfm2_moe": {**EXPERTS, "layer_types": CONVOLVING},
    "recurrent_gemma": {**SHAPE, "head_dim": 64, "attention_window_size": 4096, "layers_block_type": ["recurrent", "attention"] * 2},
    "rwkv": SHAPE,
    "zamba2": {
        **SHAPE,
        "num_key_value_heads": 4,
        "n_mamba_heads": 8,
        "mamba_d_state": 32,
        "chunk_size": 32,
        "adapter_rank": 16,
        "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid"],
    },
    "granitemoehybrid": {**EXPERTS, **MAMBA_HEADS, "layer_types": ["mamba", "mamba", "attention", "mamba"]},
}  # decoders that hold states beside or instead of keys and values
ENCODERS: dict[str, Config] = {
    **dict.fromkeys(("bert", "roberta", "electra", "mpnet", "nomic_bert"), SHAPE),
    "eurobert": {**SHAPE, "num_key_value_heads": 4},
    "modernbert": {**SHAPE, "num_hidden_layers": 6},
    "deberta-v2": {**SHAPE, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "share_att_key": True},
    "distilbert": {"vocab_size": 4096, "dim": 256, "n_layers": 4, "n_heads": 4, "hidden_dim": 512},
    "albert": {**SHAPE, "embedding_size": 128},
    "clip_text_model": SHAPE,
}
STACKS = {"vocab_size": 4096, "d_model": 256, "d_kv": 64, "d_ff": 512, "num_layers": 2, "num_heads": 4}
ENCODER_DECODERS: dict[str, Config] = {
    **dict.fromkeys(("t5", "umt5"), STACKS),
    **dict.fromkeys(("bart", "blenderbot", "m2m_100", "marian", "mbart", "pegasus"), PAIR),
    "whisper": {**PAIR, "num_mel_bins": 80},
}
IMAGE_MODELS: dict[str, Config] = {
    **dict.fromkeys(("vit", "vit_msn", "deit", "dinov2", "dinov2_with_registers", "clip_vision_model", "siglip_vision_model"), IMAGES),
    **dict.fromkeys(("clip", "siglip"), TWO_ENCODERS),
}
WAVEFORM = {**SHAPE, "conv_dim": [64] * 7}
SPEECH: dict[str, Config] = dict.fromkeys(("wav2vec2", "hubert"), WAVEFORM)
ALL: dict[str, Config] = {**DECODERS, **RECURRENT, **ENCODERS, **ENCODER_DECODERS, **IMAGE_MODELS, **SPEECH}


def built(kind: str, *, changes: Config | None = None, **options: Any) -> Network:
    """The small network of this kind with some fields changed."""
    config = {**ALL.get(kind, {}), **(changes or {}), "model_type": kind}
    return build_network(ConfigModel(config=config), Options(**options))


def decoder(kind: str, *, changes: Config | None = None, **options: Any) -> LanguageModel:
    """The small decoder of this kind."""
    network = built(kind, changes=changes, **options)
    assert isinstance(network, LanguageModel)
    return network


def trained(network: Network, *, batch: int = 2, sequence: int = 128, target: int = 32, precision: str = "fp32") -> Trace:
    """One traced training step."""
    inputs = Inputs(batch=batch, sequence=sequence, target=target, audio_seconds=SECONDS)
    return trace_training(network, lambda tape: network.loss(tape, inputs), TrainingRun(precision=precision), network.vocabulary)


def run_forward(network: Network, *, batch: int = 2, sequence: int = 128, dtype: DType = BF16) -> Trace:
    """One traced forward pass without gradients."""
    inputs = Inputs(batch=batch, sequence=sequence, target=32, audio_seconds=SECONDS)
    return trace_forward(network, lambda tape: network.forward(tape, inputs), dtype, network.vocabulary)


def generated(network: LanguageModel, *, cached: int = 0, new: int = 1, batch: int = 1, last_logits_only: bool = True) -> Trace:
    """One traced pass over `new` tokens with a cache of earlier ones; the cache outlives it."""

    def generate(tape: Tape) -> object:
        cache = network.prefilled_cache(tape, batch, cached, BF16) if cached else KvCache(tape)
        inputs = Inputs(batch=batch, sequence=new)
        return network.generate(tape, inputs, cache, last_logits_only=last_logits_only), cache

    return trace_forward(network, generate, BF16, network.vocabulary)


def cached_bytes(trace: Trace) -> int:
    """Bytes of the key-value cache at the end."""
    return trace.moments[-1].bytes_of(Category.KV_CACHE)
