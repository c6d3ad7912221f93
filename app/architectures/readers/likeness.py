"""The nearest known program for a configuration of an unknown type, by the fields it has."""

from collections.abc import Callable, Mapping
from typing import Any

from app.architectures.mixture_of_experts import ExpertsSpec, MixtureDecoder
from app.architectures.network import Network, Options
from app.architectures.readers import encoders, image_likeness, llama, mixtures
from app.architectures.readers.fields import architecture, integer, optional_count
from app.errors import RigwiseError

Config = Mapping[str, Any]

TRANSFORMER_FIELDS = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
EXPERT_FIELDS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
SHARED_FIELDS = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
DENSE_FIELDS = ("first_k_dense_replace", "num_dense_layers")
CHOSEN_FIELDS = ("num_experts_per_tok", "moe_k", "moe_topk", "top_k_experts")
UNLIKE_FIELDS = (  # weights that no relative has
    "hidden_size_per_layer_input",  # embeddings for every layer (Gemma 3n)
    "conv_L_cache",  # short convolutions in place of attention (LFM2)
    "lru_width",  # linear recurrent units in place of attention (RecurrentGemma)
    "patch_size",  # patches of an image in place of a token table (BEiT)
    "mamba_d_state",  # state-space layers, some of them with shared attention (Zamba)
)
# Of these the nearest relative has half the parameters or memory, or twice as much (measured with transformers 5.23).
UNLIKE_TYPES = frozenset(
    {"git", "got_ocr2", "hrm_text", "blip", "idefics", "inkling_mm_model", "inkling_text", "inkling2_text", "luke", "muse_spark"}
)
USUAL_HEAD_SIZE = 128
A_DECODER = "a Llama-like decoder"
FURTHEST_LIKENESS = 0.05  # share of a model's parameters by which a likeness may differ
ENCODER_FIELDS = ("type_vocab_size", "hidden_dropout_prob", "attention_probs_dropout_prob")


class Unmodelled(RigwiseError):
    """There is no program for this architecture: only its size can be estimated from. `parameters` is None where that is unknown too."""

    def __init__(self, what: str, parameters: int | None, family: str = "decoder") -> None:
        self.what, self.parameters, self.family = what, parameters, family
        super().__init__(f"{what} has no program yet")


def too_unlike(found: Network, parameters: int) -> bool:
    """Whether a network is taken for another that is not even of its size."""
    return found.taken_for is not None and abs(found.parameter_count() / parameters - 1) > FURTHEST_LIKENESS


def network(config: Config, what: str, options: Options) -> Network:
    """The network of the nearest kind; it says of itself what it is taken for. Raises Unmodelled where the fields tell of none."""
    read = image_likeness.text_of(config)
    if str(config.get("model_type")) in UNLIKE_TYPES:
        raise Unmodelled(what, None)
    if not all(name in read for name in TRANSFORMER_FIELDS) or any(read.get(name) for name in UNLIKE_FIELDS):
        raise Unmodelled(what, None)
    kind, build = _nearest(read, what)
    if image_likeness.reads_images(config) and kind == A_DECODER:
        kind, build, read = "such a decoder with a plain image encoder", image_likeness.network, config
    found = build(read, options)
    found.taken_for = f"{what} is not modelled; it is taken for {kind} of its sizes"
    return found


def _nearest(config: Config, what: str) -> tuple[str, Callable[[Config, Options], Network]]:
    if any(config.get(name) for name in EXPERT_FIELDS) and config.get("is_moe") is not False:
        return "a Llama-like decoder with experts", _latent_mixture if config.get("kv_lora_rank") else _mixture
    if "intermediate_size" not in config:
        raise Unmodelled(what, None)
    encodes = any(name in config for name in ENCODER_FIELDS) or architecture(config).endswith("ForMaskedLM")
    if encodes and "rms_norm_eps" not in config:
        return "a BERT-like encoder", encoders.bert
    return A_DECODER, lambda config, options: llama.llama({**_usual_heads(config), **config}, options)


def _latent_mixture(config: Config, options: Options) -> Network:
    return mixtures.deepseek_v3({**_expert_counts(config), **config}, options)


def _expert_counts(config: Config) -> dict[str, Any]:
    return {"n_routed_experts": next(config[name] for name in EXPERT_FIELDS if config.get(name))}


def _mixture(config: Config, options: Options) -> Network:
    """Every layer after the dense ones has experts; shared ones count as one as wide as all of them."""
    width = integer(config, "moe_intermediate_size", "intermediate_size")
    given = {"intermediate_size": width, **_usual_heads(config), **config}
    spec = llama.llama_spec(given, head_norms=config.get("use_qk_norm") is True)
    count = integer(_expert_counts(config), "n_routed_experts")
    shared = optional_count(config, "shared_expert_intermediate_size") or width * _first_count(config, SHARED_FIELDS)
    dense = _first_count(config, DENSE_FIELDS)
    experts = ExpertsSpec(
        experts=count,
        chosen=min(count, _first_count(config, CHOSEN_FIELDS) or 2),
        width=width,
        shared_width=shared,
        sparse=tuple(layer >= dense for layer in range(spec.layers)),
    )
    return MixtureDecoder(spec, experts, options)


def _first_count(config: Config, names: tuple[str, ...]) -> int:
    """The first of these fields that holds a number, 0 where none does."""
    return next((optional_count(config, name) for name in names if isinstance(config.get(name), int) and config[name]), 0)


def _usual_heads(config: Config) -> dict[str, Any]:
    """A head size of 128 where the heads do not divide the stream: such models name their own, which is missing here."""
    hidden, heads = integer(config, "hidden_size"), integer(config, "num_attention_heads")
    return {"head_dim": USUAL_HEAD_SIZE} if hidden % heads else {}
