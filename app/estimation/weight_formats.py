"""Bytes of weights in every format: plain types, packed formats with their scales, and llama.cpp's file types (see gguf_mixes).

Sources: AutoGPTQ and AutoAWQ (qweight, scales, qzeros, g_idx); bitsandbytes (NF4 with double quantization, FP4, LLM.int8); DeepSeek-V3
(fp8 with a scale for 128 x 128); the OCP microscaling specification (MXFP4); NVIDIA Model Optimizer (NVFP4); exllamav2's convert.py
(head bits); mlx.nn.quantize (embeddings too, two 16-bit numbers a group).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

from app.architectures.network import Network
from app.estimation.gguf_mixes import MIXES, gguf_bytes, host_table_bytes
from app.tape.adapters import nf4_bytes
from app.tape.layer_names import HEADS
from app.tape.modules import Linear
from app.tape.tensor import Parameter
from app.units import ceil_div

HALF = 2  # bytes of what stays in 16 bits
SCALE, ROW_INDEX = 4, 4  # bytes: an fp32 scale; the int32 group of an input in GPTQ's g_idx
FP4_BLOCK, MX_BLOCK, NV_BLOCK = 64, 32, 16  # elements that share a scale: bitsandbytes, OCP, NVIDIA
FP8_BLOCK = 128
GPTQ_GROUP, MLX_GROUP = 128, 64  # the usual group sizes
EXL2_BITS, EXL2_HEAD_BITS, MLX_BITS = 4.0, 6.0, 4.0
PLAIN_BITS = {"fp32": 32, "fp16": 16, "bf16": 16}
# Towers for images keep 16 bits in every packed format but bitsandbytes', which replaces all linear layers.
TOWERS = ("vision_tower.", "multi_modal_projector.")
EMBEDDINGS_IN_RAM = {"llama.cpp", "ollama", "exllamav2"}  # runtimes that look input embeddings up in system RAM


@dataclass(frozen=True, slots=True)
class Settings:
    """What a format may be told: elements that share a scale, and bits of a weight; None: the format's usual value."""

    group_size: int | None = None
    bits: float | None = None


MatrixBytes = Callable[[int, int, Settings], int]  # of rows (outputs) x columns (inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """A packed format: bytes of one matrix, and which matrices it covers beside those of linear layers."""

    matrix: MatrixBytes
    experts: bool = True  # fused experts of a mixture
    only_experts: bool = False  # where there are experts, nothing else
    towers: bool = False
    head: MatrixBytes | None = None  # None: stays in 16 bits
    table: bool = False  # embeddings as well


def _fp8(rows: int, columns: int, _settings: Settings) -> int:
    return rows * columns + SCALE


def _fp8_block(rows: int, columns: int, _settings: Settings) -> int:
    return rows * columns + SCALE * ceil_div(rows, FP8_BLOCK) * ceil_div(columns, FP8_BLOCK)


def _int8(rows: int, columns: int, _settings: Settings) -> int:
    return rows * columns + SCALE * rows


def _nf4(rows: int, columns: int, _settings: Settings) -> int:
    return nf4_bytes(rows * columns)


def _fp4(rows: int, columns: int, _settings: Settings) -> int:
    return ceil_div(rows * columns, 2) + SCALE * ceil_div(rows * columns, FP4_BLOCK)


def _awq(bits: int) -> MatrixBytes:
    """Packed weights; for each group of inputs and each output a 16-bit scale and a packed zero point."""

    def matrix(rows: int, columns: int, settings: Settings) -> int:
        groups = ceil_div(columns, settings.group_size or GPTQ_GROUP)
        return ceil_div(rows * columns * bits, 8) + groups * (HALF * rows + ceil_div(rows * bits, 8))

    return matrix


def _gptq(bits: int) -> MatrixBytes:
    packed = _awq(bits)
    return lambda rows, columns, settings: packed(rows, columns, settings) + ROW_INDEX * columns


def _mxfp4(rows: int, columns: int, _settings: Settings) -> int:
    return ceil_div(rows * columns, 2) + ceil_div(rows * columns, MX_BLOCK)


def _nvfp4(rows: int, columns: int, _settings: Settings) -> int:
    return ceil_div(rows * columns, 2) + ceil_div(rows * columns, NV_BLOCK) + 2 * SCALE


def _exl2(usual: float) -> MatrixBytes:
    return lambda rows, columns, settings: ceil_div(round(rows * columns * (settings.bits or usual)), 8)


def _exl2_head(rows: int, columns: int, _settings: Settings) -> int:
    return ceil_div(round(rows * columns * EXL2_HEAD_BITS), 8)


def _mlx(rows: int, columns: int, settings: Settings) -> int:
    groups = rows * ceil_div(columns, settings.group_size or MLX_GROUP)
    return ceil_div(round(rows * columns * (settings.bits or MLX_BITS)), 8) + 2 * HALF * groups


PACKED: dict[str, Packing] = {
    "fp8": Packing(matrix=_fp8),
    "fp8_block": Packing(matrix=_fp8_block),
    "int8": Packing(matrix=_int8, experts=False, towers=True),
    "nf4": Packing(matrix=_nf4, experts=False, towers=True),
    "fp4": Packing(matrix=_fp4, experts=False, towers=True),
    "gptq_int3": Packing(matrix=_gptq(3)),
    "gptq_int4": Packing(matrix=_gptq(4)),
    "gptq_int8": Packing(matrix=_gptq(8)),
    "awq_int4": Packing(matrix=_awq(4)),
    "mxfp4": Packing(matrix=_mxfp4, only_experts=True),
    "nvfp4": Packing(matrix=_nvfp4),
    "exl2": Packing(matrix=_exl2(EXL2_BITS), head=_exl2_head),
    "mlx": Packing(matrix=_mlx, head=_mlx, table=True),
}


def weight_bytes(
    network: Network, weight_format: str, *, group_size: int | None = None, bits_per_weight: float | None = None, pack_heads: bool = False
) -> int:
    """Bytes of all weights of a network in this format. What a format leaves in 16 bits (embeddings, norms, heads, routers) stays so.

    `pack_heads`: loaders that replace every linear layer, as Lightning Fabric does for bitsandbytes, pack the head too.
    """
    if weight_format in PLAIN_BITS:
        return sum(p.size * p.times for p in _weights(network)) * PLAIN_BITS[weight_format] // 8
    if weight_format in MIXES:
        return gguf_bytes(network, weight_format)
    packing, settings = PACKED[weight_format], Settings(group_size, bits_per_weight)
    return sum(_stored(p, matrix, settings) for p, matrix in _matrices(network, packing, pack_heads=pack_heads))


def bytes_in_ram(network: Network, weight_format: str, runtime: str) -> int:
    """Bytes of weights that this runtime never puts on the card: an untied table of input embeddings, of which a token needs one row."""
    if runtime not in EMBEDDINGS_IN_RAM:
        return 0
    if weight_format in MIXES:
        return host_table_bytes(network, weight_format)
    tied, width = getattr(network, "tied", True), PLAIN_BITS.get(weight_format, 8 * HALF) // 8
    return 0 if tied else width * (network.vocabulary or 0) * network.widths()[0]


def largest_packed_matrix(network: Network, *, pack_heads: bool) -> int:
    """Elements of the largest matrix that bitsandbytes packs, in NF4."""
    found = _matrices(network, PACKED["nf4"], pack_heads=pack_heads)
    return max((parameter.size for parameter, matrix in found if matrix), default=0)


def leaves_experts(network: Network, weight_format: str) -> bool:
    """Whether the format leaves the experts of this mixture in 16 bits."""
    packing = PACKED.get(weight_format)
    return packing is not None and not packing.experts and any(_is_expert(path) for path, _ in network.named_parameters())


def _weights(network: Network) -> list[Parameter]:
    return [parameter for parameter in network.parameters() if not parameter.buffer]


def _stored(parameter: Parameter, matrix: MatrixBytes | None, settings: Settings) -> int:
    """Bytes of a weight in all blocks it stands for. The experts of a mixture are one tensor of as many matrices."""
    if matrix is None:
        return HALF * parameter.size * parameter.times
    *_, rows, columns = parameter.shape
    return matrix(rows, columns, settings) * prod(parameter.shape[:-2]) * parameter.times


def _matrices(network: Network, packing: Packing, *, pack_heads: bool) -> Iterator[tuple[Parameter, MatrixBytes | None]]:
    """Every weight, with the way it is packed; None where it stays in 16 bits."""
    linear = {id(module.weight): path.rpartition(".")[2] for path, module in network.named_modules() if isinstance(module, Linear)}
    weights = [(path, p) for path, p in network.named_parameters() if not p.buffer]
    only_experts = packing.only_experts and any(_is_expert(path) for path, _ in weights)
    for path, parameter in weights:
        yield parameter, _packing_of(path, parameter, linear.get(id(parameter)), packing, only_experts=only_experts, pack_heads=pack_heads)


def _packing_of(
    path: str, parameter: Parameter, layer: str | None, packing: Packing, *, only_experts: bool, pack_heads: bool
) -> MatrixBytes | None:
    if _is_expert(path) and len(parameter.shape) > 2:
        return packing.matrix if packing.experts else None
    if only_experts or "router." in path or (path.startswith(TOWERS) and not packing.towers):
        return None
    if layer in HEADS:
        return packing.matrix if pack_heads else packing.head
    if layer is not None:
        return packing.matrix
    return packing.matrix if packing.table and _is_table(path, parameter) else None


def _is_expert(path: str) -> bool:
    return ".experts." in path


def _is_table(path: str, parameter: Parameter) -> bool:
    return len(parameter.shape) == 2 and any(part.startswith(("embed_tokens", "wte", "shared")) for part in path.split("."))
