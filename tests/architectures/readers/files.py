"""Small real files, written with the packages of their formats; all weights are zero."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

Shape = tuple[int, ...]
HIDDEN, HEADS, KV_HEADS, FEED_FORWARD, LAYERS, VOCABULARY = 256, 4, 2, 512, 3, 1_000
BLOCK = {
    "attn_q": (HIDDEN, HIDDEN), "attn_k": (HIDDEN // 2, HIDDEN), "attn_v": (HIDDEN // 2, HIDDEN), "attn_output": (HIDDEN, HIDDEN),
    "ffn_gate": (FEED_FORWARD, HIDDEN), "ffn_up": (FEED_FORWARD, HIDDEN), "ffn_down": (HIDDEN, FEED_FORWARD),
}  # fmt: skip
TRANSFORMERS_NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


def gguf_file(architecture: str = "llama", *, tied: bool = True, words: int = 50, extra: Mapping[str, Any] | None = None) -> bytes:
    """A GGUF file of a small decoder in Q4_K with norms in fp32. `extra` are further keys, with or without the architecture's prefix."""
    path = Path(tempfile.mkdtemp()) / "model.gguf"
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_context_length(2_048)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    writer.add_token_list([f"word{index}" for index in range(words)])
    for key, value in (extra or {}).items():
        name = key.format(arch=architecture)
        add = writer.add_string if isinstance(value, str) else writer.add_array if isinstance(value, list) else writer.add_uint32
        add(name, value)
    for name, shape in _decoder_tensors(tied=tied).items():
        _add_tensor(writer, name, shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def _decoder_tensors(*, tied: bool) -> dict[str, Shape]:
    tensors: dict[str, Shape] = {"token_embd.weight": (VOCABULARY, HIDDEN), "output_norm.weight": (HIDDEN,)}
    if not tied:
        tensors["output.weight"] = (VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        tensors |= {f"blk.{layer}.{name}.weight": shape for name, shape in BLOCK.items()}
        tensors |= {f"blk.{layer}.{norm}.weight": (HIDDEN,) for norm in ("attn_norm", "ffn_norm")}
    return tensors


def _add_tensor(writer: gguf.GGUFWriter, name: str, shape: Shape) -> None:
    if len(shape) == 1:
        writer.add_tensor(name, np.zeros(shape, np.float32))
        return
    packed = np.zeros((shape[0], shape[1] // 256 * 144), np.uint8)
    writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q4_K)


def safetensors_file(tensors: Mapping[str, tuple[Shape, type]]) -> bytes:
    """A safetensors file of zeros."""
    content: bytes = save({name: np.zeros(shape, kind) for name, (shape, kind) in tensors.items()})
    return content


def header_of(content: bytes) -> bytes:
    """The part of a safetensors file before its data."""
    return content[: 8 + int.from_bytes(content[:8], "little")]


def decoder_checkpoint() -> bytes:
    """A safetensors file of a small Llama in fp16 with a tied head."""
    tensors: dict[str, tuple[Shape, type]] = {
        "model.embed_tokens.weight": ((VOCABULARY, HIDDEN), np.float16), "model.norm.weight": ((HIDDEN,), np.float16),
    }  # fmt: skip
    for layer in range(LAYERS):
        start = f"model.layers.{layer}"
        tensors |= {f"{start}.{TRANSFORMERS_NAMES[name]}.weight": (shape, np.float16) for name, shape in BLOCK.items()}
        tensors |= {f"{start}.{norm}.weight": ((HIDDEN,), np.float16) for norm in ("input_layernorm", "post_attention_layernorm")}
    return safetensors_file(tensors)


def weight(name: str, *shape: int, kind: type = np.float32) -> onnx.TensorProto:
    """An initializer of zeros."""
    return numpy_helper.from_array(np.zeros(shape, kind), name)


def external_weight(name: str, *shape: int) -> onnx.TensorProto:
    """An initializer whose data lies in another file, as large models are exported."""
    tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def whole_numbers(name: str, *values: int, scalar: bool = False) -> onnx.TensorProto:
    """An initializer of whole numbers."""
    return numpy_helper.from_array(np.array(values[0] if scalar else values, np.int64), name)


def onnx_file(
    nodes: Sequence[onnx.NodeProto], weights: Sequence[onnx.TensorProto], shape: Sequence[int | str] = ("N", 3, 224, 224)
) -> bytes:
    """An ONNX file with one float input `x` and one output `y`."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    content: bytes = helper.make_model(helper.make_graph(nodes, "graph", inputs, outputs, weights)).SerializeToString()
    return content


class ResNet:
    """ResNet-18 as an exporter writes it: convolutions with folded batch norms, shapes worked out at run time."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def bytes(self) -> bytes:
        """The file."""
        x = self._conv("x", 3, 64, 7, 2)
        x = self._node("Relu", [x])
        x = self._node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        channels = 64
        for width in (64, 128, 256, 512):
            for block in range(2):
                x = self._block(x, channels, width, 2 if width > 64 and not block else 1)
                channels = width
        x = self._node("GlobalAveragePool", [x])
        x = self._flattened(x)
        self.weights += [external_weight("fc.weight", 1000, 512), external_weight("fc.bias", 1000)]
        self.nodes.append(helper.make_node("Gemm", [x, "fc.weight", "fc.bias"], ["y"], transB=1))
        return onnx_file(self.nodes, self.weights)

    def _block(self, x: str, inputs: int, outputs: int, stride: int) -> str:
        y = self._node("Relu", [self._conv(x, inputs, outputs, 3, stride)])
        y = self._conv(y, outputs, outputs, 3, 1)
        shortcut = x if inputs == outputs else self._conv(x, inputs, outputs, 1, stride)
        return self._node("Relu", [self._node("Add", [y, shortcut])])

    def _conv(self, x: str, inputs: int, outputs: int, kernel: int, stride: int) -> str:
        name = f"w{len(self.weights)}"
        self.weights += [external_weight(name, outputs, inputs, kernel, kernel), weight(f"{name}.bias", outputs)]
        sizes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [kernel // 2] * 4}
        return self._node("Conv", [x, name, f"{name}.bias"], **sizes)

    def _flattened(self, x: str) -> str:
        """Reshape to [batch, -1], the batch taken from the tensor's own shape, as torch.onnx writes x.view(x.size(0), -1)."""
        self.weights += [whole_numbers("zero", 0, scalar=True), whole_numbers("front", 0), whole_numbers("rest", -1)]
        batch = self._node("Gather", [self._node("Shape", [x]), "zero"], axis=0)
        target = self._node("Concat", [self._node("Unsqueeze", [batch, "front"]), "rest"], axis=0)
        return self._node("Reshape", [x, target])

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name


def keras_layer(kind: str, name: str, inbound: Sequence[str] = (), **config: Any) -> dict[str, Any]:
    """A layer as Keras 3 writes it in a functional model."""
    arguments = [
        {"class_name": "__keras_tensor__", "config": {"shape": [None], "dtype": "float32", "keras_history": [source, 0, 0]}}
        for source in inbound
    ]
    given: Any = [arguments] if len(arguments) > 1 else arguments
    nodes = [{"args": given, "kwargs": {}}] if arguments else []
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}, "name": name, "inbound_nodes": nodes}


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    """A Keras 3 Sequential model."""
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "sequential", "layers": list(layers)},
        "keras_version": "3.6.0",
    }


def input_layer(*shape: int | None, name: str = "input", dtype: str = "float32") -> dict[str, Any]:
    """An input of any batch."""
    return keras_layer("InputLayer", name, batch_shape=[None, *shape], dtype=dtype)
