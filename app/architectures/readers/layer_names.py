"""What transformers and diffusers call the linear layers that have another name here.

Adapters are put on layers by name, and people write the names of the library that they train with.
"""

from collections.abc import Mapping

from app.tape.layer_names import LayerNames

VISION_ATTENTION = {"attention.out_proj": "attention.o_proj"}
WIDE_PROJECTIONS = {"fc1": "up_proj", "fc2": "down_proj"}
POINTWISE_CONVOLUTIONS = {"fc1": "pwconv1", "fc2": "pwconv2"}
NUMBERED_WIDTHS = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}
LATENT_QUERIES = {"q": "q_proj", "q.a_proj": "q_a_proj", "q.b_proj": "q_b_proj"}
BERT = {"intermediate": "intermediate.dense", "attention_output.dense": "attention.output.dense"}

# model_type -> the end of a layer's path here -> the end of its path in transformers 5.23.
TRANSFORMERS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "electra", "camembert", "ernie", "data2vec-text", "deberta-v2"), BERT),
    "albert": {"intermediate": "ffn", "output.dense": "ffn_output", "attention_output.dense": "attention.dense"},
    "distilbert": {
        "query": "q_lin", "key": "k_lin", "value": "v_lin", "attention_output.dense": "attention.out_lin",
        "intermediate": "ffn.lin1", "output.dense": "ffn.lin2", "head.dense": "vocab_transform", "head.decoder": "vocab_projector",
    },
    "phi": {"self_attn.o_proj": "self_attn.dense"},
    "gptj": {"self_attn.o_proj": "attn.out_proj", "fc1": "fc_in", "fc2": "fc_out"},
    "starcoder2": {"fc1": "c_fc", "fc2": "c_proj"},
    **dict.fromkeys(("arcee", "nemotron", "nemotron_h"), WIDE_PROJECTIONS),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "glm4_moe_lite"), LATENT_QUERIES),
    **dict.fromkeys(("lfm2", "lfm2_moe"), NUMBERED_WIDTHS),
    "zamba2": {"gate_up_proj.shared": "gate_up_proj"},
    "granitemoehybrid": {"mlp.gate_up_proj": "shared_mlp.input_linear", "mlp.down_proj": "shared_mlp.output_linear"},
    **dict.fromkeys(("vit", "vit_msn", "deit", "dinov2", "dinov2_with_registers"), VISION_ATTENTION),
    **dict.fromkeys(("convnext", "convnextv2"), POINTWISE_CONVOLUTIONS),
}  # fmt: skip

# The same for every network of diffusers 0.42.
DIFFUSERS: Mapping[str, str] = {
    "to_out": "to_out.0",
    **{f"{part}.proj_in": f"{part}.net.0.proj" for part in ("ff", "ff_context", "ffn")},
    **{f"{part}.proj_out": f"{part}.net.2" for part in ("ff", "ff_context", "ffn")},
}


# What older versions of transformers kept as linear layers of each expert, and of the router, and what they are in 5.23:
# weights of all experts at once. peft takes the old names for the new weights. Source: peft 0.21, utils/transformers_weight_conversion.py.
MIXTRAL_EXPERTS = {"experts.gate_up_proj": ("w1", "w3"), "experts.down_proj": ("w2",), "gate.weight": ("gate",)}
QWEN_EXPERTS = {"experts.gate_up_proj": ("gate_proj", "up_proj"), "experts.down_proj": ("down_proj",), "gate.weight": ("gate",)}
FUSED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("mixtral", "minimax", "minimax_m2"), MIXTRAL_EXPERTS),
    **dict.fromkeys(
        (
            "qwen3_moe", "qwen3_next", "deepseek_v2", "deepseek_v3", "dots1", "ernie4_5_moe", "exaone_moe", "flex_olmo",
            "glm4_moe", "glm4_moe_lite", "hunyuan_v1_moe", "olmoe", "solar_open",
        ),
        QWEN_EXPERTS,
    ),
}  # fmt: skip


def layer_names(config: Mapping[str, object]) -> LayerNames:
    """The names of the library that wrote such a config.json."""
    if "_class_name" in config:
        return LayerNames(renamed=DIFFUSERS)
    kind = str(config.get("model_type"))
    return LayerNames(renamed=TRANSFORMERS.get(kind, {}), fused=FUSED.get(kind, {}))
