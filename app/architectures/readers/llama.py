"""Configurations of Llama-like decoders: Llama, Mistral, Qwen, Gemma, Phi-3, OLMo 2."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.architectures.decoder import Decoder, DecoderSpec
from app.architectures.gemma import GemmaNorm, SandwichBlock
from app.architectures.network import Network, Options
from app.architectures.olmo2 import FloatNorm, PostNormBlock
from app.architectures.phi3 import phi3_block
from app.architectures.readers.fields import activation, divides, flag, fraction, integer, items, layers, optional_count, turned_share

Config = Mapping[str, Any]
Windows = tuple[int | None, ...]


def llama_spec(config: Config, **differences: Any) -> DecoderSpec:
    """Hyper-parameters of a Llama-like decoder; `differences` override what the family does in another way."""
    hidden, heads = integer(config, "hidden_size"), integer(config, "num_attention_heads")
    kv_heads = integer(config, "num_key_value_heads", default=heads)
    divides("num_attention_heads", heads, kv_heads, "num_key_value_heads")
    bias = flag(config, "attention_bias", False)
    fields: dict[str, Any] = {
        "vocabulary": integer(config, "vocab_size"),
        "hidden": hidden,
        "layers": layers(config, "num_hidden_layers"),
        "heads": heads,
        "kv_heads": kv_heads,
        "head_size": head_size(config, hidden, heads),
        "feed_forward": integer(config, "intermediate_size"),
        "activation": activation(config, "hidden_activation", "hidden_act", default="silu"),
        "tied": flag(config, "tie_word_embeddings", False),
        "qkv_bias": bias,
        "output_bias": bias,
        "feed_forward_bias": flag(config, "mlp_bias", False),
        "attention_dropout": fraction(config, "attention_dropout", 0.0),
    }
    return DecoderSpec(**{**fields, **differences})


def head_size(config: Config, hidden: int, heads: int) -> int:
    """`head_dim`, or hidden size by heads where it is not given."""
    if config.get("head_dim") is not None:
        return integer(config, "head_dim")
    return divides("hidden_size", hidden, heads, "num_attention_heads")


def windows(config: Config, sliding: Sequence[bool]) -> Windows:
    """The sliding window of each layer: as `layer_types` says, else where `sliding` holds. Empty where no layer slides."""
    if types := items(config, "layer_types"):
        sliding = [kind == "sliding_attention" for kind in types]
    if config.get("sliding_window") is None or not any(sliding):
        return ()
    window = integer(config, "sliding_window")
    blocks = range(layers(config, "num_hidden_layers"))
    return tuple(window if layer < len(sliding) and sliding[layer] else None for layer in blocks)


def all_layers(config: Config) -> list[bool]:
    """Every layer slides."""
    return [True] * layers(config, "num_hidden_layers")


def llama(config: Config, options: Options) -> Network:
    """LlamaConfig."""
    return Decoder(llama_spec(config), options)


def mistral(config: Config, options: Options) -> Network:
    """MistralConfig."""
    return Decoder(mistral_spec(config), options)


def mistral_spec(config: Config) -> DecoderSpec:
    """Hyper-parameters of Mistral: every layer slides where there is a window."""
    return llama_spec(config, windows=windows(config, all_layers(config)))


def qwen_windows(config: Config) -> Windows:
    """Layers from `max_window_layers` on slide, where sliding is switched on."""
    if not flag(config, "use_sliding_window", False):
        return ()
    first = optional_count(config, "max_window_layers")
    return windows(config, [layer >= first for layer in range(layers(config, "num_hidden_layers"))])


def qwen2(config: Config, options: Options) -> Network:
    """Qwen2Config: biases on queries, keys and values only."""
    return Decoder(llama_spec(config, qkv_bias=True, output_bias=False, windows=qwen_windows(config)), options)


def qwen3(config: Config, options: Options) -> Network:
    """Qwen3Config: a norm of each query and key head."""
    return Decoder(llama_spec({"head_dim": 128, **config}, head_norms=True, windows=qwen_windows(config)), options)


GEMMA_DEFAULTS: dict[str, Any] = {"head_dim": 256, "tie_word_embeddings": True, "vocab_size": 256_000}


def gemma(config: Config, options: Options) -> Network:
    """GemmaConfig, whose activation is the tanh approximation whatever `hidden_act` says."""
    named = {**GEMMA_DEFAULTS, **config, "hidden_activation": "gelu_pytorch_tanh"}
    return Decoder(llama_spec(named, norm=GemmaNorm, scaled_embeddings=True), options)


def gemma2(config: Config, options: Options) -> Network:
    """Gemma2Config: every other layer slides; scores and logits are capped."""
    named = {**GEMMA_DEFAULTS, "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 4096, **config}
    count = layers(named, "num_hidden_layers")
    capped = named.get("attn_logit_softcapping", 50.0) is not None
    spec = llama_spec(
        named,
        norm=GemmaNorm,
        scaled_embeddings=True,
        windows=windows(named, [layer % 2 == 0 for layer in range(count)]),
        capped_attention=capped,
        always_eager=capped,
        capped_logits=named.get("final_logit_softcapping", 30.0) is not None,
    )
    return Decoder(spec, options, SandwichBlock)


GEMMA3_DEFAULTS: dict[str, Any] = {
    "head_dim": 256, "tie_word_embeddings": True, "vocab_size": 262_208, "hidden_size": 2304, "intermediate_size": 9216,
    "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4, "hidden_activation": "gelu_pytorch_tanh",
    "sliding_window": 4096,
}  # fmt: skip


def gemma3(config: Config, options: Options) -> Network:
    """Gemma3TextConfig."""
    return Decoder(gemma3_spec(config), options, SandwichBlock)


def gemma3_spec(config: Config) -> DecoderSpec:
    """Hyper-parameters of Gemma 3: five of six layers slide; each query and key head is normed."""
    named = {**GEMMA3_DEFAULTS, **config}
    period = integer(named, "sliding_window_pattern", "_sliding_window_pattern", default=6)
    count = layers(named, "num_hidden_layers")
    return llama_spec(
        named,
        norm=GemmaNorm,
        scaled_embeddings=True,
        head_norms=True,
        rotation_by_window=True,
        windows=windows(named, [bool((layer + 1) % period) for layer in range(count)]),
        capped_logits=named.get("final_logit_softcapping") is not None,
    )


def phi3(config: Config, options: Options) -> Network:
    """Phi3Config."""
    spec = llama_spec(config, windows=windows(config, all_layers(config)), residual_dropout=fraction(config, "resid_pdrop", 0.0))
    turned = int(spec.head_size * turned_share(config, "partial_rotary_factor", 1.0))
    return Decoder(
        llama_spec(config, windows=spec.windows, residual_dropout=spec.residual_dropout, rotary_size=turned), options, phi3_block
    )


def olmo2(config: Config, options: Options) -> Network:
    """Olmo2Config."""
    return Decoder(llama_spec(config, norm=FloatNorm), options, PostNormBlock)
