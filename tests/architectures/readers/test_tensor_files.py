"""GGUF and safetensors: the tensor table to the byte, and the model it belongs to."""

import json
import tempfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from app.architectures.readers import ggml_types
from app.architectures.readers.uploads import ReadModel, read_upload
from app.errors import InvalidInput
from app.estimation.inference import PreparedInference
from app.placement import Sharding
from app.workloads import parse_workload
from tests.architectures.readers import files

LLAMA_8B_PARAMETERS = 8_030_261_248


def prepared(read: ReadModel, **changes: Any) -> PreparedInference:
    document = {"kind": "inference", "runtime": "llama.cpp", "model": read.model, "weight_format": read.weight_format, **changes}
    return PreparedInference(parse_workload(document))  # type: ignore[arg-type]


def gguf_package_bytes(content: bytes) -> int:
    path = Path(tempfile.mkdtemp()) / "model.gguf"
    path.write_bytes(content)
    return sum(tensor.n_bytes for tensor in gguf.GGUFReader(path).tensors)


def test_the_tensor_types_are_those_of_the_gguf_package() -> None:
    theirs = {int(kind): (kind.name.lower(), *sizes) for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
    assert {number: tuple(kind) for number, kind in ggml_types.TYPES.items()} == theirs


def test_the_file_types_are_those_of_the_gguf_package() -> None:
    theirs = {int(kind): kind.name.removeprefix("ALL_").removeprefix("MOSTLY_").lower() for kind in gguf.LlamaFileType if kind != 1024}
    assert theirs == ggml_types.FILE_TYPES


def test_the_bytes_of_a_gguf_file_are_exact() -> None:
    content = files.gguf_file()
    assert read_upload("model.gguf", content).exact_weight_bytes == gguf_package_bytes(content)


def test_the_header_of_a_gguf_file_is_enough() -> None:
    content = files.gguf_file()
    read = read_upload("model.gguf", content)
    assert read.exact_weight_bytes is not None
    assert read_upload("model.gguf", content[: len(content) - read.exact_weight_bytes]) == read


def test_a_gguf_file_becomes_the_config_that_it_was_converted_from() -> None:
    config = read_upload("model.gguf", files.gguf_file(tied=False)).model["config"]
    wanted = {
        "model_type": "llama", "hidden_size": files.HIDDEN, "num_hidden_layers": files.LAYERS, "num_attention_heads": files.HEADS,
        "num_key_value_heads": files.KV_HEADS, "intermediate_size": files.FEED_FORWARD, "vocab_size": files.VOCABULARY,
        "tie_word_embeddings": False,
    }  # fmt: skip
    assert wanted.items() <= config.items()


def test_the_network_of_a_gguf_file_has_its_parameters() -> None:
    for tied in (True, False):
        read = read_upload("model.gguf", files.gguf_file(tied=tied))
        assert read.table is not None
        assert prepared(read).parameters.total == read.table.weights
        assert not read.findings


@pytest.mark.parametrize(
    ("architecture", "model_type"),
    [("qwen2", "qwen2"), ("qwen3", "qwen3"), ("gemma2", "gemma2"), ("gemma3", "gemma3_text"), ("phi3", "phi3"), ("mistral3", "mistral")],
)
def test_llama_cpp_architectures_keep_their_own_kind_of_network(architecture: str, model_type: str) -> None:
    read = read_upload("model.gguf", files.gguf_file(architecture, extra={"{arch}.attention.key_length": 64}))
    assert read.model["config"]["model_type"] == model_type


def test_experts_of_a_llama_make_a_mixtral() -> None:
    extra = {"{arch}.expert_count": 8, "{arch}.expert_used_count": 2}
    config = read_upload("model.gguf", files.gguf_file(extra=extra)).model["config"]
    assert (config["model_type"], config["num_local_experts"], config["num_experts_per_tok"]) == ("mixtral", 8, 2)


def test_layers_of_an_lfm2_file_without_heads_of_keys_convolve() -> None:
    extra = {"{arch}.attention.head_count_kv": [0, 2, 0], "{arch}.shortconv.l_cache": 3}
    read = read_upload("model.gguf", files.gguf_file("lfm2", extra=extra))
    config = read.model["config"]
    assert config["layer_types"] == ["conv", "full_attention", "conv"]
    assert config["conv_L_cache"] == 3
    assert config["block_auto_adjust_ff_dim"] is False
    assert sum(term.bytes for term in prepared(read).gpu_memory(Sharding()).ledger.terms) > 0


def test_an_architecture_without_a_program_is_known_by_its_size_and_keeps_exact_weights() -> None:
    content = files.gguf_file("rwkv7", extra={"{arch}.expert_count": 4})
    read = read_upload("model.gguf", content)
    assert read.table is not None
    assert read.model["parameters"] == read.table.weights
    assert prepared(read).weights == gguf_package_bytes(content)
    assert [finding.severity for finding in read.findings] == ["caution"]


def test_heads_that_differ_by_layer_are_named() -> None:
    read = read_upload("model.gguf", files.gguf_file("deci", extra={"{arch}.attention.sliding_window": [512, 1024, 512]}))
    assert "512 to 1024" in read.findings[0].message


def test_one_part_of_a_split_file_has_no_exact_bytes() -> None:
    read = read_upload("model-00001-of-00003.gguf", files.gguf_file(extra={"split.count": 3}))
    assert read.exact_weight_bytes is None
    assert "weights" not in read.model


def test_exact_bytes_win_in_the_files_own_format_and_only_there() -> None:
    content = files.gguf_file()
    read = read_upload("model.gguf", content)
    assert prepared(read).weights == gguf_package_bytes(content)
    terms = prepared(read).gpu_memory(Sharding()).ledger.terms
    assert next(term.source for term in terms if term.key == "weights") == "tensor table of the uploaded file"
    derived = prepared(read, model={"config": read.model["config"]}, weight_format="q8_0").weights
    assert prepared(read, weight_format="q8_0").weights == derived


def test_a_safetensors_header_gives_shapes_types_and_bytes() -> None:
    content = files.decoder_checkpoint()
    header = files.header_of(content)
    read = read_upload("model.safetensors", header)
    assert read.exact_weight_bytes == len(content) - len(header)
    assert read.table is not None
    assert read.table.shapes["model.layers.0.mlp.down_proj.weight"] == (files.HIDDEN, files.FEED_FORWARD)
    assert read.table.bytes_by_type == {"F16": read.exact_weight_bytes}
    assert read.weight_format == "fp16"


def test_the_sizes_of_a_decoder_follow_from_its_tensors() -> None:
    read = read_upload("model.safetensors", files.header_of(files.decoder_checkpoint()))
    config = read.model["config"]
    assert (config["model_type"], config["num_hidden_layers"], config["tie_word_embeddings"]) == ("llama", files.LAYERS, True)
    cache = prepared(read, runtime="transformers", context_length=1_000, kv_cache_format="fp16").cache.bytes
    assert cache == 1_000 * files.LAYERS * 2 * (files.HIDDEN // 2) * 2


def test_a_library_model_is_recognized_by_its_exact_size() -> None:
    index = {"metadata": {"total_size": 2 * LLAMA_8B_PARAMETERS}, "weight_map": {"model.embed_tokens.weight": "model-00001.safetensors"}}
    read = read_upload("model.safetensors.index.json", json.dumps(index).encode())
    assert prepared(read).cache.bytes == 8_192 * 32 * 2 * 8 * 128 * 2
    assert (read.exact_weight_bytes, read.weight_format) == (2 * LLAMA_8B_PARAMETERS, "bf16")


def test_an_index_of_an_unknown_model_is_known_by_its_size() -> None:
    index = {"metadata": {"total_size": 2_000_002}, "weight_map": {"encoder.layer.0.attention.weight": "a", "pooler.weight": "b"}}
    read = read_upload("index.json", json.dumps(index).encode())
    assert read.model == {"parameters": 1_000_001, "family": "encoder", "weights": {"bytes": 2_000_002, "format": "bf16"}}


def test_packed_weights_are_counted_one_by_one() -> None:
    tensors: dict[str, Any] = {
        "layer.qweight": ((16, 64), np.int32), "layer.scales": ((1, 64), np.float16), "layer.g_idx": ((128,), np.int32),
        "norm.weight": ((64,), np.float16), "norm.running_mean": ((64,), np.float32),
    }  # fmt: skip
    read = read_upload("model.safetensors", files.header_of(files.safetensors_file(tensors)))
    assert read.table is not None
    assert read.table.weights == 128 * 64 + 64
    assert read.weight_format == "gptq_int4"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("model.safetensors", b"\xff" * 8 + b"{", "claims"),
        ("model.safetensors", (100).to_bytes(8, "little") + b"{}", "send the first 108 bytes"),
        ("model-00002-of-00004.safetensors", b"", "empty"),
        ("model-00002-of-00004.safetensors", b"\0" * 20, "index.json"),
        ("model.bin", b"PK\x03\x04rest", "archive"),
        ("model.pt", b"\x80\x02rest", "pickle"),
        ("model.h5", b"\x89HDF\r\n", "to_json"),
        ("model.gguf", b"GGML" * 10, "letters GGUF"),
        ("model.gguf", b"GGUF\x00\x00\x00\x03" + b"\0" * 16, "big-endian"),
        ("model.gguf", b"GGUF\x01\x00\x00\x00" + b"\0" * 16, "version 1"),
        ("model.gguf", b"GGUF\x03\x00\x00\x00" + b"\xff" * 16, "claims"),
        ("model.gguf", b"GGUF\x03\x00\x00\x00", "cut off"),
        ("notes.txt", b"hello there", "kind of file"),
        ("config.json", b'{"a": 1}', "none of their keys"),
        ("config.json", b'{"model_type": "llama", "x": NaN}', "NaN"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_sentence(name: str, content: bytes, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        read_upload(name, content)
