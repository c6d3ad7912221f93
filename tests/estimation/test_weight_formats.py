"""Bytes of weights in every format."""

from typing import Any

import pytest

from app.architectures.network import Network, Options
from app.architectures.readers.transformers_config import BUILDERS
from app.estimation.weight_formats import GGML_TYPES, MIXES, PUBLISHED_BITS, gguf_bytes, weight_bytes
from app.workloads.inference import GGUF_FORMATS, WEIGHT_FORMATS

LLAMA_8B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": False,
}  # fmt: skip
PARAMETERS = 8_030_261_248


def network(**changes: Any) -> Network:
    return BUILDERS["llama"]({**LLAMA_8B, **changes}, Options())


# Bits per weight that llama.cpp prints for its own Llama 3.1 8B files (tools/quantize/README.md); q3_k_m is not listed there.
PUBLISHED = {
    "q2_k": 3.1593, "q3_k_s": 3.6429, "q3_k_l": 4.2979, "q4_k_s": 4.6672, "q4_k_m": 4.8944, "q5_k_s": 5.5704, "q5_k_m": 5.7036,
    "q6_k": 6.5633, "q8_0": 8.5008, "f16": 16.0005,
}  # fmt: skip


@pytest.mark.parametrize(("file_type", "bits"), PUBLISHED.items())
def test_gguf_mixes_reproduce_the_published_bits_per_weight(file_type: str, bits: float) -> None:
    assert round(8 * gguf_bytes(network(), file_type) / PARAMETERS, 4) == bits


def test_every_weight_format_of_the_contract_has_a_rule() -> None:
    model = network(num_hidden_layers=2)
    sizes = {name: weight_bytes(model, name) for name in WEIGHT_FORMATS}
    assert all(size > 0 for size in sizes.values())
    assert set(GGUF_FORMATS) <= set(MIXES) | set(PUBLISHED_BITS)


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
