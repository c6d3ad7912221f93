"""What model a table of tensors belongs to, when nothing but names and shapes is known.

A library model of exactly as many parameters; else a decoder whose sizes follow from its shapes; else only the size.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.architectures.library import ModelEntry, all_models
from app.architectures.readers.tensor_table import TensorTable

Shapes = Mapping[str, tuple[int, ...]]

CACHE_FIELDS = ("model_type", "hidden_size", "num_hidden_layers", "num_key_value_heads", "sliding_window", "use_sliding_window")
FIRST_LAYER = "model.layers.0."
LAYER = re.compile(r"^model\.layers\.(\d{1,5})\.")
USUAL_HEAD_SIZES = (128, 64)  # the usual ones from some three billion parameters on, and below
SMALL_HIDDEN = 2_048
GEMMA_HEAD_SIZE = 256

# A word in the tensors' names -> family. The first that is found decides.
FAMILY_MARKS = (
    ("down_blocks.", "diffusion"), ("transformer_blocks.", "diffusion"), ("decoder.block.", "encoder_decoder"),
    ("decoder.layers.", "encoder_decoder"), ("encoder.layer.", "encoder"), ("patch_embed", "vision"), ("vision_model.", "vision"),
    ("weight_hh_l0", "recurrent"), ("conv", "convolutional"), ("layers.", "decoder"), ("h.0.", "decoder"),
)  # fmt: skip
DEFAULT_FAMILY = "dense"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognized:
    """A model reference, how it was found, and whether it is more than a size."""

    model: dict[str, Any]
    how: str
    certain: bool


def recognize(table: TensorTable) -> Recognized:
    """The model that the tensors belong to."""
    known = preset_of(table.weights)
    if known:
        return known
    config = decoder_config(table.shapes)
    if config:
        how = f"the sizes of this {config['model_type']} decoder follow from its tensors; heads of {config['head_dim']} are assumed"
        return Recognized(model={"config": config}, how=how, certain=False)
    return by_size(table.weights, table.shapes)


def preset_of(parameters: int) -> Recognized | None:
    """The library's model of exactly this many parameters, None where there is none or several different ones."""
    found = [entry for entry in all_models() if entry.parameters == parameters]
    if len({_kind(entry) for entry in found}) != 1:
        return None
    alike = ", or of another model of its shape" if len(found) > 1 else ""
    how = f"the tensors hold exactly the {parameters:,} parameters of {found[0].name}{alike}"
    return Recognized(model={"preset": found[0].id}, how=how, certain=True)


def _kind(entry: ModelEntry) -> tuple[object, ...]:
    """What tells models of one size apart. For a decoder that is also what its cache depends on."""
    return (entry.family, *(entry.config.get(name) for name in CACHE_FIELDS if entry.family == "decoder"))


def by_size(parameters: int, names: Iterable[str]) -> Recognized:
    """A model of which only the size is known, and the family that its tensors' names speak of."""
    family = family_of(names)
    how = f"the architecture is not recognized; the {parameters:,} parameters and the family '{family}' are taken from the tensors"
    return Recognized(model={"parameters": max(1, parameters), "family": family}, how=how, certain=False)


def family_of(names: Iterable[str]) -> str:
    """The family that the names of the tensors speak of."""
    listed = list(names)
    return next((family for mark, family in FAMILY_MARKS if any(mark in name for name in listed)), DEFAULT_FAMILY)


def decoder_config(shapes: Shapes) -> dict[str, Any] | None:
    """The config.json of a Llama-like decoder without experts, from the shapes of its first layer. None where it is another network."""
    first = {name.removeprefix(FIRST_LAYER): shape for name, shape in shapes.items() if name.startswith(FIRST_LAYER)}
    table, query = shapes.get("model.embed_tokens.weight", ()), first.get("self_attn.q_proj.weight", ())
    key, gate = first.get("self_attn.k_proj.weight", ()), first.get("mlp.gate_proj.weight", ())
    if any(len(shape) != 2 or 0 in shape for shape in (table, query, key, gate)):
        return None
    model_type = _model_type(first)
    head_size = _head_size(first, model_type, (query[0], key[0]), table[1])
    if head_size is None:
        return None
    return {
        "model_type": model_type, "vocab_size": table[0], "hidden_size": table[1], "intermediate_size": gate[0],
        "num_hidden_layers": 1 + max(int(match[1]) for match in map(LAYER.match, shapes) if match),
        "num_attention_heads": query[0] // head_size, "num_key_value_heads": key[0] // head_size, "head_dim": head_size,
        "attention_bias": "self_attn.q_proj.bias" in first, "tie_word_embeddings": "lm_head.weight" not in shapes,
    }  # fmt: skip


def _model_type(first: Shapes) -> str:
    normed = "self_attn.q_norm.weight" in first
    if "pre_feedforward_layernorm.weight" in first:
        return "gemma3_text" if normed else "gemma2"
    if "post_feedforward_layernorm.weight" in first:
        return "olmo2"
    if normed:
        return "qwen3"
    return "qwen2" if "self_attn.q_proj.bias" in first and "self_attn.o_proj.bias" not in first else "llama"


def _head_size(first: Shapes, model_type: str, widths: tuple[int, int], hidden: int) -> int | None:
    """Size of a head: as its norm says, else the usual one that divides both projections."""
    norm = first.get("self_attn.q_norm.weight", ())
    if len(norm) == 1 and norm[0] and model_type != "olmo2":
        candidates: tuple[int, ...] = (norm[0],)
    elif model_type == "gemma2":
        candidates = (GEMMA_HEAD_SIZE, *USUAL_HEAD_SIZES)
    else:
        candidates = USUAL_HEAD_SIZES if hidden > SMALL_HIDDEN else USUAL_HEAD_SIZES[::-1]
    return next((size for size in candidates if all(width % size == 0 and width >= size for width in widths)), None)
