"""What transformers itself refuses in any config.json, whichever network it is of."""

from collections.abc import Mapping
from typing import Any

from app.workloads.fields import invalid_field

DTYPES = frozenset(
    {
        "auto", "float64", "double", "float32", "float", "float16", "half", "bfloat16", "int8", "uint8",
        "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2",
    }
)  # fmt: skip
# transformers 5.23, configuration_utils.py: ALLOWED_LAYER_TYPES, and the names that older files have.
LAYER_TYPES = frozenset(
    {
        "full_attention", "sliding_attention", "chunked_attention", "window_attention", "indexed_attention", "compressed_sparse_attention",
        "heavily_compressed_attention", "minimax_m3_sparse", "conv", "moe", "hybrid", "hybrid_sliding", "reference_sliding_attention",
        "linear_attention", "sparse", "dense", "mamba", "attention", "deepseek_sparse_attention", "qwen_sparse_attention",
    }
)  # fmt: skip


def refuse_contradictions(config: Mapping[str, Any], path: str = "model.config") -> None:
    """Raises InvalidInput naming the field: an unknown type of the weights, layers of an unknown kind, or not as many as there are."""
    for name in ("torch_dtype", "dtype"):
        _known_dtype(config.get(name), f"{path}.{name}")
    _known_layers(config, path)
    for name, value in config.items():
        if name.endswith("_config") and isinstance(value, Mapping):
            refuse_contradictions(value, f"{path}.{name}")


def _known_dtype(value: object, path: str) -> None:
    """A name such as 'bfloat16' or 'torch.bfloat16', or one for each part."""
    for name in value.values() if isinstance(value, Mapping) else (value,):
        if name is not None and (not isinstance(name, str) or name.removeprefix("torch.") not in DTYPES):
            raise invalid_field(path, f"'{str(name)[:40]}' is not a type of weights; use one such as bfloat16 or float32")


def _known_layers(config: Mapping[str, Any], path: str) -> None:
    kinds, count = config.get("layer_types"), config.get("num_hidden_layers")
    if kinds is None:
        return
    if not isinstance(kinds, (list, tuple)):
        raise invalid_field(f"{path}.layer_types", "must be a list")
    unknown = next((kind for kind in kinds if not isinstance(kind, str) or kind not in LAYER_TYPES), None)
    if unknown is not None:
        raise invalid_field(f"{path}.layer_types", f"'{str(unknown)[:40]}' is not a kind of layer")
    if kinds and isinstance(count, int) and len(kinds) != count:
        raise invalid_field(f"{path}.layer_types", f"names {len(kinds)} layers, num_hidden_layers says {count}")
