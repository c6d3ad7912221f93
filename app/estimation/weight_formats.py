"""Bytes of weights in every format: plain types, packed GPU formats with their group scales, and llama.cpp's per-tensor mixes.

Sources: the block table of the `gguf` package; llama.cpp's llama-quant.cpp (which tensor gets which type; reproduces the published bits per
weight of Llama 3.1 8B to four decimals); bitsandbytes, AutoGPTQ, AutoAWQ and OCP microscaling formats for the packed ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.architectures.network import Network
from app.architectures.readers.ggml_types import TYPES
from app.tape.adapters import HEADS, nf4_bytes
from app.tape.modules import Linear
from app.tape.tensor import Parameter
from app.units import ceil_div

GGML_TYPES = {kind.name: kind for kind in TYPES.values()}
# A row that is no multiple of 256 takes the next simpler type.
GGML_FALLBACK = {"q2_k": "q4_0", "q3_k": "q4_0", "q4_k": "q5_0", "q5_k": "q5_1", "q6_k": "q8_0"}
IQ_FALLBACK = "iq4_nl"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a matrix stands: layer `index` of `layers`, and query heads per key head."""

    index: int
    layers: int
    heads_per_kv: int

    @property
    def favoured(self) -> bool:
        """llama.cpp's use_more_bits: the first and last eighth, and every third layer between."""
        eighth = self.layers // 8
        return self.index < eighth or self.index >= 7 * self.layers // 8 or (self.index - eighth) % 3 == 2


Choice = Callable[[Place], str]


def _always(name: str) -> Choice:
    return lambda _place: name


def _favoured(better: str, base: str) -> Choice:
    return lambda place: better if place.favoured else base


def _first(count: int, better: str, base: str) -> Choice:
    return lambda place: better if place.index < count else base


def _first_share(divisor: int, better: str, base: str) -> Choice:
    return lambda place: better if place.index < place.layers // divisor else base


def _q3_down(place: Place) -> str:
    return "q5_k" if place.index < place.layers // 16 else "q4_k" if place.favoured else "q3_k"


# File type -> (base type, value projection, down projection, output projection); None: the base type.
MIXES: dict[str, tuple[str, Choice | None, Choice | None, Choice | None]] = {
    "q2_k": ("q2_k", lambda place: "q4_k" if place.heads_per_kv >= 4 else "q3_k", _always("q3_k"), _always("q3_k")),
    "q3_k_s": ("q3_k", None, None, None),
    "q3_k_m": ("q3_k", _first(2, "q5_k", "q4_k"), _q3_down, _always("q4_k")),
    "q3_k_l": ("q3_k", _always("q5_k"), _always("q5_k"), _always("q5_k")),
    "q4_k_s": ("q4_k", _first(4, "q5_k", "q4_k"), _first_share(8, "q5_k", "q4_k"), None),
    "q4_k_m": ("q4_k", _favoured("q6_k", "q4_k"), _favoured("q6_k", "q4_k"), None),
    "q5_k_s": ("q5_k", None, None, None),
    "q5_k_m": ("q5_k", _favoured("q6_k", "q5_k"), _favoured("q6_k", "q5_k"), None),
    "q6_k": ("q6_k", None, None, None),
    "q8_0": ("q8_0", None, None, None),
    "f16": ("f16", None, None, None),
    "f32": ("f32", None, None, None),
}
# File types whose mix has more conditions: bits per weight of the published Llama 3.1 8B files (llama.cpp, tools/quantize/README.md).
PUBLISHED_BITS = {
    "iq1_s": 2.0042, "iq1_m": 2.1460, "iq2_xxs": 2.3824, "iq2_xs": 2.5882, "iq2_s": 2.7403, "iq2_m": 2.9294, "iq3_xxs": 3.2548,
    "iq3_xs": 3.4977, "iq3_s": 3.6606, "iq3_m": 3.7628, "iq4_xs": 4.4597, "iq4_nl": 4.6818, "q2_k_s": 2.9697, "q4_0": 4.6658,
    "q4_1": 5.1242, "q5_0": 5.5827, "q5_1": 6.0411,
}  # fmt: skip
HEAD_TYPE = {"q8_0": "q8_0", "f16": "f16", "f32": "f32"}
DEFAULT_HEAD_TYPE = "q6_k"
VALUE_NAMES, DOWN_NAMES, OUTPUT_NAMES = ("v_proj",), ("down_proj", "down", "c_proj"), ("o_proj",)
KEPT_IN_F32 = ("router", "gate_inp")

PLAIN_BITS = {"fp32": 32, "fp16": 16, "bf16": 16, "fp8": 8, "int8": 8}
SIXTEEN_BITS = 16


def packed_bits(weight_format: str, group_size: int, bits_per_weight: float | None) -> float:
    """Bits of one element of a packed matrix, scales and zero points included."""
    table = {
        "nf4": 4.127,
        "gptq_int4": 4 + 16 / group_size + 4 / group_size,
        "awq_int4": 4 + 16 / group_size + 4 / group_size,
        "mxfp4": 4.25,
        "nvfp4": 4.5,
        "exl2": bits_per_weight or 4.0,
    }
    return table[weight_format]


def weight_bytes(
    network: Network, weight_format: str, *, group_size: int = 128, bits_per_weight: float | None = None, pack_heads: bool = False
) -> int:
    """Bytes of all weights of a network in this format. What a format leaves in 16 bits (embeddings, norms, heads) stays so.

    `pack_heads`: loaders that replace every linear layer, as Lightning Fabric does for bitsandbytes, pack the head too.
    """
    if weight_format in PLAIN_BITS:
        return _plain(network, PLAIN_BITS[weight_format])
    if weight_format in MIXES:
        return gguf_bytes(network, weight_format)
    if weight_format in PUBLISHED_BITS:
        return ceil_div(round(sum(p.size * p.times for p in _weights(network)) * PUBLISHED_BITS[weight_format]), 8)
    return _packed(network, packed_bits(weight_format, group_size, bits_per_weight), pack_heads=pack_heads)


def largest_packed_matrix(network: Network, *, pack_heads: bool) -> int:
    """Elements of the largest matrix that a packed format covers."""
    packed = _matrices(network, heads=pack_heads)
    return max((parameter.size for parameter in _weights(network) if id(parameter) in packed), default=0)


def _weights(network: Network) -> list[Parameter]:
    return [parameter for parameter in network.parameters() if not parameter.buffer]


def _plain(network: Network, bits: int) -> int:
    """16 bits and more apply to every weight; 8 bits to the matrices of linear layers only."""
    if bits >= SIXTEEN_BITS:
        return sum(p.size * p.times for p in _weights(network)) * bits // 8
    return _packed(network, bits)


def _packed(network: Network, bits: float, *, pack_heads: bool = False) -> int:
    matrices = _matrices(network, heads=pack_heads)
    total = 0
    for parameter in _weights(network):
        if id(parameter) not in matrices:
            total += 2 * parameter.size * parameter.times
        elif bits == packed_bits("nf4", 1, None):
            total += nf4_bytes(parameter.size) * parameter.times
        else:
            total += ceil_div(round(parameter.size * bits), 8) * parameter.times
    return total


def _matrices(network: Network, *, heads: bool = False) -> dict[int, str]:
    """Weights of linear layers, those of heads only where asked for, by identity, with the layer's own name."""
    found: dict[int, str] = {}
    for path, module in network.named_modules():
        name = path.rpartition(".")[2]
        if isinstance(module, Linear) and (heads or name not in HEADS):
            found[id(module.weight)] = name
    return found


def gguf_bytes(network: Network, file_type: str) -> int:
    """Bytes of the tensors of a GGUF file of this type: each matrix by its place in the mix, vectors in fp32, the head by its own rule."""
    base, *choices = MIXES[file_type]
    chosen = dict(zip((VALUE_NAMES, DOWN_NAMES, OUTPUT_NAMES), choices, strict=True))
    names = _matrices(network)
    head_type = HEAD_TYPE.get(file_type, DEFAULT_HEAD_TYPE)
    total = 0
    for path, parameter, place in _placed(network):
        name = names.get(id(parameter), "")
        if len(parameter.shape) < 2 or any(kept in path for kept in KEPT_IN_F32):
            total += 4 * parameter.size
        elif place is None:
            table_is_head = "embed" in path and getattr(network, "tied", False)
            head = table_is_head or any(part in HEADS for part in path.split("."))
            total += ggml_bytes(parameter, head_type if head else base)
        else:
            choice = next((choice for group, choice in chosen.items() if name in group), None)
            total += ggml_bytes(parameter, choice(place) if choice else base)
    return total


def _placed(network: Network) -> list[tuple[str, Parameter, Place | None]]:
    """Every weight once for each block it stands for, with the block's index; None outside the blocks."""
    layers = network.layer_count()
    ratio = network.heads_per_kv()
    placed: list[tuple[str, Parameter, Place | None]] = []
    for path, parameter, indices in network.parameters_by_layer():
        if parameter.buffer:
            continue
        if indices is None:
            placed.append((path, parameter, None))
        else:
            placed.extend((path, parameter, Place(index, layers, ratio)) for index in indices)
    return placed


def ggml_bytes(parameter: Parameter, ggml_type: str) -> int:
    """Bytes of one tensor in a GGML type, with llama.cpp's fallback where its rows are no multiple of 256."""
    row = parameter.shape[-1]
    if row % GGML_TYPES[ggml_type].block:
        ggml_type = GGML_FALLBACK.get(ggml_type, IQ_FALLBACK)
        if row % GGML_TYPES[ggml_type].block:
            ggml_type = "f16"
    kind = GGML_TYPES[ggml_type]
    return parameter.size // kind.block * kind.bytes
