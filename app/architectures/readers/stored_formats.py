"""The weight format of a workload that comes nearest to the types found in a file."""

from collections.abc import Mapping

from app.architectures.readers.ggml_types import FILE_TYPES
from app.architectures.readers.tensor_table import TensorTable
from app.workloads.inference import WEIGHT_FORMATS

# GGML tensor type -> the file type whose mix is mostly of it; types that are file types themselves are not listed.
MIX_OF_TYPE = {
    "q3_k": "q3_k_m", "q4_k": "q4_k_m", "q5_k": "q5_k_m", "q8_1": "q8_0", "q8_k": "q8_0", "i8": "q8_0", "i16": "f16", "i32": "f32",
    "i64": "f32", "f64": "f32", "q1_0": "iq1_s", "mxfp4": "mxfp4_moe",
}  # fmt: skip
FORMAT_OF_SAFETENSORS = {
    "F64": "fp32", "F32": "fp32", "I64": "fp32", "U64": "fp32", "F16": "fp16", "BF16": "bf16", "I16": "bf16", "U16": "bf16", "I8": "int8",
    "F4": "nvfp4", "U32": "awq_int4",
}  # fmt: skip
DEFAULT_FORMAT = "bf16"
BYTES_OF_FORMATS = ((3.0, "fp32"), (1.5, "bf16"), (0.9, "fp8"), (0.0, "gptq_int4"))  # at least so many bytes a parameter


def gguf_format(metadata: Mapping[str, object], table: TensorTable) -> str:
    """The file type that a GGUF file names, where it is one of ours; else the mix that its main tensor type belongs to."""
    number = metadata.get("general.file_type")
    named = FILE_TYPES.get(number, "") if type(number) is int else ""
    main = table.main_type
    candidates = (named, MIX_OF_TYPE.get(main, main), DEFAULT_FORMAT)
    return next(name for name in candidates if name in WEIGHT_FORMATS)


def safetensors_format(table: TensorTable) -> str:
    """The format that most bytes of a safetensors file are in; packed ones are told apart by the tensors beside them."""
    main, names = table.main_type, table.shapes
    if main == "I32":
        return "gptq_int4" if any(name.endswith(".g_idx") for name in names) else "awq_int4"
    if main == "U8":
        return "nf4" if any(name.endswith(".absmax") for name in names) else "mxfp4"
    return "fp8" if main.startswith("F8") else FORMAT_OF_SAFETENSORS.get(main, DEFAULT_FORMAT)


def format_by_size(bytes_per_parameter: float) -> str:
    """The format that takes about so many bytes a parameter."""
    return next(name for least, name in BYTES_OF_FORMATS if bytes_per_parameter >= least)
