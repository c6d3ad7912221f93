"""Bytes of weights in every format."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.architectures.build import build_network
from app.architectures.network import Network, Options
from app.architectures.readers.transformers_config import BUILDERS
from app.estimation.gguf_mixes import GGML_TYPES, MIXES, ggml_bytes, gguf_bytes, gguf_types, host_table_bytes
from app.estimation.weight_formats import bytes_in_ram, leaves_experts, weight_bytes
from app.workloads.inference import GGUF_FORMATS, WEIGHT_FORMATS
from app.workloads.model import PresetModel

LLAMA_8B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": False,
}  # fmt: skip
PARAMETERS = 8_030_261_248


def network(**changes: Any) -> Network:
    return BUILDERS["llama"]({**LLAMA_8B, **changes}, Options())


# Bits per weight that llama.cpp prints for its own Llama 3.1 8B files (tools/quantize/README.md).
PUBLISHED = {
    "iq1_s": 2.0042, "iq1_m": 2.1460, "iq2_xxs": 2.3824, "iq2_xs": 2.5882, "iq2_s": 2.7403, "iq2_m": 2.9294, "iq3_xxs": 3.2548,
    "iq3_xs": 3.4977, "iq3_s": 3.6606, "iq3_m": 3.7628, "iq4_xs": 4.4597, "iq4_nl": 4.6818, "q2_k_s": 2.9697, "q2_k": 3.1593,
    "q3_k_s": 3.6429, "q3_k_l": 4.2979, "q4_k_s": 4.6672, "q4_k_m": 4.8944, "q5_k_s": 5.5704, "q5_k_m": 5.7036, "q6_k": 6.5633,
    "q8_0": 8.5008, "f16": 16.0005,
}  # fmt: skip
UNITS = {"B": 1, "GB": 10**9, "GiB": 2**30}
FILES = json.loads((Path(__file__).parents[1] / "ground_truth" / "gguf_files.json").read_text(encoding="utf-8"))
CASES = [(record, file_type) for record in FILES for file_type in record["sizes"]]


def preset(name: str) -> Network:
    return build_network(PresetModel(preset=name), Options())


@pytest.mark.parametrize(("file_type", "bits"), PUBLISHED.items())
def test_gguf_mixes_reproduce_the_published_bits_per_weight(file_type: str, bits: float) -> None:
    assert round(8 * gguf_bytes(network(), file_type) / PARAMETERS, 4) == bits


def file_bytes(record: dict[str, Any], file_type: str) -> int:
    """Bytes of the tensors; older converters wrote a tied table twice."""
    model = preset(record["model"])
    tables = [p for path, p in model.named_parameters() if path == "lm_head.weight"] if record.get("repeats_table") else []
    return gguf_bytes(model, file_type) + sum(ggml_bytes(table, MIXES[file_type].base) for table in tables)


@pytest.mark.parametrize(("record", "file_type"), CASES, ids=lambda value: value if isinstance(value, str) else value["model"])
def test_published_files_are_within_half_a_percent(record: dict[str, Any], file_type: str) -> None:
    published = record["sizes"][file_type] * UNITS[record["unit"]]
    spared = 0.01 if record.get("imatrix") and file_type.startswith("iq4") else 0  # an importance matrix spares the first down projections
    assert published * 0.995 <= file_bytes(record, file_type) <= published * (1.005 + spared)


def test_every_weight_format_of_the_contract_has_a_rule() -> None:
    model = network(num_hidden_layers=2)
    assert all(weight_bytes(model, name) > 0 for name in WEIGHT_FORMATS)
    assert set(GGUF_FORMATS) == set(MIXES)


def test_towers_for_images_keep_sixteen_bits_beside_a_quantized_language_model() -> None:
    model = preset("google/gemma-3-4b-pt")
    towers = sum(p.size * p.times for path, p in model.named_parameters() if path.startswith("vision_tower."))
    assert gguf_bytes(model, "q4_k_m") == pytest.approx(2.31 * 2**30 + 2 * towers, rel=0.01)


def test_input_embeddings_stay_in_ram_unless_they_are_the_head_as_well() -> None:
    assert bytes_in_ram(network(), "q4_k_m", "llama.cpp") == 128_256 * 4096 * 144 // 256  # the 281.81 MiB that llama.cpp maps on the host
    assert bytes_in_ram(network(), "bf16", "vllm") == 0
    assert bytes_in_ram(network(tie_word_embeddings=True), "q4_k_m", "llama.cpp") == 0


LINEAR = 4096 * 4096 * 2 + 4096 * 1024 * 2 + 3 * 4096 * 14_336  # elements of the matrices of one layer
SIXTEEN = 2 * (2 * 128_256 * 4096 + 65 * 4096)  # bytes of embeddings, head and norms


@pytest.mark.parametrize(
    ("weight_format", "settings", "bits"),
    [
        ("fp8", {}, 8.0),
        ("fp8_block", {}, 8 + 32 / 128**2),
        ("gptq_int4", {"group_size": 32}, 4 + 20 / 32),
        ("gptq_int4", {}, 4 + 20 / 128),
        ("gptq_int8", {}, 8 + 24 / 128),
        ("awq_int4", {"group_size": 64}, 4 + 20 / 64),
        ("nf4", {}, 4.127),
        ("fp4", {}, 4.5),
        ("mxfp4", {}, 4.25),
        ("nvfp4", {}, 4.5),
    ],
)
def test_packed_matrices_take_their_bits_and_scales_and_the_rest_sixteen(weight_format: str, settings: dict[str, Any], bits: float) -> None:
    packed = weight_bytes(network(), weight_format, **settings) - SIXTEEN
    assert packed * 8 / (32 * LINEAR) == pytest.approx(bits, rel=2e-3)


def test_exllama_packs_the_head_in_six_bits_and_mlx_everything_but_norms() -> None:
    table = 128_256 * 4096
    assert weight_bytes(network(), "exl2", bits_per_weight=3.0) == 32 * LINEAR * 3 // 8 + table * 6 // 8 + 2 * table + 2 * 65 * 4096
    assert weight_bytes(network(), "mlx", bits_per_weight=4.0) == (32 * LINEAR + 2 * table) * 9 // 16 + 2 * 65 * 4096


def test_bitsandbytes_leaves_fused_experts_alone_and_others_do_not() -> None:
    mixture = preset("mistralai/Mixtral-8x7B-v0.1")
    sizes = {name: weight_bytes(mixture, name) / 1e9 for name in ("bf16", "nf4", "awq_int4", "mxfp4")}
    assert leaves_experts(mixture, "nf4")
    assert sizes["nf4"] > 0.9 * sizes["bf16"]
    assert sizes["awq_int4"] == pytest.approx(24.65, rel=0.01)  # the published AWQ file of Mixtral 8x7B
    assert sizes["mxfp4"] < 30


def test_gpt_oss_as_published_keeps_all_but_the_experts_in_sixteen_bits() -> None:
    assert weight_bytes(preset("openai/gpt-oss-20b"), "mxfp4") / 1e9 == pytest.approx(13.76, rel=0.005)  # its safetensors files


def test_fewer_bits_never_weigh_more() -> None:
    model = network()
    sizes = [weight_bytes(model, name) for name in ("fp32", "bf16", "fp8", "gptq_int4")]
    assert sizes == sorted(sizes, reverse=True)
    gguf = [weight_bytes(model, name) for name in ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q2_k", "iq2_xs", "iq1_s")]
    assert gguf == sorted(gguf, reverse=True)


def test_embeddings_and_heads_stay_in_sixteen_bits_in_packed_formats() -> None:
    tables = 2 * 2 * 128_256 * 4096
    assert weight_bytes(network(), "nf4") == pytest.approx(tables + (PARAMETERS - 2 * 128_256 * 4096) * 4.127 / 8, rel=1e-3)


def test_rows_that_are_no_multiple_of_256_fall_back_to_simpler_types() -> None:
    small = network(hidden_size=64 * 14, num_attention_heads=14, num_key_value_heads=2, intermediate_size=4864, num_hidden_layers=2)
    assert gguf_bytes(small, "q4_k_m") > 4.9 / 8 * sum(p.size * p.times for p in small.parameters())


def test_ggml_blocks_are_those_of_the_gguf_package() -> None:
    gguf = pytest.importorskip("gguf")
    for name, kind in GGML_TYPES.items():
        assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name.upper()]] == (kind.block, kind.bytes)


def test_falcon_files_hold_a_head_of_eight_bits_beside_the_table_that_stays_in_ram() -> None:
    model = preset("tiiuae/falcon-40b")
    table = 65_024 * 8192
    assert host_table_bytes(model, "q4_k_m") == table * 144 // 256
    assert [chosen for parameter, chosen in gguf_types(model, "q4_k_m") if parameter.size == table] == ["q8_0", "q4_k"]


def test_recurrent_layers_keep_the_base_type_and_their_convolutions_fp32() -> None:
    types: dict[tuple[int, ...], set[str]] = {}
    for parameter, chosen in gguf_types(preset("ibm-granite/granite-4.0-h-micro"), "q3_k_m"):
        types.setdefault(parameter.shape, set()).add(chosen)
    assert types[2048, 4096] == {"q3_k"}  # output projections of recurrent layers
    assert types[2048, 2048] == {"q3_k", "q4_k"}  # query projections, and output projections of attention
    assert types[4352, 1, 4] == {"f32"}
