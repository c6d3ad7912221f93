"""llama.cpp's file types: which tensor of a model gets which GGML type, and the bytes of the file's tensors.

Source: llama.cpp, src/llama-quant.cpp at 007dbbf (llama_tensor_get_type_impl, tensor_type_fallback, tensor_allows_quantization), with an
importance matrix where a type cannot be made without one. Reproduces the bits per weight that tools/quantize/README.md prints for Llama
3.1 8B, and 172 published files of 17 models (tests/ground_truth/gguf_files.json). Files made otherwise differ: with an importance matrix
IQ4_XS and IQ4_NL are up to 1 % smaller. Fused projections of queries, keys and values follow the rules before pull request 19770 (March
2026), because the published files of models that have them are older; since then they count as value projections, which makes Q2_K up to
7 % larger and Q5_K_M up to 4 % smaller.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.architectures.falcon import Falcon
from app.architectures.network import Network
from app.architectures.readers.ggml_types import TYPES
from app.tape.layer_names import HEADS
from app.tape.tensor import Parameter

GGML_TYPES = {kind.name: kind for kind in TYPES.values()}
# Rows that are no multiple of a type's block take a type with blocks of 32.
FALLBACK = {
    "q2_k": "q4_0", "q3_k": "q4_0", "tq1_0": "q4_0", "tq2_0": "q4_0", "q4_k": "q5_0", "q5_k": "q5_1", "q6_k": "q8_0",
}  # fmt: skip
IQ_FALLBACK = "iq4_nl"
MANY_HEADS_PER_KV = 4
MIXTRAL_EXPERTS = 8  # mixtures of eight experts keep their small attention matrices in more bits
LARGE_MODEL_LAYERS = 80  # of the 70-billion models, whose value projections are small beside the rest
VECTOR_BYTES = 4  # norms and biases stay in fp32
KEPT_IN_F32 = ("router.", "mlp.gate.weight", "wpe.", "embed_positions.", "position_embedding", "relative_attention_bias", "conv1d.")
KEPT_IN_F16 = ("vision_tower.", "multi_modal_projector.")  # the projector is a file of its own, usually in 16 bits

# The last part of a weight's name -> its kind in llama.cpp's rules.
KINDS = {
    "v_proj": "value", "v": "value", "c_attn": "fused", "query_key_value": "fused", "Wqkv": "fused", "qkv_proj": "fused",
    "k_proj": "key", "k": "key", "q_proj": "query", "q": "query", "o_proj": "output", "out_proj": "output", "dense": "output",
    "o": "output",
    "down_proj": "down", "fc2": "down", "dense_4h_to_h": "down", "wo": "down",
    "up_proj": "gate_up", "gate_proj": "gate_up", "gate_up_proj": "gate_up", "fc1": "gate_up", "c_fc": "gate_up",
    "dense_h_to_4h": "gate_up", "wi": "gate_up", "wi_0": "gate_up", "wi_1": "gate_up",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a matrix stands: layer `index` of `layers`, query heads per key head, experts of the mixture (1 where there is none)."""

    index: int
    layers: int
    heads_per_kv: int
    experts: int = 1

    @property
    def favoured(self) -> bool:
        """llama.cpp's use_more_bits: the first and last eighth, and every third layer between."""
        return not self.in_the_middle or (self.index - self.layers // 8) % 3 == 2

    @property
    def in_the_middle(self) -> bool:
        """Between the first and the last eighth."""
        return self.layers // 8 <= self.index < 7 * self.layers // 8

    @property
    def many_heads(self) -> bool:
        """Whether the value projection is at most a quarter of the query's."""
        return self.heads_per_kv >= MANY_HEADS_PER_KV


Choice = Callable[[Place], str]


def _always(name: str) -> Choice:
    return lambda _place: name


def _favoured(better: str, base: str) -> Choice:
    return lambda place: better if place.favoured else base


def _first(count: int, better: str, base: str) -> Choice:
    return lambda place: better if place.index < count else base


def _first_share(divisor: int, better: str, base: str) -> Choice:
    return lambda place: better if place.index < place.layers // divisor else base


def _many_heads(better: str, base: str) -> Choice:
    return lambda place: better if place.many_heads else base


def _many_heads_or_experts(better: str, base: str) -> Choice:
    return lambda place: better if place.many_heads or place.experts >= MANY_HEADS_PER_KV else base


def _middle(smaller: str, base: str) -> Choice:
    return lambda place: smaller if place.in_the_middle else base


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A file type: its base type, and the types of the matrices that differ from it; None: the base type.

    `of_eight`: the types of value, key and output projections in a mixture of eight experts, where they differ from that.
    """

    base: str
    value: Choice | None = None
    key: Choice | None = None
    query: Choice | None = None
    fused: Choice | None = None  # queries, keys and values in one matrix
    output: Choice | None = None
    down: Choice | None = None
    gate_up: Choice | None = None
    table: str | None = None  # input embeddings that are not the head as well
    head: str = "q6_k"
    expert: str | None = None
    of_eight: tuple[str | None, str | None, str | None] = ("q8_0", "q8_0", None)


_ONE_TO_TWO = (None, "q4_k", "q5_k")  # mixtures of eight, in one or two bits
_OUTPUT_RAISED = ("q8_0", "q8_0", "q5_k")


def _one_or_two(base: str, better: str, output: str | None, table: str) -> Mix:
    """The types of one and two bits: small matrices and the first layers get more."""
    return Mix(
        base=base, value=_many_heads_or_experts("q4_k", better), down=_first_share(8, better, base),
        output=_always(output) if output else None, table=table, head="q5_k", of_eight=_ONE_TO_TWO,
    )  # fmt: skip


def _four(base: str) -> Mix:
    return Mix(base=base, value=_many_heads("q5_k", base), down=_first_share(8, "q5_k", base), of_eight=_OUTPUT_RAISED)


MIXES: dict[str, Mix] = {
    "iq1_s": _one_or_two("iq1_s", "q2_k", "iq2_xxs", "q2_k"),
    "iq1_m": _one_or_two("iq1_m", "q2_k", "iq2_xxs", "q2_k"),
    "iq2_xxs": _one_or_two("iq2_xxs", "q2_k", None, "q2_k"),
    "iq2_xs": _one_or_two("iq2_xs", "q2_k", None, "q2_k"),
    "iq2_s": _one_or_two("iq2_xs", "iq3_s", "iq3_s", "iq3_s"),
    "iq2_m": _one_or_two("iq2_s", "iq3_s", "iq3_s", "iq3_s"),
    "iq3_xxs": Mix(
        base="iq3_xxs", value=_many_heads("q4_k", "iq3_xxs"), key=_always("iq2_s"), query=_always("iq2_s"), output=_always("iq3_s"),
        table="iq3_s", head="q5_k", of_eight=_OUTPUT_RAISED,
    ),
    "iq3_xs": Mix(
        base="iq3_s", value=_many_heads("q4_k", "iq3_s"), key=_always("iq3_xxs"), query=_always("iq3_xxs"),
        gate_up=_middle("iq3_xxs", "iq3_s"), of_eight=_OUTPUT_RAISED,
    ),
    "iq3_s": Mix(base="iq3_s", value=_many_heads("q4_k", "iq3_s"), of_eight=_OUTPUT_RAISED),
    "iq3_m": Mix(
        base="iq3_s", value=_always("q4_k"), down=lambda place: "q4_k" if _early_or_sprinkled(place) else "iq3_s", output=_always("q4_k"),
        fused=_always("q4_k"), of_eight=_OUTPUT_RAISED,
    ),
    "iq4_xs": _four("iq4_xs"),
    "iq4_nl": _four("iq4_nl"),
    "q2_k": Mix(
        base="q2_k", value=_many_heads("q4_k", "q3_k"), down=_always("q3_k"), output=_always("q3_k"), of_eight=_OUTPUT_RAISED
    ),
    "q2_k_s": Mix(base="q2_k", value=_many_heads("q4_k", "q2_k"), down=_first_share(8, "q4_k", "q2_k")),
    "q3_k_s": Mix(base="q3_k", of_eight=_OUTPUT_RAISED),
    "q3_k_m": Mix(
        base="q3_k", value=_first(2, "q5_k", "q4_k"), down=_first_share(16, "q5_k", "q4_k"), output=_always("q4_k"),
        fused=_always("q4_k"), of_eight=_OUTPUT_RAISED,
    ),
    "q3_k_l": Mix(
        base="q3_k", value=_always("q5_k"), down=_always("q5_k"), output=_always("q5_k"), fused=_always("q4_k"),
        of_eight=("q8_0", "q8_0", "q3_k"),
    ),
    "q4_k_s": Mix(base="q4_k", value=_first(4, "q5_k", "q4_k"), down=_first_share(8, "q5_k", "q4_k"), of_eight=_OUTPUT_RAISED),
    "q4_k_m": Mix(
        base="q4_k", value=_favoured("q6_k", "q4_k"), down=_favoured("q6_k", "q4_k"), fused=_always("q5_k"), of_eight=_OUTPUT_RAISED
    ),
    "q5_k_s": Mix(base="q5_k"),
    "q5_k_m": Mix(base="q5_k", value=_favoured("q6_k", "q5_k"), down=_favoured("q6_k", "q5_k"), fused=_always("q6_k")),
    "q6_k": Mix(base="q6_k"),
    "q8_0": Mix(base="q8_0", head="q8_0"),
    "q4_0": Mix(base="q4_0"), "q4_1": Mix(base="q4_1"), "q5_0": Mix(base="q5_0"), "q5_1": Mix(base="q5_1"),
    "tq1_0": Mix(base="tq1_0", table="q4_k"), "tq2_0": Mix(base="tq2_0", table="q4_k"),
    "mxfp4_moe": Mix(base="q8_0", head="q8_0", expert="mxfp4"),
    "f16": Mix(base="f16", head="f16"),
    "f32": Mix(base="f32", head="f32"),
}  # fmt: skip
QUANTIZED_BY_NEED = ("f16", "f32")  # file types that are not mixes
# Falcon's output and down projections are named apart, and its checkpoints hold the head beside the table it is tied to.
FALCON: dict[str, dict[str, Any]] = {
    "q2_k": {"output": None}, "iq3_xxs": {"output": None}, "iq3_m": {"output": None},
    "q3_k_m": {"output": None, "down": lambda place: "q5_k" if place.index < place.layers // 16 else _favoured("q4_k", "q3_k")(place)},
    "q3_k_l": {"output": _always("q4_k"), "down": _always("q4_k")},
    "q4_k_s": {"down": None},
    "q4_k_m": {"down": lambda place: "q6_k" if place.index < place.layers // 16 else _favoured("q5_k", "q4_k")(place)},
}  # fmt: skip


def _early_or_sprinkled(place: Place) -> bool:
    return place.index < place.layers // 8 or (place.experts == MIXTRAL_EXPERTS and place.favoured)


def gguf_bytes(network: Network, file_type: str) -> int:
    """Bytes of the tensors of a GGUF file of this type, each by its place in the mix."""
    return sum(ggml_bytes(parameter, chosen) for parameter, chosen in gguf_types(network, file_type))


def host_table_bytes(network: Network, file_type: str) -> int:
    """Bytes of the table of input embeddings, which llama.cpp keeps in RAM whatever else it puts on the card; 0 where it is the head too:
    then the card holds a copy as well."""
    return 0 if getattr(network, "tied", False) and not _holds_head_apart(network) else _table_bytes(network, file_type)


def _table_bytes(network: Network, file_type: str) -> int:
    apart, chosen = _holds_head_apart(network), _table_type(MIXES[file_type])
    weights = ((path, p) for path, p in network.named_parameters() if not p.buffer)
    tables = [p for path, p in weights if _is_table(path) or (apart and _is_head(path, tied=True))]
    return max((ggml_bytes(p, chosen) for p in tables), default=0)


def _table_type(mix: Mix) -> str:
    return mix.table or mix.base


def _holds_head_apart(network: Network) -> bool:
    return isinstance(network, Falcon) and network.tied


def _mix_of(network: Network, file_type: str) -> Mix:
    mix = MIXES[file_type]
    if not isinstance(network, Falcon) or file_type in QUANTIZED_BY_NEED:
        return mix
    return replace(mix, head="q8_0", **FALCON.get(file_type, {}))


def gguf_types(network: Network, file_type: str) -> Iterator[tuple[Parameter, str]]:
    """Every tensor of the file with its GGML type."""
    mix = _mix_of(network, file_type)
    tied, apart = bool(getattr(network, "tied", False)), _holds_head_apart(network)
    for path, parameter, places in _placed(network):
        alike, kind = _type_everywhere(mix, path, parameter, tied=tied), kind_of(path)
        yield from ((parameter, alike or _type_in_block(mix, kind, place)) for place in places)
        if apart and _is_head(path, tied=tied):
            yield parameter, _table_type(mix)


def _type_everywhere(mix: Mix, path: str, parameter: Parameter, *, tied: bool) -> str | None:
    """The type of a tensor that has the same one in every block, None where that depends on the block."""
    if len(parameter.shape) < 2 or any(kept in path for kept in KEPT_IN_F32) or path.endswith("_bias"):
        return "f32"
    if path.startswith(KEPT_IN_F16):
        return "f16"
    if _is_head(path, tied=tied):
        return _head_type(mix, parameter)
    if _is_table(path):
        return _table_type(mix)
    return mix.expert if ".experts." in path else None


def _is_head(path: str, *, tied: bool) -> bool:
    return (tied and _is_table(path)) or any(part in HEADS for part in path.split("."))


def _is_table(path: str) -> bool:
    return any(part == "shared" or part.startswith(("embed", "word_embed", "wte")) for part in path.split("."))


def _head_type(mix: Mix, parameter: Parameter) -> str:
    return "q8_0" if parameter.shape[-1] % GGML_TYPES[mix.base].block else mix.head


def _type_in_block(mix: Mix, kind: str | None, place: Place | None) -> str:
    """The type of a matrix inside a block; the base type outside, and for matrices that no rule names."""
    if place is None or kind is None:
        return mix.base
    special = _of_eight(mix, kind) if place.experts == MIXTRAL_EXPERTS else None
    if special:
        return special
    choice = getattr(mix, kind)
    chosen: str = choice(place) if choice else mix.base
    return _raised(chosen, place) if kind == "value" and mix.of_eight != _ONE_TO_TWO else chosen


def _of_eight(mix: Mix, kind: str) -> str | None:
    """The type that a mixture of eight experts has there; plain types of 16 bits and more have no mix."""
    if mix.base in QUANTIZED_BY_NEED or mix.expert:
        return None
    return dict(zip(("value", "key", "output"), mix.of_eight, strict=True)).get(kind)


def _raised(chosen: str, place: Place) -> str:
    large = place.layers == LARGE_MODEL_LAYERS and place.heads_per_kv > 1
    return "q5_k" if large and chosen in ("q3_k", "q4_k") else chosen


def kind_of(path: str) -> str | None:
    """What llama.cpp's rules call the matrix of this name, None for others."""
    *parents, leaf = path.removesuffix(".weight").split(".")
    if parents[-1:] == ["mixer"]:
        return None  # of a recurrent layer: no rule names it
    if leaf == "c_proj":
        return "down" if parents[-1:] == ["mlp"] else "output"
    return KINDS.get(leaf)


def _placed(network: Network) -> Iterator[tuple[str, Parameter, Sequence[Place | None]]]:
    """Every weight with the place of each block it stands for; None, as often, outside the blocks."""
    weights = [found for found in network.parameters_by_layer() if not found[1].buffer]
    experts = max((p.shape[0] for path, p, _ in weights if ".experts." in path and len(p.shape) > 2), default=1)
    layers, ratio = network.layer_count(), network.heads_per_kv()
    row = [Place(index, layers, ratio, experts) for index in range(layers)]
    for path, parameter, indices in weights:
        yield path, parameter, [None] * parameter.times if indices is None else [row[index] for index in indices]


def ggml_bytes(parameter: Parameter, ggml_type: str) -> int:
    """Bytes of one tensor in a GGML type, with llama.cpp's fallback where its rows are no multiple of the block."""
    row = parameter.shape[-1]
    if row % GGML_TYPES[ggml_type].block:
        ggml_type = FALLBACK.get(ggml_type, IQ_FALLBACK)
        if row % GGML_TYPES[ggml_type].block:
            ggml_type = "f16"
    kind = GGML_TYPES[ggml_type]
    return parameter.size // kind.block * kind.bytes
