"""A model file on the advisor's page: read into the form, or refused with a sentence."""

import json
import re
from html import unescape
from typing import Any

import numpy as np
import pytest
from onnx import helper
from starlette.testclient import TestClient

from app.web.middleware.body_limit import UPLOAD_LIMIT_BYTES
from tests.architectures.readers.files import decoder_checkpoint, gguf_file, header_of, onnx_file, safetensors_file, weight

SIZES = {"hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "intermediate_size": 1376, "vocab_size": 32000}
CONFIG = json.dumps({"model_type": "llama", **SIZES}).encode()
KERAS = json.dumps({
    "class_name": "Sequential",
    "config": {"layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 32], "name": "input"}},
        {"class_name": "Dense", "config": {"units": 10, "use_bias": True, "name": "dense"}},
    ]},
}).encode()  # fmt: skip
INDEX = json.dumps({"metadata": {"total_size": 16_060_522_496}, "weight_map": {"model.embed_tokens.weight": "a.safetensors"}}).encode()
RUN = {"task": "run"}


def small_onnx() -> bytes:
    """A convolution and a classifier, exported."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("Gemm", ["f", "d", "b"], ["y"]),
    ]
    return onnx_file(nodes, [weight("w", 2, 1, 3, 3), weight("d", 32, 4), weight("b", 4)], ["N", 1, 4, 4])


def gptq_checkpoint() -> bytes:
    """A decoder whose matrices are packed as AutoGPTQ writes them."""
    tensors: dict[str, Any] = {"model.embed_tokens.weight": ((1000, 256), np.float16), "lm_head.weight": ((1000, 256), np.float16)}
    for layer in range(2):
        for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"):
            path = f"model.layers.{layer}.{name}"
            tensors |= {f"{path}.qweight": ((32, 256), np.int32), f"{path}.g_idx": ((256,), np.int32)}
            tensors |= {f"{path}.scales": ((2, 256), np.float16), f"{path}.qzeros": ((2, 32), np.int32)}
    return safetensors_file(tensors)


def sent(client: TestClient, name: str, content: bytes, fields: dict[str, str] | None = None) -> tuple[int, str]:
    answer = client.post("/", data=fields or RUN, files={"file": (name, content)}, follow_redirects=True)
    return answer.status_code, unescape(answer.text)


@pytest.mark.parametrize(
    ("name", "content", "kept"),
    [
        ("model.gguf", gguf_file(), '"weights"'),
        ("model.safetensors", header_of(decoder_checkpoint()), '"weights"'),
        ("model.safetensors.index.json", INDEX, '"weights"'),
        ("config.json", CONFIG, "32000"),
        ("model.json", KERAS, '"graph"'),
        ("model.onnx", small_onnx(), '"graph"'),
        ("model.safetensors", header_of(gptq_checkpoint()), "gptq_int4"),
    ],
    ids=["gguf", "safetensors", "index", "config", "keras", "onnx", "packed safetensors"],
)
def test_a_file_becomes_the_model_of_the_form(client: TestClient, name: str, content: bytes, kept: str) -> None:
    status, page = sent(client, name, content)
    assert status == 200
    assert "You need" in page
    assert kept in page


def test_a_file_leaves_the_other_jobs_of_the_machine_as_they_are(client: TestClient) -> None:
    status, page = sent(client, "model.gguf", gguf_file(), {**RUN, "with": "task=tabular", "together": "at_once"})
    assert status == 200
    assert "Two jobs at once" in page
    assert "RandomForestClassifier" in page


def test_a_gguf_file_brings_its_format_and_a_runtime_that_reads_it(client: TestClient) -> None:
    _, page = sent(client, "model.gguf", gguf_file())
    assert re.search(r'<option value="q4_k_m" selected', page)
    assert re.search(r'<option value="llama.cpp" selected', page)


def test_the_weights_are_those_of_the_file(client: TestClient) -> None:
    _, page = sent(client, "model.gguf", gguf_file())
    extra = re.search(r'name="extra" value="(.*?)">', page)
    assert extra
    told = json.loads(extra[1])["workload"]["model"]["weights"]
    assert told["format"] == "q4_k_m"
    assert 0 < told["bytes"] < len(gguf_file())


def test_a_name_typed_afterwards_takes_the_place_of_the_file(client: TestClient) -> None:
    _, page = sent(client, "model.gguf", gguf_file())
    extra = re.search(r'name="extra" value="(.*?)">', page)
    assert extra
    named = client.get("/", params={"task": "run", "extra": extra[1], "model": "meta-llama/Llama-3.1-8B"}).text
    assert "8.03 B" in named or "Llama 3.1 8B" in named
    assert "comes from a file" not in named


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.gguf", b""),
        ("model.gguf", b"GGUF" + b"\xff" * 64),
        ("model.gguf", gguf_file()[:200]),
        ("model.safetensors", b"\xff" * 64),
        ("model.pt", b"PK\x03\x04" + b"\0" * 64),
        ("weights.pkl", b"\x80\x04" + b"\0" * 64),
        ("../../etc/passwd", b"root:x:0:0"),
        ("config.json", b"[" * 10_000),
        ("<script>.json", b'{"model_type": "llama", "hidden_size": 1e999}'),
    ],
    ids=["empty", "damaged", "cut off", "not safetensors", "archive", "pickle", "a path", "deep", "infinite"],
)
def test_a_file_that_cannot_be_used_is_refused_at_its_field(client: TestClient, name: str, content: bytes) -> None:
    status, page = sent(client, name, content)
    assert status == 422
    assert 'id="file-error"' in page
    assert "Traceback" not in page


def test_more_than_the_start_of_a_file_is_refused_before_it_is_read(client: TestClient) -> None:
    status, _ = sent(client, "model.gguf", b"GGUF" + b"\0" * UPLOAD_LIMIT_BYTES)
    assert status == 413


def test_other_addresses_keep_the_smaller_limit(client: TestClient) -> None:
    answer = client.post("/answer", data=RUN, files={"file": ("model.gguf", b"GGUF" + b"\0" * 2 * 1024 * 1024)})
    assert answer.status_code == 413


def test_a_form_without_a_file_is_answered_as_before(client: TestClient) -> None:
    answer = client.post("/", data={**RUN, "file": ""})
    assert answer.status_code == 303
