"""Parameter totals from the shapes alone, written independently of the programs in `app/architectures`."""

from collections.abc import Callable, Mapping
from typing import Any

Config = Mapping[str, Any]


def attention(config: Config, *, input_bias: bool = False, output_bias: bool = False, bias_free_norms: int = 0) -> int:
    """Query, key, value and output projections with grouped heads, and norms of `bias_free_norms` weights on queries and keys."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    groups = config.get("num_key_value_heads", heads)
    size = config.get("head_dim") or hidden // heads
    inputs, outputs = (heads + 2 * groups) * size, heads * size
    return hidden * (inputs + outputs) + input_bias * inputs + output_bias * hidden + bias_free_norms


def gated(hidden: int, feed_forward: int) -> int:
    """Gate, up and down projections."""
    return 3 * hidden * feed_forward


def experts(config: Config, feed_forward: int) -> int:
    """A router and gated experts."""
    count = config.get("num_local_experts") or config["num_experts"]
    return count * (gated(config["hidden_size"], feed_forward) + config["hidden_size"])


def ends(config: Config, *, tied: bool = False) -> int:
    """The token embedding and the output projection, which may be the same matrix."""
    tied = config.get("tie_word_embeddings", tied)
    return config["vocab_size"] * config["hidden_size"] * (1 if tied else 2)


def pre_norm(config: Config, layer: int, *, norms: int = 2) -> int:
    """Equal layers with RMS norms of one weight per channel, and a final one."""
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    return layers * (layer + norms * hidden) + hidden + ends(config)


def llama(config: Config) -> int:
    return pre_norm(config, attention(config) + gated(config["hidden_size"], config["intermediate_size"]))


def qwen2(config: Config) -> int:
    return pre_norm(config, attention(config, input_bias=True) + gated(config["hidden_size"], config["intermediate_size"]))


def qwen3(config: Config) -> int:
    mixed = attention(config, bias_free_norms=2 * config["head_dim"])
    return pre_norm(config, mixed + gated(config["hidden_size"], config["intermediate_size"]))


def qwen3_moe(config: Config) -> int:
    return pre_norm(config, attention(config, bias_free_norms=2 * config["head_dim"]) + experts(config, config["moe_intermediate_size"]))


def mixtral(config: Config) -> int:
    return pre_norm(config, attention(config) + experts(config, config["intermediate_size"]))


def gemma2(config: Config) -> int:
    return pre_norm(config, attention(config) + gated(config["hidden_size"], config["intermediate_size"]), norms=4)


def gemma3(config: Config) -> int:
    mixed = attention(config, bias_free_norms=2 * config["head_dim"])
    return pre_norm(config, mixed + gated(config["hidden_size"], config["intermediate_size"]), norms=4)


def olmo2(config: Config) -> int:
    groups = config["num_key_value_heads"] * config["hidden_size"] // config["num_attention_heads"]
    mixed = attention(config, bias_free_norms=config["hidden_size"] + groups)
    return pre_norm(config, mixed + gated(config["hidden_size"], config["intermediate_size"]))


def olmoe(config: Config) -> int:
    return pre_norm(config, attention(config, bias_free_norms=2 * config["hidden_size"]) + experts(config, config["intermediate_size"]))


def gpt_oss(config: Config) -> int:
    """Every projection has a bias, the router too; one sink per head."""
    hidden, inner, count = config["hidden_size"], config["intermediate_size"], config["num_local_experts"]
    mixed = attention(config, input_bias=True, output_bias=True) + config["num_attention_heads"]
    return pre_norm(config, mixed + experts(config, inner) + count * (1 + 2 * inner + hidden))


def latent_attention(config: Config) -> int:
    """Multi-head latent attention: low-rank queries (or full ones) and keys and values from one compressed vector."""
    hidden, heads, rank, latent = config["hidden_size"], config["num_attention_heads"], config["q_lora_rank"], config["kv_lora_rank"]
    query = heads * (config["qk_nope_head_dim"] + config["qk_rope_head_dim"])
    queries = hidden * query if rank is None else hidden * rank + rank + rank * query
    keys = hidden * (latent + config["qk_rope_head_dim"]) + latent + latent * heads * (config["qk_nope_head_dim"] + config["v_head_dim"])
    return queries + keys + heads * config["v_head_dim"] * hidden


def deepseek(config: Config) -> int:
    hidden, layers, dense = config["hidden_size"], config["num_hidden_layers"], config["first_k_dense_replace"]
    expert = gated(hidden, config["moe_intermediate_size"])
    sparse = (config["n_routed_experts"] + config["n_shared_experts"]) * expert + config["n_routed_experts"] * hidden
    every = layers * (latent_attention(config) + 2 * hidden) + hidden + ends(config)
    return every + dense * gated(hidden, config["intermediate_size"]) + (layers - dense) * sparse


def plain_block(hidden: int, feed_forward: int, *, biases: bool = True) -> int:
    """Full attention and a two-matrix feed-forward, without norms."""
    return 4 * hidden**2 + 2 * hidden * feed_forward + biases * (5 * hidden + feed_forward)


def gpt2(config: Config) -> int:
    hidden, layers = config["n_embd"], config["n_layer"]
    embeddings = (config["vocab_size"] + config["n_positions"]) * hidden
    return embeddings + layers * (plain_block(hidden, 4 * hidden) + 4 * hidden) + 2 * hidden


def gpt_neox(config: Config) -> int:
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    return ends(config) + layers * (plain_block(hidden, config["intermediate_size"]) + 4 * hidden) + 2 * hidden


def opt(config: Config) -> int:
    """Learned positions start at 2. The 350M model embeds into fewer channels, projects, and has no final norm."""
    hidden, embedded, layers = config["hidden_size"], config["word_embed_proj_dim"], config["num_hidden_layers"]
    projections = 2 * embedded * hidden if embedded != hidden else 0
    embeddings = config["vocab_size"] * embedded + (config["max_position_embeddings"] + 2) * hidden + projections
    final_norm = 2 * hidden if config["do_layer_norm_before"] else 0
    return embeddings + layers * (plain_block(hidden, config["ffn_dim"]) + 4 * hidden) + final_norm


def bloom(config: Config) -> int:
    hidden, layers = config["hidden_size"], config["n_layer"]
    return config["vocab_size"] * hidden + layers * (plain_block(hidden, 4 * hidden) + 4 * hidden) + 4 * hidden


def mamba(config: Config) -> int:
    """Gu and Dao 2023, figure 3: both projections, the convolution, what selects, and one state row per channel."""
    hidden, channels, state, rank = (config[name] for name in ("hidden_size", "intermediate_size", "state_size", "time_step_rank"))
    convolution = channels * (config["conv_kernel"] + 1)
    selection = channels * (rank + 2 * state) + (rank + 1) * channels
    layer = hidden + 3 * hidden * channels + convolution + selection + channels * state + channels
    return ends(config) + config["num_hidden_layers"] * layer + hidden


def mamba2(config: Config) -> int:
    """Dao and Gu 2024, section 7: heads that share a rate, a bias of the time step and a skip weight."""
    hidden, heads = config["hidden_size"], config["num_heads"]
    channels = heads * config["head_dim"]
    convolved = channels + 2 * config["n_groups"] * config["state_size"]
    projections = hidden * (channels + convolved + heads) + channels * hidden
    layer = hidden + projections + convolved * (config["conv_kernel"] + 1) + 3 * heads + channels
    return ends(config) + config["num_hidden_layers"] * layer + hidden


def cohere(config: Config) -> int:
    """Both parts on one norm; Command R+ norms each head with weights of its own."""
    size = config["hidden_size"] // config["num_attention_heads"]
    normed = config.get("use_qk_norm", False) * (config["num_attention_heads"] + config["num_key_value_heads"]) * size
    mixed = attention(config, bias_free_norms=normed)
    return pre_norm(config, mixed + gated(config["hidden_size"], config["intermediate_size"]), norms=1)


def olmo(config: Config) -> int:
    """Norms have no weights."""
    layer = attention(config) + gated(config["hidden_size"], config["intermediate_size"])
    return config["num_hidden_layers"] * layer + ends(config)


def starcoder2(config: Config) -> int:
    hidden, feed_forward = config["hidden_size"], config["intermediate_size"]
    layer = attention(config, input_bias=True, output_bias=True) + 2 * hidden * feed_forward + feed_forward + hidden
    return config["num_hidden_layers"] * (layer + 4 * hidden) + 2 * hidden + ends(config)


CLOSED_FORMS: dict[str, Callable[[Config], int]] = {
    **dict.fromkeys(("llama", "mistral", "phi3", "gemma", "smollm3", "granite", "cwm", "ernie4_5", "helium"), llama),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3"), deepseek),
    **dict.fromkeys(("qwen2", "seed_oss", "glm"), qwen2),
    **dict.fromkeys(("cohere", "cohere2"), cohere),
    "olmo": olmo,
    "starcoder2": starcoder2,
    "qwen3": qwen3,
    "qwen3_moe": qwen3_moe,
    **dict.fromkeys(("mixtral", "granitemoe"), mixtral),
    "gemma2": gemma2,
    "gemma3_text": gemma3,
    **dict.fromkeys(("olmo2", "olmo3"), olmo2),
    "olmoe": olmoe,
    "gpt_oss": gpt_oss,
    "gpt2": gpt2,
    "gpt_neox": gpt_neox,
    "opt": opt,
    "bloom": bloom,
    **dict.fromkeys(("mamba", "falcon_mamba"), mamba),
    "mamba2": mamba2,
}


def has_closed_form(config: Config) -> bool:
    """Whether the total of this decoder can be given from its shapes alone here."""
    return config.get("model_type") in CLOSED_FORMS


def decoder_parameters(config: Config) -> int:
    """The total of a decoder with a closed form."""
    return CLOSED_FORMS[config["model_type"]](config)


def vision_transformer_parameters(config: Config) -> int:
    """timm's vision transformer: patches, class (and distillation) tokens, learned positions, blocks, and one or two linear heads."""
    width, inner, tokens = config["embed_dim"], int(config["embed_dim"] * config["mlp_ratio"]), 1 + config["distilled"]
    patches = (config["img_size"] // config["patch_size"]) ** 2
    positions = patches if config["no_embed_class"] else patches + tokens
    embedding = (config["in_chans"] * config["patch_size"] ** 2 + 1) * width + (tokens + positions) * width
    scales = 2 * width if config["init_values"] is not None else 0
    head = tokens * (width + 1) * config["num_classes"]
    return embedding + config["depth"] * (plain_block(width, inner) + 4 * width + scales) + 2 * width + head
